"""db.mark_deleted: which row, and when."""

from __future__ import annotations

import pytest

from automations.engine import run
from automations.journal import RowDeletion
from automations.memory import MemoryJournal
from config.problems import Problems
from tests.automations.given import Far, automation, event, scope

KEY = 'key: {project_id: "${event.project_id}", id: "${event.resource_id}"}'


def deleted(parameters: str, dry: bool = False) -> MemoryJournal:
    journal = MemoryJournal(dry=dry)
    rule = automation(f"do:\n  - {{id: a, use: db.mark_deleted, with: {{{parameters}}}}}\n")
    assert run(rule, scope(event=event(), record=None), journal, Far()).state == "ok"
    return journal


def test_the_row_is_that_of_the_events_own_connector() -> None:
    assert deleted(f'table: rfis, {KEY}, at: "${{event.timestamp}}"').deletions == [
        RowDeletion("rfis", {"connector": "acme-prod", "project_id": "598134000002001", "id": "22564874"}, "2026-03-20T11:59:58Z")
    ]


def test_without_a_time_it_is_when_the_run_was_made() -> None:
    assert deleted(f"table: rfis, {KEY}").deletions[0].at == "2026-03-20T12:00:00Z"


def test_in_shadow_nothing_is_marked() -> None:
    assert deleted(f"table: rfis, {KEY}", dry=True).deletions == []


@pytest.mark.parametrize(
    "parameters, code", [("table: rfis, key: {}", "TB133"), ("table: rfis", "TB132"), (f"table: rfis, {KEY}, at: noon", "TB133")]
)
def test_what_is_wrong_is_refused_at_load(parameters: str, code: str) -> None:
    with pytest.raises(Problems) as raised:
        deleted(parameters)
    assert [p.code for p in raised.value.found] == [code]


def test_a_row_of_own_columns_is_known_by_its_key_alone_as_db_upsert_knows_it() -> None:
    assert [one.key for one in deleted('table: orders, key: {number: "7"}').deletions] == [{"number": "7"}]
