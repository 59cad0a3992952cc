"""Questions that runs put to people, and answering them."""

from __future__ import annotations

from typing import Any

from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs import fitting
from console.verbs.at_hand import AtHand, NotThere
from store import approvals, audit, searching
from store.session import reading, writing


def listed(here: AtHand, limit: int, before: int | None = None, state: str | None = None) -> list[dict[str, Any]]:
    """The newest first; `state` is open, answered or expired. Raises: Misfit for another one."""
    fitting.check(fitting.APPROVALS, {"state": state})
    with reading(here.engine) as db:
        return searching.approvals(db, here.only, limit, before, state=state)


def answer(here: AtHand, id: int, choice: str | None, note: str) -> str:
    """Answer an open question; its run goes on. None takes the first choice, which the rule wrote for yes. The choice made.

    Raises: NotThere, ConfigError for another choice than it has, or when it was answered or has expired.
    """
    with writing(here.engine) as db:
        found = searching.approvals(db, here.only, 1, id=id)
        if not found:
            raise NotThere(f"there is no question {id}. List them: tieback approvals list")
        choices = [str(one) for one in found[0]["choices"]]
        chosen = choices[0] if choice is None else choice
        if chosen not in choices:
            raise ConfigError(f'"{chosen[:40]}" is no choice{did_you_mean(chosen, choices) or "."} Choices: {", ".join(choices)}')
        if not approvals.answer(db, id, chosen, here.actor, note[:1000] or None):
            raise ConfigError(f"question {id} is open no more: it was answered, has expired, or its run has ended.")
        audit.note(
            db, here.actor, "question answered", str(id), {"choice": chosen, "note": note[:1000], "run": found[0]["run_id"]}
        )
    return chosen
