"""Retrying one run with edits: with another body of its event, or with other inputs of its steps.

The run stays as it is. A new one of the same version, with the same copies and the same `run.now`, says whose edits it has. An
effect whose step has the same inputs as then is not made a second time; where they differ it is another effect, beside the first.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs import looking
from console.verbs.at_hand import AtHand, NotThere
from store import audit, events, fetches, replays, runs
from store.session import reading, writing
from workers.edited import edits_of, made_at

Dict = dict[str, Any]
ENDED = ("ok", "failed", "skipped", "cancelled", "parked")
NOTHING: Any = object()


def offered(here: AtHand, id: int) -> Dict:
    """What of a run can be edited: `body` of its event (None when it has none), and `steps` with `path`, `state` and `inputs`.

    `effects` are those it has in the ledger, `refused` says why it cannot be retried with edits, if so. Raises: NotThere.
    """
    with reading(here.engine) as db:
        row, event = _row(here, db, id)
        steps = _steps(db, id)
        effects = [dict(one._mapping) for one in runs.effects(db, id)]
    body = (event.body or {}).get("body")
    return {
        "run": dict(row._mapping), "body": body, "steps": list(steps.values()), "effects": effects,
        "refused": _refused(row, event),
    }  # fmt: skip


def retry(
    here: AtHand, id: int, *, body: Any = NOTHING, inputs: Mapping[str, Any] | None = None, beginning: bool = False
) -> int:  # fmt: skip
    """The new run, due now. `inputs` are whole inputs by step; `body` stands in the place of `event.body`.

    It goes on where the run stopped, or where the first edited step is; from the beginning when that is wanted or the event
    was edited. Raises: NotThere; ConfigError when nothing differs or something does not fit.
    """
    with writing(here.engine) as db:
        row, event = _row(here, db, id, lasting=True)
        if (why := _refused(row, event)) is not None:
            raise ConfigError(why)
        old_body = (event.body or {}).get("body")
        new_body = old_body if body is NOTHING else body
        if new_body != old_body and old_body is None:
            raise ConfigError(f"the event of run {id} has no body that could be edited. Edit the inputs of a step instead.")
        steps = _steps(db, id)
        changes = {path: change for path, given in (inputs or {}).items() if (change := _change(steps, path, given)) is not None}
        if new_body == old_body and not changes:
            raise ConfigError("nothing was edited. To do the same again: retry it, or replay its event.")
        event_id = _keep_event(here, db, row, event, new_body, changes)
        new = _keep_run(db, row, event_id)
        whole = beginning or new_body != old_body
        kept = 0 if whole else runs.copy_steps(db, id, new, set(changes))
        detail = {"as": new, "steps": sorted(changes), "body": new_body != old_body, "kept": kept}
        audit.note(db, here.actor, "run retried with edits", str(id), detail)
    return new


def edited(here: AtHand, id: int) -> Dict | None:
    """Of a run that repeats another with edits: `of`, `by` and `changes` (`where`, `path`, `before`, `after`); else None."""
    with reading(here.engine) as db:
        row = runs.get(db, id)
        event = None if row is None else events.get(db, row.event_id)
        edits = None if event is None else edits_of(event)
        if event is None or edits is None:
            return None
        first = runs.get(db, edits["run"])
        origin = None if first is None else events.get(db, first.event_id)
        steps = _steps(db, edits["run"])
    before = (origin.body or {}).get("body") if origin is not None else None
    changes = (
        [{"where": "event.body", **one} for one in looking.differences(before, (event.body or {}).get("body"))]
        if before != (event.body or {}).get("body")
        else []
    )
    for path, change in edits["inputs"].items():
        was = steps[path]["inputs"] if path in steps and isinstance(steps[path]["inputs"], dict) else {}
        now = {**{name: value for name, value in was.items() if name not in change["without"]}, **change["set"]}
        changes += [{"where": path, **one} for one in looking.differences(was, now)]
    return {"of": edits["of"], "first": edits["run"], "by": edits["by"], "changes": changes}


def edited_as(here: AtHand, id: int) -> list[int]:
    """The runs that were made from this one with edits."""
    with reading(here.engine) as db:
        return runs.edited_as(db, id)


def _row(here: AtHand, db: Any, id: int, *, lasting: bool = False) -> tuple[Any, Any]:
    """The run and its event; `lasting`: no clean-up takes them away until the end of the transaction."""
    row = runs.get(db, id)
    if row is None or not here.sees(row.connector, runs.company(db, id)):
        raise NotThere(f"there is no run {id}. List them: tieback runs list")
    event = replays.take(db, row.event_id) if lasting else events.get(db, row.event_id)
    return row, event


def _refused(row: Any, event: Any) -> str | None:
    if event.purged_at is not None:
        return f"of run {row.id} only a line is left: what it did and was given was purged."
    if row.state not in ENDED:
        return f"run {row.id} is {row.state}; only one that has ended can be retried with edits. Cancel it first."
    if row.gathered > 1:
        return f"run {row.id} gathered {row.gathered} events; with edits it would have one. Replay the event that is meant."
    return None


def _steps(db: Any, run_id: int) -> dict[str, Dict]:
    """The last result of each step."""
    found = {}
    for step in runs.steps(db, run_id):
        if not step.path.startswith("~"):
            found[step.path] = {"path": step.path, "state": step.state, "inputs": _plain(step)}
    return found


def _plain(step: Any) -> Any:
    """Without the item that a foreach adds for later steps."""
    if "[" in step.path and isinstance(step.inputs, dict):
        return {name: value for name, value in step.inputs.items() if name != "item"}
    return step.inputs


def _change(steps: Mapping[str, Dict], path: str, given: Any) -> Dict | None:
    """What of a step's inputs is set and what is left out; None when they are what they were."""
    if path not in steps:
        raise ConfigError(f'the run has no step "{path[:80]}"{did_you_mean(path, steps) or "."}')
    if not isinstance(given, dict):
        raise ConfigError(f'step {path}: its inputs are an object, such as {{"title": "…"}}, and this is {type(given).__name__}.')
    was = steps[path]["inputs"] if isinstance(steps[path]["inputs"], dict) else {}
    if "cut" in was or "omitted" in was:
        raise ConfigError(f"step {path}: its inputs were too large to be kept, so they cannot be edited here.")
    put = {name: value for name, value in given.items() if name not in was or was[name] != value}
    without = sorted(set(was).difference(given))
    unknown = not isinstance(steps[path]["inputs"], dict)
    return {"set": put, "without": without, "whole": unknown} if put or without else None


