"""run.start: another automation begins with the values of this one."""

from __future__ import annotations

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Start
from tests.automations.given import Far, automation, scope

RULE = 'do:\n  - id: begin\n    use: run.start\n    with: {automation: close-out, values: {number: "${record.number}"}}\n'


def test_it_is_started_with_its_values_once_the_step_is_kept() -> None:
    journal = MemoryJournal()
    assert run(automation(RULE), scope(), journal, Far()).state == "ok"
    assert journal.started == {"begin": Start("close-out", {"number": "12"})}


def test_in_shadow_nothing_is_started() -> None:
    journal = MemoryJournal(dry=True)
    assert run(automation(RULE), scope(), journal, Far()).state == "ok"
    assert journal.started == {}
    assert journal.results["begin"].output["would"] == "run.start: close-out"
