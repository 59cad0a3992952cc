"""Run one automation on one event: guards first, then its steps in order, each result kept before the next begins.

An attempt may end anywhere (a crash, a wait, a lost lease). The next one finds the kept results in the
journal and goes on behind them, so a step that is done is never done again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from automations import transitions
from automations.conditions import judge, reason
from automations.context import Budget, Context
from automations.durations import shown
from automations.effects import InDoubt
from automations.functions import iso
from automations.journal import Journal, StepResult
from automations.outcomes import Ask, Done, Line, Outcome, Start, Wait
from automations.output import kept_form
from automations.parts import Automation, Retry, Step, Trigger
from automations.retrying import wait_s
from automations.scope import Scope
from automations.templates import render, roots
from automations.tools import Tools
from config.errors import LostLease, Permanent, Transient, Uncertain

log = logging.getLogger("tieback.engine")

PARKING = frozenset({"uncertain", "no_connector"})


def run(
    automation: Automation, scope: Scope, journal: Journal, tools: Tools, clock: Callable[[], float] = time.monotonic
) -> Outcome:
    """One attempt at a run. `clock` is in seconds, for `limits: timeout`.

    Raises: LostLease when somebody else has this run now.
    """
    begun = any(journal.kept(step.id) for step in automation.steps)
    trigger, lines, refusal = _guards(automation, scope, begun)
    if refusal is not None:
        return refusal
    return _Attempt(automation, scope, journal, tools, clock, trigger, lines).outcome()


def _guards(automation: Automation, scope: Scope, begun: bool) -> tuple[str, tuple[Line, ...], Outcome | None]:
    """The trigger that fires and what its `if:` lines saw, or why there is nothing to do. Not asked again once it has begun."""
    first: Outcome | None = None
    for trigger in _candidates(automation, scope):
        named = trigger.id == scope.trigger and (begun or scope.event.source == "manual")
        why = None if named else transitions.why_not(trigger, scope.event, scope.previous, scope.record)
        lines = () if why or begun else tuple(judge(enumerate(automation.lines), scope.values(automation, trigger.id)))
        refusal = _refusal(trigger.id, why, lines)
        if refusal is None:
            return trigger.id, lines, None
        first = first or refusal
    return "", (), first or Outcome("skipped", reason=f"no trigger of {automation.id} listens to this event")


def _candidates(automation: Automation, scope: Scope) -> list[Trigger]:
    hearing = [t for t in automation.triggers if t.hears(scope.event)]
    named = [t for t in automation.triggers if t.id == scope.trigger]
    if scope.trigger is not None and not named:
        return hearing or [Trigger(scope.trigger, "manual")]
    return [*named, *(t for t in hearing if t not in named)] if not named or named[0] in hearing else named


def _refusal(trigger: str, why: str | None, lines: tuple[Line, ...]) -> Outcome | None:
    if why is not None:
        return Outcome("skipped", reason=why, trigger=trigger)
    last = lines[-1] if lines else None
    if last is None or last.held:
        return None
    if last.held is False:
        return Outcome("skipped", reason=reason(last), lines=lines, trigger=trigger)
    error = {"step": None, "kind": "expression", "message": f"if[{last.index}]: {last.error}"}
    return Outcome("failed", error=error, lines=lines, trigger=trigger)


class _Attempt:
    """The steps of one attempt."""

    def __init__(
        self, automation: Automation, scope: Scope, journal: Journal, tools: Tools, clock: Callable[[], float],
        trigger: str, lines: tuple[Line, ...],
    ):  # fmt: skip
        self.automation, self.scope, self.journal, self.tools = automation, scope, journal, tools
        self.trigger, self.lines = trigger, lines
        self.values = scope.values(automation, trigger)
        self.budget = Budget(automation.limits.api_calls)
        self.clock, self.began = clock, clock()
        self.pretended: set[str] = set()

    def outcome(self) -> Outcome:
        for step in self.automation.steps:
            ended = self._step(step)
            if ended is not None:
                return replace(ended, lines=self.lines, trigger=self.trigger)
        return Outcome("ok", lines=self.lines, trigger=self.trigger)

    def _step(self, step: Step) -> Outcome | None:
        """None when the run goes on."""
        kept = self.journal.kept(step.id)
        if kept is not None and (kept.state in ("ok", "skipped") or (kept.state == "failed" and step.on_error == "continue")):
            self._remember(kept)
            return None
        started = self.clock()
        result, ended = self._tried(step, _attempt(kept), kept)
        result = replace(result, duration_ms=int((self.clock() - started) * 1000))
        self.journal.finish(result)
        self._remember(result)
        return ended

    def _remember(self, result: StepResult) -> None:
        self.values["steps"][result.path] = {"output": result.output, "status": result.state, "error": result.error}
        if isinstance(result.output, dict) and result.output.get("dry") is True:
            self.pretended.add(result.path)

    def _tried(self, step: Step, attempt: int, kept: StepResult | None) -> tuple[StepResult, Outcome | None]:
        try:
            self._in_time()
            why = self._not_now(step)
            if why is not None:
                return StepResult(step.id, "skipped", attempt, output=None, inputs={"if": why}), None
            return self._acted(step, attempt, kept)
        except LostLease:
            raise
        except InDoubt as error:
            return self._parked(step, attempt, error, "uncertain")
        except Transient as error:
            return self._again(step, attempt, error)
        except Permanent as error:
            if self._only_pretended(step, error):
                return StepResult(
                    step.id, "skipped", attempt, inputs={"why": f"needs the real answer of {', '.join(sorted(self.pretended))}"}
                ), None
            if error.kind in PARKING:
                return self._parked(step, attempt, error, "failed")
            return self._failed(step, attempt, error.kind, str(error))
        except Exception:
            log.exception("step.bug automation=%s step=%s", self.automation.id, step.id)
            message = (
                f"{step.use} broke on something it does not expect; the log of this moment has the details. Please report it."
            )
            return self._failed(step, attempt, "bug", message)

    def _acted(self, step: Step, attempt: int, kept: StepResult | None) -> tuple[StepResult, Outcome | None]:
        inputs = render(dict(step.values), self.values)
        params = _validated(step, inputs)
        context = Context(
            self.automation.id, step.id, self.scope.event, self.journal, self.tools, self.budget, self.scope.now,
            self.scope.moment or self.scope.now, memory=_memory(kept), run_id=str(self.scope.run_id),
        )  # fmt: skip
        answer = step.action.run(params, context)
        shown_inputs = kept_form(inputs, None)
        if isinstance(answer, Done):
            return StepResult(step.id, "ok", attempt, kept_form(answer.output, step.use), None, shown_inputs), None
        if isinstance(answer, Wait):
            left = max(0.0, (answer.until - context.moment).total_seconds())
            output = kept_form({"until": answer.until, "memory": answer.memory}, step.use)
            result = StepResult(step.id, "waiting", attempt, output, None, shown_inputs)
            why = answer.reason or f"waits until {iso(answer.until)}"
            return result, Outcome("waiting", wait_s=left, reason=f"{step.id} {why}")
        assert isinstance(answer, (Ask, Start))
        raise Permanent(
            f"{step.use}: questions and starting other automations are not available in this version yet.", kind="later"
        )

    def _not_now(self, step: Step) -> str | None:
        lines = judge(enumerate(step.lines), self.values)
        if not lines or lines[-1].held:
            return None
        if lines[-1].held is None:
            raise Permanent(f"if: {lines[-1].error}", kind="expression")
        return reason(lines[-1])

    def _in_time(self) -> None:
        spent, limit = self.clock() - self.began, self.automation.limits.timeout
        if spent > limit:
            raise Permanent(
                f"the run took {spent:.0f} s, and limits: timeout: is {shown(limit)}. Raise it, or make the steps shorter.",
                kind="timeout",
            )

    def _only_pretended(self, step: Step, error: Permanent) -> bool:
        """In shadow the answers of effects are not known; a step that needs one is not at fault."""
        return self.journal.dry and error.kind in ("expression", "parameters") and bool(self.pretended) and _names_steps(step)

    def _again(self, step: Step, attempt: int, error: Transient) -> tuple[StepResult, Outcome | None]:
        if isinstance(error, Uncertain) and self._at_most_once(step):
            return self._parked(step, attempt, error, "uncertain")
        wait = wait_s(step.retry or self.automation.retry, error, attempt)
        if wait is None:
            return self._failed(step, attempt, error.kind, str(error), _given_up(step.retry or self.automation.retry, attempt))
        result = StepResult(step.id, "waiting", attempt, None, {"kind": error.kind, "message": str(error)})
        told = {"step": step.id, "kind": error.kind, "message": str(error)}
        return result, Outcome("waiting", error=told, wait_s=wait, reason=f"{step.id} is tried again in {wait:g} s: {error}")

    def _at_most_once(self, step: Step) -> bool:
        policy = getattr(step.action, "policy", None)
        if policy is None:
            return bool(step.action.POLICY == "at_most_once")
        return bool(policy(_validated(step, render(dict(step.values), self.values))) == "at_most_once")

    def _parked(self, step: Step, attempt: int, error: Transient | Permanent, state: Any) -> tuple[StepResult, Outcome | None]:
        told = {"step": step.id, "kind": error.kind, "message": str(error)}
        reason_ = (
            f"{step.id}: {error}"
            if state == "failed" or isinstance(error, InDoubt)
            else f"{step.id}: nobody can tell whether it happened: {error}"
        )
        return StepResult(step.id, state, attempt, None, {"kind": error.kind, "message": str(error)}), Outcome(
            "parked", error=told, reason=reason_
        )

    def _failed(self, step: Step, attempt: int, kind: str, message: str, note: str = "") -> tuple[StepResult, Outcome | None]:
        result = StepResult(step.id, "failed", attempt, None, {"kind": kind, "message": message + note})
        if step.on_error == "continue":
            return result, None
        return result, Outcome("failed", error={"step": step.id, "kind": kind, "message": message + note})


def _attempt(kept: StepResult | None) -> int:
    """A retry counts on; a wait does not; after a failure or a doubt a person asked again, so it starts anew."""
    if kept is None or kept.state != "waiting":
        return 1
    return kept.attempt + 1 if kept.error is not None else kept.attempt


def _memory(kept: StepResult | None) -> Any:
    return kept.output.get("memory") if kept is not None and kept.state == "waiting" and isinstance(kept.output, dict) else None


def _given_up(retry: Retry, attempt: int) -> str:
    return f" (given up after {attempt} attempts)" if attempt >= retry.attempts and attempt > 1 else ""


def _validated(step: Step, inputs: Any) -> Any:
    try:
        return step.action.Params.model_validate(inputs)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(p) for p in first["loc"])
        raise Permanent(f"{step.use}: {where + ': ' if where else ''}{first['msg']}", kind="parameters") from None


def _names_steps(step: Step) -> bool:
    return "steps" in roots(dict(step.values)) or any("steps" in line.roots() for line in step.lines)
