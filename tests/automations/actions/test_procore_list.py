"""procore.list: what is asked of Procore, what counts as a call, and what is too much."""

from __future__ import annotations

from typing import Any

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.problems import Problems
from tests.automations.given import Far, automation, scope


def listed(more: str, far: Far, journal: MemoryJournal | None = None, limits: str = "") -> Outcome:
    rule = automation(f"do:\n  - {{id: a, use: procore.list, with: {{resource: Observation Items{more}}}}}\n", head=limits)
    return run(rule, scope(), journal or MemoryJournal(), far)


def records(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": n, **more} for n in range(count)]


def test_the_records_of_every_page_are_the_output() -> None:
    journal, far = MemoryJournal(), Far(pages=[records(2), records(1)])
    assert listed(", filters: {status: open}", far, journal).state == "ok"
    assert [one["id"] for one in journal.results["a"].output] == [0, 1, 0]
    asked = {"list": "Observation Items", "project_id": "598134000002001", "parent": None, "filters": {"status": "open"}}
    assert far.asked == [asked, asked]


def test_each_page_counts_as_a_call() -> None:
    far = Far(pages=[records(1)] * 3)
    outcome = listed("", far, limits="limits: {api_calls: 2}\n")
    assert outcome.error is not None
    assert outcome.error["kind"] == "api_calls"
    assert len(far.asked) == 2


def test_a_limit_takes_the_first_and_asks_for_no_more_pages() -> None:
    journal, far = MemoryJournal(), Far(pages=[records(3), records(3)])
    assert listed(", limit: 2", far, journal).state == "ok"
    assert len(journal.results["a"].output) == 2
    assert len(far.asked) == 1


@pytest.mark.parametrize("page", [records(1001), records(3, text="x" * 100_000)])
def test_what_is_too_much_names_filters_and_the_import(page: list[dict[str, Any]]) -> None:
    outcome = listed("", Far(pages=[page]))
    assert outcome.error is not None
    assert outcome.error["kind"] == "too_much"
    assert "filters:" in outcome.error["message"]
    assert "procore.import" in outcome.error["message"]


def test_a_parent_that_the_list_does_not_ask_for_is_refused() -> None:
    outcome = listed(", parent: '7'", Far(pages=[records(1)]))
    assert outcome.error is not None
    assert "has no parent" in outcome.error["message"]


def test_its_items_have_the_fields_of_the_resource() -> None:
    with pytest.raises(Problems, match='did you mean "title"'):
        automation(
            "do:\n  - {id: a, use: procore.list, with: {resource: RFIs}}\n"
            "  - {id: b, if: 'steps.a.output.exists(r, r.titel == \"x\")', use: set, with: {n: 1}}\n"
        )


def test_an_unknown_resource_is_found_when_the_rule_is_loaded() -> None:
    with pytest.raises(Problems) as raised:
        automation("do:\n  - {id: a, use: procore.list, with: {resource: Submital}}\n")
    assert [p.code for p in raised.value.found] == ["TB121"]
    assert 'did you mean "Submittals"' in str(raised.value)
