"""A run that repeats another one with edits: what it was given instead, and which of its effects are others than those of then.

The event of such a run says so in its body, under `replay`: `edits` has `run`, the first run that was edited, `of`, the one
that this one was made from, `by`, `inputs` and `now`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from automations.effects import hash_of
from store import runs
from workers.kept import small

Edits = Mapping[str, Any]


def edits_of(event: Any) -> Edits | None:
    """None for the event of a run like any other, and for a digest, which has no event."""
    found: Edits | None = None if event is None else ((event.body or {}).get("replay") or {}).get("edits")
    return found


def made_at(event: Any, row: Any) -> dt.datetime:
    """The moment that `run.now` is: with edits that of the first run, so that nothing differs but what was edited."""
    edits = edits_of(event)
    return row.created_at if edits is None else dt.datetime.fromisoformat(edits["now"])


class Origin:
    """What the steps of the first run were given. Effects are told apart by it and not by the run in between, so that whoever
    edits an edited run back to what it was finds the effects of then."""

    def __init__(self, db: Connection, event: Any):
        edits = edits_of(event)
        self._edits = edits
        self._inputs = {} if edits is None else {step.path: _given(step) for step in runs.steps(db, edits["run"])}

    def edit_of(self, path: str, inputs: Any) -> str:
        """As `Journal.edit_of`."""
        if self._edits is None:
            return ""
        given, was = small(inputs), self._inputs.get(path)
        if given == was or (was is None and path not in self._edits["inputs"]):
            return ""
        return hash_of(given)[:16]


def _given(step: Any) -> Any:
    """A step's inputs without the item beside them, which a foreach adds for later steps."""
    if "[" in step.path and isinstance(step.inputs, dict):
        return {name: value for name, value in step.inputs.items() if name != "item"} or None
    return step.inputs
