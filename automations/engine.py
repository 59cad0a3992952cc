"""Run one automation on one event: guards first, then its place in the flow, then its steps.

An attempt may end anywhere (a crash, a wait, a lost lease). The next one finds the kept results in the
journal and goes on behind them, so a step that is done is never done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from automations import transitions
from automations.attempt import Attempt
from automations.conditions import judge, reason
from automations.durations import shown
from automations.expressions import Expression
from automations.journal import Journal
from automations.outcomes import Line, Outcome
from automations.parts import CHOSEN, Automation, Trigger
from automations.scope import Scope
from automations.tools import Tools
from config.errors import Permanent


def run(
    automation: Automation, scope: Scope, journal: Journal, tools: Tools, clock: Callable[[], float] = time.monotonic
) -> Outcome:
    """One attempt at a run. `clock` is in seconds, for `limits: timeout`.

    Raises: LostLease when somebody else has this run now.
    """
    begun = journal.begun
    judged = guards(automation, scope, begun)
    for trigger, holds in judged.watched.items():
        journal.watch(trigger, holds)
    if judged.refusal is not None:
        return judged.refusal
    if not begun:
        kept_out = _kept_out(automation, scope, journal, judged.trigger)
        if kept_out is not None:
            return replace(kept_out, lines=judged.lines, trigger=judged.trigger)
    return Attempt(automation, scope, journal, tools, clock, judged.trigger, judged.lines).outcome()


@dataclass(frozen=True)
class Judged:
    """The trigger that fires and what the `if:` lines saw, or why there is nothing to do.

    `watched` says of triggers that fire only after a while whether what they wait for began, or is over.
    """

    trigger: str
    lines: tuple[Line, ...]
    refusal: Outcome | None
    watched: Mapping[str, bool] = field(default_factory=dict)


def guards(automation: Automation, scope: Scope, begun: bool = False) -> Judged:
    """Which trigger fires. Not asked again once the run has begun."""
    first: Outcome | None = None
    watched: dict[str, bool] = {}
    for trigger in _candidates(automation, scope):
        lines: tuple[Line, ...] = ()
        named = trigger.id == scope.trigger and (begun or scope.event.source in ("manual", "schedule"))
        refusal = None if named else _unfired(automation, scope, trigger, watched)
        if refusal is None and not begun:
            lines = tuple(judge(enumerate(automation.lines), scope.values(automation, trigger.id)))
            refusal = _refusal(trigger.id, "if", lines)
        if refusal is None:
            return Judged(trigger.id, lines, None, watched)
        first = first or refusal
    nobody = Outcome("skipped", reason=f"no trigger of {automation.id} listens to this event")
    return Judged("", (), first or nobody, watched)


def _candidates(automation: Automation, scope: Scope) -> list[Trigger]:
    named = [t for t in automation.triggers if t.id == scope.trigger]
    if named and (named[0].kind in CHOSEN or scope.event.source == "hold"):
        return named
    hearing = [t for t in automation.triggers if t.hears(scope.event)]
    if scope.trigger is not None and not named:
        return hearing or [Trigger(scope.trigger, "manual")]
    return [*named, *(t for t in hearing if t not in named)] if not named or named[0] in hearing else named


def _unfired(automation: Automation, scope: Scope, trigger: Trigger, watched: dict[str, bool]) -> Outcome | None:
    """Why this trigger does not fire; None when it does."""
    lasted = scope.event.source == "hold" or trigger.kind == "sweep"
    asked = transitions.why_no_longer if lasted else transitions.why_not
    why = asked(trigger, scope.event, scope.previous, scope.record)
    refused = Outcome("skipped", reason=why, trigger=trigger.id) if why else _elsewhere(automation, scope, trigger)
    if lasted or not trigger.watches:
        return refused
    if refused is not None:
        if _is_over(automation, scope, trigger):
            watched[trigger.id] = False
        return refused
    watched[trigger.id] = True
    why = f"trigger {trigger.id}: it is watched from now on, and fires when it stays so"
    why += f" for {shown(trigger.hold_s)}" if trigger.hold_s else ""
    return Outcome("skipped", reason=why, trigger=trigger.id)


def _elsewhere(automation: Automation, scope: Scope, trigger: Trigger) -> Outcome | None:
    """What its `where:` says against it."""
    where = tuple(judge(enumerate(trigger.where), scope.values(automation, trigger.id)))
    return _refusal(trigger.id, f"trigger {trigger.id}: where", where)


def _is_over(automation: Automation, scope: Scope, trigger: Trigger) -> bool:
    """What it watches is no longer so; a change of something else leaves it as it is."""
    if scope.event.action == "delete":
        return True
    if transitions.why_no_longer(trigger, scope.event, scope.previous, scope.record) is not None:
        return True
    refused = _elsewhere(automation, scope, trigger)
    return refused is not None and refused.state == "skipped"


def _refusal(trigger: str, what: str, lines: tuple[Line, ...]) -> Outcome | None:
    last = lines[-1] if lines else None
    if last is None or last.held:
        return None
    if last.held is False:
        return Outcome("skipped", reason=reason(last, what), lines=lines, trigger=trigger)
    error = {"step": None, "kind": "expression", "message": f"{what}[{last.index}]: {last.error}"}
    return Outcome("failed", error=error, lines=lines, trigger=trigger)


def _kept_out(automation: Automation, scope: Scope, journal: Journal, trigger: str) -> Outcome | None:
    """What keeps the run from beginning now: another of its key is under way, or enough of them went on lately."""
    flow = automation.flow
    if flow.overlap is None and flow.throttle is None:
        return None
    values = scope.values(automation, trigger)
    try:
        overlap = _key(flow.overlap.key, values) if flow.overlap else ""
        throttle = _key(flow.throttle.key, values) if flow.throttle else ""
    except Permanent as error:
        return Outcome("failed", error={"step": None, "kind": error.kind, "message": f"flow: {error}"})
    return journal.enter(flow, overlap, throttle)


def _key(key: Expression | None, values: dict[str, Any]) -> str:
    return "" if key is None else str(key.evaluate(values))
