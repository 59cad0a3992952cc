"""The ledger of effects: intent, call, outcome. A step may be tried many times; its effect happens once.

What to do when an earlier attempt left an intent without an outcome is the action's declared policy:

| policy | after doubt |
|---|---|
| idempotent | call again: the same call twice leaves the same state |
| natural_key | call again with the same key: the far end recognises it |
| verify_then_retry | look the effect up; adopt what is found, else call |
| at_most_once | do nothing; a person decides |
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from automations.journal import Effect, Journal, Policy
from config.errors import LostLease, Permanent, Transient, Uncertain
from config.hiding import holds_hidden


class InDoubt(Permanent):
    """Nobody can tell whether the effect happened. The run is parked until a person settles it."""

    def __init__(self, message: str):
        super().__init__(message, kind="uncertain")


def refuse_hidden(where: str, value: Any) -> None:
    """What stands in the place of a secret must not go out as if it were the value.

    Raises: Permanent(kind="hidden").
    """
    if holds_hidden(value):
        raise Permanent(
            f"{where}: a value from an earlier step is a secret or equals one. It is not kept, so an attempt after a wait or a "
            "retry cannot use it. Let a destination hold the secret (headers: by reference), or make and use it in one step.",
            kind="hidden",
        )


def key_of(automation: str, step: str, item: str, target: str, event: str, once: str | None = None) -> str:
    """The name of an effect, never of a version or position: saving a rule re-sends nothing.

    With `once` (a rule's `once:` or `idempotency_key:`) it is of the target and that value alone.
    """
    parts = [target, once] if once is not None else [automation, step, item, target, event]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


def hash_of(request: Any) -> str:
    """Tells whether a later attempt asks for the same thing."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


def perform(journal: Journal, effect: Effect, call: Callable[[], Any], lookup: Callable[[], Any | None] | None = None) -> Any:
    """Make the effect happen once, and give the response: this call's, or the one an earlier attempt kept.

    Raises: InDoubt when the policy is at_most_once and an earlier attempt may have gone out;
    whatever `call` raises, after the outcome is noted.
    """
    kept = journal.intend(effect)
    if kept.state == "applied":
        return kept.response
    if kept.elsewhere and effect.policy == "at_most_once":
        raise at_it(effect)
    if not kept.fresh and kept.state in ("intent", "uncertain"):
        if effect.policy == "at_most_once":
            journal.settle(effect.key, "uncertain", kept.response)
            raise InDoubt(f"{effect.summary}: an earlier attempt may have gone through. Look at {effect.target}, then settle it.")
        if effect.policy == "verify_then_retry" and lookup is not None and (found := lookup()) is not None:
            journal.settle(effect.key, "applied", found)
            return found
    return _call(journal, effect, call, after_doubt=not kept.fresh and effect.policy != "verify_then_retry")


def at_it(effect: Effect) -> Transient:
    """Two runs may have the same `once:` in the same moment; the second one waits for what the first one learns."""
    return Transient(f"{effect.summary}: another run is just doing it. It is looked at again.", kind="busy", retry_after_s=2.0)


def _call(journal: Journal, effect: Effect, call: Callable[[], Any], after_doubt: bool) -> Any:
    """`after_doubt`: an earlier attempt may have gone through, so that a refusal of this one says nothing about it."""
    journal.still_mine()
    try:
        response = call()
    except LostLease:
        raise
    except Uncertain:
        journal.settle(effect.key, "uncertain", None)
        raise
    except (Transient, Permanent) as error:
        doubt = may_have_applied(effect.policy, error)
        unknown = doubt or after_doubt or _perhaps_done(error)
        journal.settle(effect.key, "uncertain" if unknown else "failed", {"error": str(error)})
        if doubt:
            raise Uncertain(str(error), kind=error.kind) from error
        raise
    except Exception:
        # A bug of ours behind the call: what went out before it is anybody's guess.
        journal.settle(effect.key, "uncertain", None)
        raise
    journal.settle(effect.key, "applied", response)
    return response


def may_have_applied(policy: Policy, error: Transient | Permanent) -> bool:
    """Whether a call of this policy must not simply be made again after such an error."""
    return policy in ("at_most_once", "verify_then_retry") and _perhaps_done(error)


def _perhaps_done(error: Transient | Permanent) -> bool:
    """A 5xx may come after the work was done. One that asks us to come back later says it was not."""
    return error.kind.startswith(("http_5", "timeout")) and getattr(error, "retry_after_s", None) is None


def summary(word: str, detail: str, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a dry run says instead of doing it."""
    return {"dry": True, "would": f"{word}: {detail}", **({"request": dict(request)} if request else {})}
