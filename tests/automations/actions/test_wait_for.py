"""wait.for: the wait is a row, the attempt after it goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from automations.engine import run
from automations.memory import MemoryJournal
from tests.automations.given import NOW, Far, automation, scope

RULE = "do:\n  - id: pause\n    use: wait.for\n    with: {duration: 48h}\n  - id: after\n    use: set\n    with: {x: 1}\n"


def test_it_waits_its_time_and_goes_on_behind_it() -> None:
    rule, journal = automation(RULE), MemoryJournal()
    # Given a first attempt, which waits
    first = run(rule, scope(), journal, Far())
    assert (first.state, first.wait_s) == ("waiting", 48 * 3600.0)
    # When the next one comes after the time
    later = replace(scope(), moment=NOW + timedelta(hours=48, seconds=1))
    # Then it is done, and what follows too
    assert run(rule, later, journal, Far()).state == "ok"
    assert [one.path for one in journal.history] == ["pause", "pause", "after"]
    assert journal.results["pause"].output == {"until": "2026-03-22T12:00:00Z"}
