"""metrics.count: counts once per step, with labels as text."""

from __future__ import annotations

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.problems import Problems
from tests.automations.given import Far, automation, scope


def counted(parameters: str, journal: MemoryJournal) -> Outcome:
    return run(automation(f"do:\n  - {{id: a, use: metrics.count, with: {{{parameters}}}}}\n"), scope(), journal, Far())


def test_a_run_counts_once_however_often_it_is_tried() -> None:
    journal = MemoryJournal()
    for _ in range(2):
        assert counted('name: rfis, labels: {status: "${record.status}"}', journal).state == "ok"
    assert journal.counters == {'rfis{"status": "open"}': 1.0}
    assert journal.results["a"].output == {"value": 1.0}


def test_what_was_not_committed_was_not_counted() -> None:
    journal = MemoryJournal()
    journal.count("rfis", {}, 5.0)
    journal.crash()
    counted("name: rfis, by: 2.5", journal)
    assert journal.counters == {"rfis": 2.5}


def test_labels_are_text_whatever_they_were() -> None:
    journal = MemoryJournal()
    counted('name: n, labels: {a: "${record.private}", b: "${record.location}", c: 3}', journal)
    assert journal.counters == {'n{"a": "false", "b": "", "c": "3"}': 1.0}


def test_a_dry_run_counts_nothing() -> None:
    journal = MemoryJournal(dry=True)
    counted("name: rfis", journal)
    assert journal.counters == {}
    assert journal.results["a"].output["would"] == "metrics.count: rfis + 1"


@pytest.mark.parametrize(
    "parameters",
    ["name: RFIs", 'name: "a b"', "name: a, by: -1", "name: a, by: .inf", "name: a, labels: {A: x}",
     "name: a, labels: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1}",
     'name: "${record.status}"'],
)  # fmt: skip
def test_what_cannot_be_counted_is_refused_at_load(parameters: str) -> None:
    with pytest.raises(Problems) as raised:
        counted(parameters, MemoryJournal())
    assert {p.code for p in raised.value.found} == {"TB133"}
