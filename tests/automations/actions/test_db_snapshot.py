"""db.snapshot: what is handed to the store."""

from __future__ import annotations

from typing import Any

import pytest

from automations.engine import run
from automations.journal import RowChange, RowQuery, Snapshot
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.problems import Problems
from tests.automations.given import TABLES, Far, automation, rfi, scope


def ran(parameters: str, journal: MemoryJournal, **given: Any) -> Outcome:
    rule = automation(f"do:\n  - {{id: keep, use: db.snapshot, with: {{{parameters}}}}}\n")
    return run(rule, scope(**given), journal, Far())


def kept(parameters: str) -> Snapshot:
    journal = MemoryJournal(tables=dict(TABLES))
    outcome = ran(parameters, journal)
    assert outcome.state == "ok", outcome
    return journal.snapshots[0]


def test_rows_of_a_table_are_kept_under_the_time_of_the_run() -> None:
    of = RowQuery("rfis", (("status", "is", "open"),), connector="acme-prod")
    wanted = Snapshot("rfis_history", "2026-03-20T12:00:00Z", "keep", of)
    assert kept("table: rfis, into: rfis_history, where: {status: open}") == wanted


def test_the_time_may_be_written() -> None:
    assert kept("table: rfis, into: h, at: 2026-01-31").at == "2026-01-31T00:00:00Z"


def test_the_record_as_a_whole_or_any_row_is_kept_too() -> None:
    assert kept('row: "${record}", into: h').of == RowChange("h", rfi(), (), True, {}, "2026-03-06T18:25:41Z")
    of = kept("row: {id: 7}, into: h").of
    assert of == RowChange("h", {"connector": "acme-prod", "company_id": "598134000001001", "id": 7}, (), False)


def test_the_output_says_how_many_and_in_shadow_nothing_is_kept() -> None:
    journal = MemoryJournal(tables=dict(TABLES))
    ran("table: rfis, into: h", journal)
    assert journal.results["keep"].output == {"rows": 3, "at": "2026-03-20T12:00:00Z"}
    journal = MemoryJournal(dry=True, tables=dict(TABLES))
    ran("table: rfis, into: h", journal)
    assert journal.snapshots == []
    assert journal.results["keep"].output["dry"] is True


def test_after_a_delete_there_is_no_record_to_keep() -> None:
    outcome = ran('row: "${record}", into: h', MemoryJournal(), record=None)
    assert outcome.error is not None
    assert "there is no record" in outcome.error["message"]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("table: rfis", "TB132"),
        ("into: h", "TB133"),
        ("into: h, table: rfis, row: {a: 1}", "TB133"),
        ("into: rfis, table: rfis", "TB133"),
        ("into: h, row: {a: 1}, where: {a: 1}", "TB133"),
        ("into: h, row: {'a b': 1}", "TB134"),
        ("into: tieback_h, table: rfis", "TB134"),
        ('into: "${event.resource_name}", table: rfis', "TB133"),
    ],
)
def test_what_is_no_snapshot_is_refused_at_load(parameters: str, code: str) -> None:
    with pytest.raises(Problems) as raised:
        ran(parameters, MemoryJournal())
    assert code in {p.code for p in raised.value.found}
