"""set: values by name."""

from __future__ import annotations

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from config.problems import Problems
from tests.automations.given import Far, automation, scope


def test_the_names_are_the_output() -> None:
    journal = MemoryJournal()
    run(automation("do:\n  - {id: a, use: set, with: {n: 1, late: '${record.due_date != null}'}}\n"), scope(), journal, Far())
    assert journal.results["a"].output == {"n": 1, "late": True}


def test_a_name_that_was_not_set_is_unknown() -> None:
    with pytest.raises(Problems, match='no field "m"'):
        automation("do:\n  - {id: a, use: set, with: {n: 1}}\n  - {id: b, use: set, with: {x: '${steps.a.output.m}'}}\n")
