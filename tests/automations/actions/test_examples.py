"""Every action: its docstring's example runs, and it declares what it must."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import pytest
from pydantic import BaseModel

from automations.actions import known_words, of_word
from automations.engine import run
from automations.fields import Field
from automations.memory import MemoryJournal
from tests.automations.given import KNOWN, TABLES, Far, automation, rfi, scope

WAITS = ("ask.approve", "wait.for")
POLICIES = {"none", "row", "idempotent", "natural_key", "verify_then_retry", "at_most_once", "by_method"}


def example(word: str) -> str:
    found = re.search(r"```yaml\n(.*?)```", of_word(word).__doc__ or "", re.DOTALL)
    assert found, f"{word} has no example"
    return found.group(1)


@pytest.mark.parametrize("word", known_words())
def test_the_example_of_an_action_runs(word: str) -> None:
    # Given the example as the one step of a rule on RFIs
    rule = automation("do:\n  - id: it\n" + textwrap.indent(example(word), "    "))
    journal = MemoryJournal(tables=dict(TABLES))
    # When it runs
    far = Far(records={("Projects", "598134000002001"): {"id": 598134000002001, "name": "Harbor"}, ("RFIs", "22564874"): rfi()})
    far.folder().replace("out/daily.csv", lambda out: out.write(b"a,b"))
    outcome = run(rule, scope(record=scope().record | {"rfi_manager": {"id": 1, "name": "Pat"}}), journal, far)  # type: ignore[operator]
    # Then it is ok, or waits for what it says
    assert outcome.state == ("waiting" if word in WAITS else "ok"), outcome


@pytest.mark.parametrize("word", known_words())
def test_an_action_declares_parameters_policy_and_output(word: str) -> None:
    action: Any = of_word(word)
    assert issubclass(action.Params, BaseModel)
    assert action.POLICY in POLICIES
    assert isinstance(action.output({}, KNOWN) if hasattr(action, "output") else action.OUTPUT, Field)
    assert (action.__doc__ or "").strip()


def test_an_unknown_word_is_none() -> None:
    assert of_word("db.nothing") is None
    assert of_word(None) is None
    assert of_word("_shapes") is None
