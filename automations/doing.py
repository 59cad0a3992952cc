"""Do one step, or one item of it: conditions, parameters, the action, and what its errors mean for the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from automations.conditions import judge, reason
from automations.context import Budget, Context
from automations.durations import shown
from automations.effects import InDoubt
from automations.functions import iso
from automations.journal import Journal, StepResult
from automations.outcomes import Ask, Done, Outcome, Start, Wait
from automations.output import kept_form
from automations.parts import Automation, Retry, Step
from automations.retrying import wait_s
from automations.scope import Scope
from automations.templates import render, roots
from automations.tools import Tools
from config import spans
from config.errors import LostLease, Permanent, Transient, Uncertain
from config.logs import about

log = logging.getLogger("tieback.engine")

PARKING = frozenset({"uncertain", "no_connector"})
STORE_AWAY = "Tieback's own database was busy or away for a moment; nothing is wrong with the step"
FOR_EVER_S = 366 * 86400.0


@dataclass(frozen=True)
class Ended:
    """How a step ended, and how the run did with it; `outcome` is None when the run goes on."""

    result: StepResult
    outcome: Outcome | None


@dataclass(frozen=True)
class Item:
    """One item of a foreach: `key` names it in the ledger, `index` counts from 0."""

    value: Any
    key: str
    index: int


class Doing:
    """What the steps of one attempt share. `clock` is in seconds."""

    def __init__(self, automation: Automation, scope: Scope, tools: Tools, budget: Budget, clock: Callable[[], float]):
        self.automation, self.scope, self.tools, self.budget = automation, scope, tools, budget
        self.clock, self.began = clock, clock()
        self.pretended: set[str] = set()

    def one(
        self,
        step: Step,
        path: str,
        values: Mapping[str, Any],
        journal: Journal,
        kept: StepResult | None,
        item: Item | None = None,
    ) -> Ended:
        """One step, or one item of it. Raises: LostLease."""
        ids = {"tieback.step": path, "tieback.item": None if item is None else item.index,
               "tieback.automation": self.automation.id, "tieback.run": self.scope.run_id}  # fmt: skip
        with spans.span(f"step {step.use}", about=ids) as span:
            ended = self._one(step, path, values, journal, kept, item)
            span.set({"tieback.state": ended.result.state})
            if ended.result.error is not None:
                span.failed(str(ended.result.error["kind"]))
            return ended

    def _one(
        self, step: Step, path: str, values: Mapping[str, Any], journal: Journal, kept: StepResult | None, item: Item | None
    ) -> Ended:
        started = self.clock()
        attempt = _attempt(kept)
        given: list[Any] = []
        try:
            done = self._tried(step, path, attempt, values, journal, kept, item, given)
        except LostLease:
            raise
        except InDoubt as error:
            done = _parked(step, path, attempt, error, "uncertain")
        except Transient as error:
            done = self._again(step, path, attempt, error, values, kept)
        except Permanent as error:
            done = self._refused(step, path, attempt, error, journal)
        except Exception as error:  # noqa: BLE001 (it is logged below, or is no bug)
            if journal.passing(error):
                done = self._again(step, path, attempt, Transient(STORE_AWAY, kind="store"), values, kept)
            else:
                done = self._bug(step, path, attempt)
        inputs = given[0] if given and done.result.inputs is None else done.result.inputs
        took_ms = int((self.clock() - started) * 1000)
        return replace(done, result=replace(done.result, inputs=inputs, duration_ms=took_ms))

    def _bug(self, step: Step, path: str, attempt: int) -> Ended:
        log.exception("step.bug", extra=about(run=self.scope.run_id, automation=self.automation.id, step=path))
        what = f"{step.use} broke on something it does not expect; the log of this moment has the details. Please report it."
        return self.failed(step, path, attempt, "bug", what)

    def failed(self, step: Step, path: str, attempt: int, kind: str, message: str, note: str = "") -> Ended:
        result = StepResult(path, "failed", attempt, None, {"kind": kind, "message": message + note})
        if step.on_error == "continue":
            return Ended(result, None)
        return Ended(result, Outcome("failed", error={"step": path, "kind": kind, "message": message + note}))

    def _tried(
        self, step: Step, path: str, attempt: int, values: Mapping[str, Any], journal: Journal, kept: StepResult | None,
        item: Item | None, given: list[Any],
    ) -> Ended:  # fmt: skip
        """`given` takes what the action is given, however it ends."""
        self._in_time()
        why = _not_now(step, values)
        if why is not None:
            return Ended(StepResult(path, "skipped", attempt, output=None, inputs={"if": why}), None)
        return self._acted(step, path, attempt, values, journal, kept, item, given)

    def _acted(
        self, step: Step, path: str, attempt: int, values: Mapping[str, Any], journal: Journal, kept: StepResult | None,
        item: Item | None, given: list[Any],
    ) -> Ended:  # fmt: skip
        inputs = _inputs(step, values, self.scope.event.edits.get(path))
        shown_inputs = kept_form(inputs, None)
        given.append(shown_inputs)
        params = _validated(step, inputs)
        moment = self.scope.moment or self.scope.now
        context = Context(
            self.automation.id, step.id, self.scope.event, journal, self.tools, self.budget, self.scope.now, moment,
            item_key=item.key if item else "", memory=_memory(kept), answer=journal.answer(path), run_id=str(self.scope.run_id),
            digest_until=journal.digest_until, digest_key=journal.digest_key, path=path, values=values,
            limits=self.automation.limits, edit=journal.edit_of(path, shown_inputs),
        )  # fmt: skip
        began = self.clock()
        answer = step.action.run(params, context)
        self._step_in_time(step, began)
        if isinstance(answer, Start):
            answer = Done(journal.start(answer, path))
        if isinstance(answer, Done):
            return Ended(StepResult(path, "ok", attempt, kept_form(answer.output, step.use), None, shown_inputs), None)
        if isinstance(answer, Ask):
            return _asked(step, path, attempt, answer, journal, shown_inputs, moment)
        return _waits(step, path, attempt, answer, shown_inputs, moment)

    def _in_time(self) -> None:
        spent, limit = self.clock() - self.began, self.automation.limits.timeout
        if spent > limit:
            raise Permanent(
                f"the run took {spent:.0f} s, and limits: timeout: is {shown(limit)}. Raise it, or make the steps shorter.",
                kind="timeout",
            )

    def _step_in_time(self, step: Step, began: float) -> None:
        """What took too long is not undone: its result does not count, and the step is tried again like after a lost answer."""
        spent = self.clock() - began
        if step.timeout_s is not None and spent > step.timeout_s:
            raise Transient(f"it took {spent:.1f} s, and its timeout: is {shown(step.timeout_s)}", kind="timeout")

    def _refused(self, step: Step, path: str, attempt: int, error: Permanent, journal: Journal) -> Ended:
        if self._only_pretended(step, error, journal):
            needs = f"needs the real answer of {', '.join(sorted(self.pretended))}"
            return Ended(StepResult(path, "skipped", attempt, inputs={"why": needs}), None)
        if error.kind in PARKING:
            return _parked(step, path, attempt, error, "failed")
        return self.failed(step, path, attempt, error.kind, str(error))

    def _only_pretended(self, step: Step, error: Permanent, journal: Journal) -> bool:
        """In shadow the answers of effects are not known; a step that needs one is not at fault."""
        return journal.dry and error.kind in ("expression", "parameters") and bool(self.pretended) and _names_steps(step)

    def _again(
        self, step: Step, path: str, attempt: int, error: Transient, values: Mapping[str, Any], kept: StepResult | None
    ) -> Ended:
        if isinstance(error, Uncertain) and self._at_most_once(step, values):
            return _parked(step, path, attempt, error, "uncertain")
        retry = step.retry or self.automation.retry
        wait = wait_s(retry, error, attempt)
        if wait is None:
            return self.failed(step, path, attempt, error.kind, str(error), _given_up(retry, attempt))
        memory = {"memory": _memory(kept)} if _memory(kept) is not None else None
        result = StepResult(path, "waiting", attempt, memory, {"kind": error.kind, "message": str(error)})
        told = {"step": path, "kind": error.kind, "message": str(error)}
        return Ended(result, Outcome("waiting", error=told, wait_s=wait, reason=f"{path} is tried again in {wait:g} s: {error}"))

    def _at_most_once(self, step: Step, values: Mapping[str, Any]) -> bool:
        policy = getattr(step.action, "policy", None)
        if policy is None:
            return bool(step.action.POLICY == "at_most_once")
        return bool(policy(_validated(step, render(dict(step.values), values))) == "at_most_once")


def _inputs(step: Step, values: Mapping[str, Any], edit: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the rule gives the action, or what a person gave instead of a part of it, or of all."""
    if edit is not None and edit["whole"]:
        return dict(edit["set"])
    inputs: dict[str, Any] = render(dict(step.values), values)
    if edit is None:
        return inputs
    return {**{name: value for name, value in inputs.items() if name not in edit["without"]}, **edit["set"]}


