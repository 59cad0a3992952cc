"""db.upsert: what is handed to the store."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from automations.engine import run
from automations.journal import RowChange
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.problems import Problems
from tests.automations.given import Far, automation, rfi, scope


def upserted(parameters: str, **given: Any) -> RowChange:
    journal = MemoryJournal()
    assert ran(parameters, journal, **given).state == "ok"
    return journal.rows[0]


def ran(parameters: str, journal: MemoryJournal, **given: Any) -> Outcome:
    return run(automation(f"do:\n  - {{id: a, use: db.upsert, with: {{{parameters}}}}}\n"), scope(**given), journal, Far())


def test_the_record_as_a_whole_goes_into_the_standard_columns_untouched() -> None:
    change = upserted('table: rfis, row: "${record}", version: "${record.updated_at}"')
    assert change == RowChange("rfis", rfi(), ("connector", "id"), True, {}, "2026-03-06T18:25:41Z", True)


def test_its_version_is_its_updated_at_when_none_is_written() -> None:
    assert upserted('table: rfis, row: "${ record }"').version == "2026-03-06T18:25:41Z"


def test_further_columns_keep_their_types() -> None:
    change = upserted('table: rfis, row: "${record}", columns: {due: "${record.due_date}", title: "${record.title}"}')
    assert change.columns == {"due": date(2026, 3, 13), "title": "Beam pocket depth at grid C4"}


def test_any_other_row_has_a_key_and_gets_connector_and_company() -> None:
    change = upserted('table: late, key: id, row: {id: "${record.id}", days: 3}, if_newer: false')
    assert change == RowChange(
        "late",
        {"connector": "acme-prod", "company_id": "598134000001001", "id": "22564874", "days": 3},
        ("id",),
        False,
        {},
        None,
        False,
    )


@pytest.mark.parametrize(
    "parameters, code",
    [
        ('table: "tieback_runs", row: "${record}"', "TB134"),
        ('table: "RFIs", row: "${record}"', "TB134"),
        ('table: "x\\"; drop table rfis; --", row: "${record}"', "TB134"),
        (f'table: {"a" * 64}, row: "${{record}}"', "TB134"),
        ('table: "${event.resource_name}", row: "${record}"', "TB133"),
        ("table: late, row: {id: 1}", "TB135"),
        ("table: late, row: {id: 1}, key: [number]", "TB135"),
        ('table: late, row: "${steps}", key: "a b"', "TB134"),
        ('table: rfis, row: "${record}", columns: {"a b": 1}', "TB134"),
    ],
)
def test_what_cannot_be_written_is_refused_at_load(parameters: str, code: str) -> None:
    with pytest.raises(Problems) as raised:
        ran(parameters, MemoryJournal())
    assert code in {p.code for p in raised.value.found}


def test_a_column_that_comes_from_a_value_must_be_a_column_name() -> None:
    journal = MemoryJournal()
    outcome = ran(
        'table: late, key: id, row: "${record.custom_fields}"', journal, record=rfi(custom_fields={"id": 1, "a; drop": 2})
    )
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert "a; drop" in outcome.error["message"]
    assert journal.rows == []


def test_without_a_record_the_sentence_says_so() -> None:
    outcome = ran('table: rfis, row: "${record}"', MemoryJournal(), record=None)
    assert outcome.error is not None
    assert "no record" in outcome.error["message"]


def test_in_shadow_no_row_is_handed_over() -> None:
    journal = MemoryJournal(dry=True)
    ran('table: rfis, row: "${record}"', journal)
    assert journal.rows == []
    assert journal.results["a"].output == {"dry": True, "would": "db.upsert: a row of rfis", "result": "dry"}
