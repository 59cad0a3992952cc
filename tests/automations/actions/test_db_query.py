"""db.query: what is asked of the store, and what a step keeps of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.problems import Problems
from tests.automations.given import TABLES, Far, automation, rfi, scope


def ran(parameters: str, journal: MemoryJournal | None = None) -> tuple[Outcome, Any]:
    journal = journal or MemoryJournal(tables=dict(TABLES))
    rule = automation(f"do:\n  - {{id: a, use: db.query, with: {{{parameters}}}}}\n")
    outcome = run(rule, scope(), journal, Far())
    return outcome, journal.results["a"].output


def numbers(parameters: str) -> list[str]:
    outcome, output = ran(parameters)
    assert outcome.state == "ok", outcome
    assert output["count"] == len(output["rows"])
    return [row["number"] for row in output["rows"]]


def test_comparisons_must_all_hold() -> None:
    assert numbers("table: rfis, where: {status: open}") == ["12", "14"]
    assert numbers('table: rfis, where: {status: open, due: {lt: "${run.today}"}}') == ["12"]
    assert numbers("table: rfis, where: {number: ['12', '13'], status: {not: open}}") == ["13"]
    assert numbers("table: rfis, where: [{status: open}, {title: {contains: beam}}]") == ["12"]


def test_order_and_limit() -> None:
    assert numbers("table: rfis, order: [status, due desc]") == ["13", "14", "12"]
    assert numbers("table: rfis, order: due desc, limit: 1") == ["14"]


def test_a_list_that_was_cut_says_so() -> None:
    assert ran("table: rfis, limit: 2")[1]["more"] is True
    assert ran("table: rfis, limit: 3")[1]["more"] is False


def test_columns_are_as_chosen_and_dates_are_text_for_later_steps() -> None:
    assert ran("table: rfis, where: {number: '12'}, columns: [number, due]")[1]["rows"] == [{"number": "12", "due": "2026-03-13"}]


def test_the_event_decides_whose_rows_are_meant() -> None:
    asked: list[Any] = []

    class Noting(MemoryJournal):
        def stream(self, query: Any) -> Any:
            asked.append(query)
            return super().stream(query)

    ran("table: rfis, to: 'sql:dw'", Noting(tables={"dw:rfis": []}))
    assert (asked[0].connector, asked[0].to, asked[0].deleted) == ("acme-prod", "dw", False)


def test_more_than_a_step_keeps_is_an_error_that_names_the_way() -> None:
    rows = [{"id": str(n), "body": "x" * 1000} for n in range(300)]
    outcome, _ = ran("table: rfis, limit: 1000", MemoryJournal(tables={"rfis": rows}))
    assert outcome.error is not None
    assert outcome.error["kind"] == "output"
    assert "use a file action with table: rfis" in outcome.error["message"]


def test_rubbish_is_kept_as_json() -> None:
    rows = [{"a": float("nan"), "b": "\ud800", "c": 10**400, "d": {"e": [None]}, "f": datetime(2026, 3, 1, tzinfo=UTC)}]
    outcome, output = ran("table: rfis", MemoryJournal(tables={"rfis": rows}))
    assert outcome.state == "ok"
    assert (output["rows"][0]["c"], output["rows"][0]["f"]) == (10**400, "2026-03-01T00:00:00Z")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("where: {status: open}", "TB132"),
        ("table: tieback_runs", "TB134"),
        ('table: "${event.resource_name}"', "TB133"),
        ('table: "x; drop table rfis"', "TB134"),
        ("table: rfis, where: {'a b': 1}", "TB134"),
        ("table: rfis, where: {status: {lik: open}}", "TB133"),
        ("table: rfis, where: {status: {}}", "TB133"),
        ("table: rfis, where: status = 'open'", "TB133"),
        ("table: rfis, where: [status]", "TB133"),
        ("table: rfis, order: ['due; drop table rfis']", "TB133"),
        ("table: rfis, order: {due: desc}", "TB133"),
        ("table: rfis, columns: ['*']", "TB134"),
        ("table: rfis, limit: 0", "TB133"),
        ("table: rfis, to: 'http:erp'", "TB136"),
        ("table: rfis, to: 'sql:other'", "TB136"),
        ("table: rfis, sql: select 1", "TB131"),
    ],
)
def test_what_is_no_query_is_refused_at_load(parameters: str, code: str) -> None:
    with pytest.raises(Problems) as raised:
        ran(parameters)
    assert code in {p.code for p in raised.value.found}


def test_a_misspelt_comparison_is_suggested() -> None:
    with pytest.raises(Problems, match='"contians" is no comparison; did you mean "contains"'):
        ran("table: rfis, where: {status: {contians: open}}")


def test_a_comparison_that_comes_from_a_value_is_checked_all_the_same() -> None:
    rule = automation(
        'do:\n  - {id: a, use: db.query, with: {table: rfis, where: "${record.custom_fields}"}}\n',
    )
    given = scope(record=rfi(custom_fields={"x; drop table rfis": 1}))
    outcome = run(rule, given, MemoryJournal(tables=dict(TABLES)), Far())
    assert outcome.error is not None
    assert "is no column name" in outcome.error["message"]


def test_dates_compare_with_times_as_their_midnight() -> None:
    journal = MemoryJournal(tables={"rfis": [{"number": "1", "due": date(2026, 3, 20)}]})
    assert ran('table: rfis, where: {due: "${run.today}"}', journal)[1]["count"] == 1
