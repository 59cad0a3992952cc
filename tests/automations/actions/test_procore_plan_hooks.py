"""procore.plan_hooks: which connectors are looked at."""

from __future__ import annotations

import pytest

from automations.chores import Planned
from automations.engine import run
from automations.memory import MemoryJournal
from tests.automations.given import Far, automation, event, scope

WHEN = "config: {kinds: [connector.*, automations.changed]}"


@pytest.mark.parametrize(
    "kind, name, asked",
    [
        ("connector.updated", "acme-prod", ["acme-prod"]),
        ("connector.removed", "acme-prod", []),
        ("automations.changed", "", None),
    ],
)
def test_changed_means_what_the_event_names_or_all(kind: str, name: str, asked: list[str] | None) -> None:
    far, journal = Far(), MemoryJournal()
    far.chores.plans["1"] = Planned("1", 2, 1, 1, ("a", "b"))
    told = event(source="config", kind=kind, name=name, connector=name, company_id="", project_id="")
    rule = automation("do:\n  - {id: plan, use: procore.plan_hooks, with: {connectors: changed}}\n", when=WHEN)
    assert run(rule, scope(event=told, record=None, previous=None), journal, far).state == "ok"
    assert far.chores.asked == [asked]
    output = journal.results["plan"].output
    assert output == {"id": "1", "changes": 2, "creates": 1, "deletes": 1, "lines": ["a", "b"], "problems": []}


def test_a_named_connector_of_another_company_than_the_events_is_refused() -> None:
    far = Far()
    rule = automation("do:\n  - {id: plan, use: procore.plan_hooks, with: {connectors: [other-co]}}\n")
    assert (run(rule, scope(), MemoryJournal(), far).error or {})["kind"] == "other_company"
    assert far.chores.asked == []