def _keep_event(here: AtHand, db: Any, row: Any, event: Any, body: Any, changes: Dict) -> int:
    known = (event.body or {}).get("replay") or {}
    before = edits_of(event)
    first = row.id if before is None else before["run"]
    carried = {} if before is None else before["inputs"]
    inputs = {path: _both(carried.get(path), changes.get(path)) for path in {**carried, **changes}}
    edits = {"run": first, "of": row.id, "by": here.actor, "inputs": inputs, "now": made_at(event, row).isoformat()}
    told = {
        "event": known.get("event", event.id), "key": known.get("key", event.event_key), "repeat": known.get("repeat", ""),
        "edits": edits,
    }  # fmt: skip
    whole = {**(event.body or {}), "replay": told, **({"body": body} if body is not None else {})}
    return replays.keep_as(db, event, str(uuid.uuid4()), whole, f"run {row.id} again with edits by {here.actor}")


def _both(first: Dict | None, then: Dict | None) -> Dict:
    """One edit and another one after it."""
    nothing: Dict = {"set": {}, "without": [], "whole": False}
    first, then = first or nothing, then or nothing
    put = {name: value for name, value in first["set"].items() if name not in then["without"]} | then["set"]
    without = sorted({*first["without"], *then["without"]}.difference(put))
    return {"set": put, "without": without, "whole": first["whole"] or then["whole"]}


def _keep_run(db: Any, row: Any, event_id: int) -> int:
    same = ("automation", "version_id", "trigger", "stage", "connector", "record_key", "before_id", "after_id")
    unread = row.fetch_id is not None and row.after_id is None
    fetch_id = fetches.again(db, row.fetch_id) if unread else None
    values = {**{name: getattr(row, name) for name in same}, "event_id": event_id, "lane": "manual", "fetch_id": fetch_id}
    new = events.add_run(db, {**values, "edits_of": row.id}, due=fetch_id is None)
    assert new is not None  # its event is new
    return new
