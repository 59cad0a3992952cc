"""One attempt at a run: its steps in order, then `on_error:` when one failed, then `finally:`.

That the steps failed is kept like a step's result (`~failed`), so that an attempt which goes on in `on_error:` or
`finally:` does not begin with the steps again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from automations.conditions import judge, reason
from automations.context import Budget
from automations.doing import Doing, Ended
from automations.items import Items
from automations.journal import Journal, StepResult
from automations.outcomes import Line, Outcome
from automations.parts import Automation, Step
from automations.scope import Scope
from automations.tools import Tools
from config.errors import Permanent

FAILED = "~failed"


class Attempt:
    """The steps of one attempt."""

    def __init__(
        self, automation: Automation, scope: Scope, journal: Journal, tools: Tools, clock: Callable[[], float] = time.monotonic,
        trigger: str = "", lines: tuple[Line, ...] = (),
    ):  # fmt: skip
        self.automation, self.scope, self.journal = automation, scope, journal
        self.trigger, self.lines = trigger, lines
        self.values = scope.values(automation, trigger)
        budget = Budget(automation.limits.api_calls)
        self.doing = Doing(automation, scope, tools, budget, clock)

    def outcome(self) -> Outcome:
        return replace(self._outcome(), lines=self.lines, trigger=self.trigger)

    def _outcome(self) -> Outcome:
        ended = self._main()
        if ended.state not in ("ok", "failed"):
            return ended
        self.values["run"]["status"] = ended.state
        for listed in (self.automation.on_error if ended.state == "failed" else (), self.automation.finally_):
            stopped = self._steps(listed)
            if stopped is not None and stopped.state in ("waiting", "parked", "cancelled"):
                return replace(stopped, error=stopped.error or ended.error)
            if stopped is not None and ended.state == "ok":
                ended = stopped
        return ended

    def _main(self) -> Outcome:
        kept = self.journal.kept(FAILED)
        if kept is not None and kept.state == "failed":
            self._remember_all()
            return self._failed(Outcome("failed", error=dict(kept.error or {})))
        ended = self._steps(self.automation.steps) or Outcome("ok")
        if ended.state != "failed" or not (self.automation.on_error or self.automation.finally_):
            return ended
        self.journal.finish(StepResult(FAILED, "failed", error=ended.error))
        return self._failed(ended)

    def _failed(self, ended: Outcome) -> Outcome:
        self.values["error"] = {"step": None, **(ended.error or {})}
        return ended

    def _remember_all(self) -> None:
        for step in self.automation.steps:
            kept = self.journal.kept(step.id)
            if kept is not None:
                self._remember(step, kept)

    def _steps(self, steps: tuple[Step, ...]) -> Outcome | None:
        """None when all of them are done."""
        for step in steps:
            if self.journal.cancelled():
                return Outcome("cancelled", reason=f"cancelled before {step.id}")
            ended = self._step(step)
            if ended is not None:
                return ended
        return None

    def _step(self, step: Step) -> Outcome | None:
        """None when the run goes on."""
        kept = self.journal.kept(step.id)
        if kept is not None and (kept.state in ("ok", "skipped") or (kept.state == "failed" and step.on_error == "continue")):
            self._remember(step, kept)
            return None
        done = self._done(step, kept)
        self.journal.finish(done.result)
        self._remember(step, done.result)
        return done.outcome

    def _done(self, step: Step, kept: StepResult | None) -> Ended:
        if step.foreach is None:
            return self.doing.one(step, step.id, self.values, self.journal, kept)
        if not step.per_item:
            try:
                lines = judge(enumerate(step.lines), self.values)
            except Permanent as error:
                return self.doing.failed(step, step.id, 1, error.kind, str(error))
            if lines and lines[-1].held is False:
                return Ended(StepResult(step.id, "skipped", inputs={"if": reason(lines[-1])}), None)
            step = replace(step, lines=()) if lines and lines[-1].held else step
        return Items(self.doing, step, self.values, self.journal).done()

    def _remember(self, step: Step, result: StepResult) -> None:
        if step.foreach is not None and result.state != "skipped":
            self.values["steps"][step.id] = Items.kept(self.journal, result)
            return
        self.values["steps"][step.id] = [] if step.foreach is not None else told(result)
        if isinstance(result.output, Mapping) and result.output.get("dry") is True:
            self.doing.pretended.add(step.id)


def told(result: StepResult) -> dict[str, Any]:
    """What later steps see of a result."""
    return {"output": result.output, "status": result.state, "error": result.error}
