"""procore.sync: thousands at a time, refusals named, and what does not fit the cap."""

from __future__ import annotations

from typing import Any

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.problems import Problems
from tests.automations.given import Bulk, Far, Refused, automation, scope

THREE = "[{origin_id: a, name: A}, {origin_id: b, name: B}, {id: '7', name: C}]"


def synced(rows: str, far: Far, journal: MemoryJournal | None = None, head: str = "") -> Outcome:
    rule = automation(f"do:\n  - {{id: a, use: procore.sync, with: {{resource: Company Vendors, rows: {rows}}}}}\n", head=head)
    return run(rule, scope(), journal or MemoryJournal(), far)


def test_the_rows_go_out_in_one_call_and_their_ids_come_back() -> None:
    journal, far = MemoryJournal(), Far()
    assert synced(THREE, far, journal).state == "ok"
    assert len(far.asked) == 1
    assert journal.results["a"].output == {"written": 3, "ids": {"a": 500, "b": 501}, "left": []}
    assert [one.effect.policy for one in journal.effects.values()] == ["natural_key"]


def test_each_thousand_is_a_call_and_an_effect_of_its_own() -> None:
    journal, far = MemoryJournal(), Far()
    head = "vars: {rows: [" + ", ".join(f"{{origin_id: 'v{n}'}}" for n in range(1500)) + "]}\n"
    assert synced("'${vars.rows}'", far, journal, head).state == "ok"
    assert [len(one["rows"]) for one in far.asked] == [1000, 500]
    assert len(journal.effects) == 2


def test_a_200_with_errors_is_a_failure_that_names_each() -> None:
    answer = Bulk([{"id": 1, "origin_id": "a"}], [Refused(1, "b", "name can't be blank"), Refused(None, "", "odd")])
    journal, far = MemoryJournal(), Far([answer])
    outcome = synced(THREE, far, journal)
    assert outcome.error is not None
    assert outcome.error["kind"] == "sync_errors"
    assert "row 2 (origin_id b): name can't be blank" in outcome.error["message"]
    assert "refused 2 of 3" in outcome.error["message"]
    # And the row that was taken is known as ours; when the run is tried again all are sent again
    assert ("answered", [{"id": 1, "origin_id": "a"}]) in far.noted
    assert synced(THREE, far, journal).state == "ok"
    assert len(far.asked) == 2


def test_at_the_cap_it_does_what_fits_and_lists_the_rest() -> None:
    journal, far = MemoryJournal(), Far(room=2)
    assert synced(THREE, far, journal).state == "ok"
    assert len(far.asked[0]["rows"]) == 2
    assert journal.results["a"].output["left"] == ["id 7"]


def test_where_nothing_fits_it_fails() -> None:
    outcome = synced(THREE, Far(room=0))
    assert (outcome.error or {})["kind"] == "cap"


@pytest.mark.parametrize("rows", ["[{name: A}]", "[{origin_id: a}, {origin_id: a}]"])
def test_a_row_without_a_key_of_its_own_is_refused_at_load(rows: str) -> None:
    with pytest.raises(Problems) as raised:
        synced(rows, Far())
    assert {p.code for p in raised.value.found} == {"TB135"}


def test_a_resource_without_bulk_upsert_is_refused_at_load() -> None:
    text: Any = "do:\n  - {id: a, use: procore.sync, with: {resource: RFIs, rows: [{origin_id: a}]}}\n"
    with pytest.raises(Problems, match="has no bulk upsert"):
        automation(text)
