"""`foreach:`: one action for each item of a list, several at a time, each kept by itself.

An item's path is `step[key]`; the key is the item's `id`, else a digest of its content, so that an item is the same one
in the next attempt whatever became of its neighbours.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from automations.doing import Doing, Ended, Item
from automations.expressions import Expression
from automations.journal import Journal, StepResult
from automations.outcomes import Outcome
from automations.parts import Step
from automations.templates import render
from automations.values import plain
from config.errors import Permanent

MOST_ITEMS = 10_000
MOST_KEY = 80


class Items:
    """One foreach of one attempt."""

    def __init__(self, doing: Doing, step: Step, values: Mapping[str, Any], journal: Journal):
        self._doing, self._step, self._values, self._journal = doing, step, values, journal

    def done(self) -> Ended:
        """Every item that can be done now is; the step ends as the worst of them does."""
        step = self._step
        try:
            items = list(self._items())
        except Permanent as error:
            return self._doing.failed(step, step.id, 1, error.kind, f"foreach: {error}")
        left = [item for item in items if not self._is_done(item)]
        ended = self._each(left)
        return self._whole(items, ended)

    @staticmethod
    def kept(journal: Journal, result: StepResult) -> list[dict[str, Any]]:
        """What later steps see: an entry for each item, in order."""
        entries = result.output.get("items", []) if isinstance(result.output, Mapping) else []
        found = []
        for index, path in enumerate(entries):
            one = journal.kept(path)
            if one is not None:
                item = (one.inputs or {}).get("item") if isinstance(one.inputs, Mapping) else None
                found.append({"output": one.output, "status": one.state, "error": one.error, "item": item, "index": index})
        return found

    def _items(self) -> Iterator[Item]:
        source = self._step.foreach
        found = source.evaluate(self._values) if isinstance(source, Expression) else render(source, self._values)
        if not isinstance(found, list):
            raise Permanent(f"needs a list, and this is {type(found).__name__}", kind="foreach")
        if len(found) > MOST_ITEMS:
            raise Permanent(f"{len(found)} items, and a step takes at most {MOST_ITEMS}; ask for less", kind="foreach")
        times: Counter[str] = Counter()
        for index, value in enumerate(found):
            key = _key(value)
            times[key] += 1
            yield Item(value, key if times[key] == 1 else f"{key}#{times[key]}", index)

    def _path(self, item: Item) -> str:
        return f"{self._step.id}[{item.key}]"

    def _is_done(self, item: Item) -> bool:
        kept = self._journal.kept(self._path(item))
        done = ("ok", "skipped") if self._step.on_error == "stop" else ("ok", "skipped", "failed")
        return kept is not None and kept.state in done

    def _each(self, items: list[Item]) -> dict[str, Outcome]:
        """How the run ended at those items that did not go well."""
        ended: dict[str, Outcome] = {}
        if self._step.parallel == 1 or len(items) < 2:
            for item in items:
                if self._stopped(ended):
                    break
                self._one(item, self._journal, ended)
            return ended
        with ThreadPoolExecutor(min(self._step.parallel, len(items)), thread_name_prefix="foreach") as pool:
            for done in [pool.submit(copy_context().run, self._apart, item, ended) for item in items]:
                done.result()
        return ended

    def _apart(self, item: Item, ended: dict[str, Outcome]) -> None:
        """In a thread of its own, with a journal that commits by itself."""
        if self._stopped(ended):
            return
        with self._journal.apart() as journal:
            self._one(item, journal, ended)

    def _one(self, item: Item, journal: Journal, ended: dict[str, Outcome]) -> None:
        path = self._path(item)
        values = {**self._values, "item": item.value}
        done = self._doing.one(self._step, path, values, journal, self._journal.kept(path), item)
        result = done.result
        shown = {"item": _shown(item.value), **(result.inputs if isinstance(result.inputs, dict) else {})}
        journal.finish(StepResult(path, result.state, result.attempt, result.output, result.error, shown, result.duration_ms))
        if done.outcome is not None:
            ended[path] = done.outcome

    def _stopped(self, ended: Mapping[str, Outcome]) -> bool:
        """After a failure that stops the step no other item is begun; a wait keeps nobody from it."""
        return any(one.state in ("failed", "parked") for one in list(ended.values())) or self._journal.cancelled()

    def _whole(self, items: list[Item], ended: Mapping[str, Outcome]) -> Ended:
        paths = [self._path(item) for item in items]
        output = {"items": paths}
        for state in ("parked", "failed"):
            bad = [one for one in ended.values() if one.state == state]
            if bad:
                error = bad[0].error or {"kind": state, "message": bad[0].reason or ""}
                kept_state: Any = "uncertain" if state == "parked" else "failed"
                return Ended(StepResult(self._step.id, kept_state, output=output, error=dict(error)), bad[0])
        if self._journal.cancelled():
            return Ended(StepResult(self._step.id, "skipped", output=output), Outcome("cancelled", reason="cancelled"))
        waiting = [one for one in ended.values() if one.state == "waiting"]
        if waiting:
            soonest = min(waiting, key=lambda one: one.wait_s or 0.0)
            more = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
            told = Outcome("waiting", soonest.error, soonest.wait_s, f"{soonest.reason}{more}")
            return Ended(StepResult(self._step.id, "waiting", output=output, error=soonest.error), told)
        return Ended(StepResult(self._step.id, "ok", output=output, inputs={"count": len(items)}), None)


def _key(value: Any) -> str:
    own = value.get("id") if isinstance(value, Mapping) else None
    if isinstance(own, (str, int)) and not isinstance(own, bool) and 0 < len(str(own)) <= MOST_KEY:
        return str(own)
    return hashlib.sha256(json.dumps(plain(value), sort_keys=True, default=str).encode()).hexdigest()[:16]


def _shown(value: Any) -> Any:
    """An item as later steps find it; a large one by its id alone."""
    shown = plain(value)
    if len(json.dumps(shown, default=str)) <= 4096 or not isinstance(shown, Mapping):
        return shown
    return {"id": shown.get("id"), "cut": True}