def _not_now(step: Step, values: Mapping[str, Any]) -> str | None:
    lines = judge(enumerate(step.lines), values)
    if not lines or lines[-1].held:
        return None
    if lines[-1].held is None:
        raise Permanent(f"if: {lines[-1].error}", kind="expression")
    return reason(lines[-1])


def _waits(step: Step, path: str, attempt: int, answer: Wait, inputs: Any, moment: Any) -> Ended:
    left = max(0.0, (answer.until - moment).total_seconds())
    output = kept_form({"until": answer.until, "memory": answer.memory}, step.use)
    why = answer.reason or f"waits until {iso(answer.until)}"
    result = StepResult(path, "waiting", attempt, output, None, inputs)
    return Ended(result, Outcome("waiting", wait_s=left, reason=f"{path} {why}"))


def _asked(step: Step, path: str, attempt: int, ask: Ask, journal: Journal, inputs: Any, moment: Any) -> Ended:
    """The run waits for the answer, which makes it due; at the latest when nobody may answer any more."""
    journal.ask(ask, path)
    left = FOR_EVER_S if ask.until is None else max(0.0, (ask.until - moment).total_seconds())
    result = StepResult(path, "waiting", attempt, kept_form({"until": ask.until, "memory": None}, step.use), None, inputs)
    return Ended(result, Outcome("waiting", wait_s=left, reason=f"{path} asks: {ask.question}"))


def _parked(step: Step, path: str, attempt: int, error: Transient | Permanent, state: Any) -> Ended:
    told = {"step": path, "kind": error.kind, "message": str(error)}
    sure = state == "failed" or isinstance(error, InDoubt)
    why = f"{path}: {error}" if sure else f"{path}: nobody can tell whether it happened: {error}"
    result = StepResult(path, state, attempt, None, {"kind": error.kind, "message": str(error)})
    return Ended(result, Outcome("parked", error=told, reason=why))


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
