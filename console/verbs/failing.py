"""Failures by cause: one line for what four hundred runs have in common, with what people said of it."""

from __future__ import annotations

from typing import Any

from config.errors import ConfigError
from console.verbs.at_hand import AtHand, NotThere
from store import audit, causes, runs, searching
from store.session import reading, writing

Dict = dict[str, Any]
MOST_READ = 10_000
HOURS = 7 * 24.0
MOST_AT_ONCE = 500
STATES = ("acknowledged", "ignored", "open")


def groups(here: AtHand, hours: float = HOURS) -> list[Dict]:
    """The causes of what failed or was put aside lately, those with most runs first; open ones before the others.

    Looks at the newest 10,000 such runs. `fresh` counts those since somebody acknowledged the cause.
    """
    with reading(here.engine) as db:
        failed = searching.failed(db, here.only, MOST_READ, hours)
        said = causes.every(db)
    found: dict[str, Dict] = {}
    for run in failed:
        _add(found, run)
    for cause, group in found.items():
        _judge(group, said.get(cause))
    return sorted(found.values(), key=lambda one: (one["state"] != "open", -one["count"]))


def _add(found: dict[str, Dict], run: Dict) -> None:
    kind, message = _of(run)
    cause = causes.cause_of(kind, message)
    empty = {"cause": cause, "kind": kind, "message": message, "count": 0, "automations": {}, "connectors": {}, "runs": [],
             "first": run["created_at"], "last": run["created_at"]}  # fmt: skip
    group = found.setdefault(cause, empty)
    group["count"] += 1
    group["first"] = min(group["first"], run["created_at"])
    group["last"] = max(group["last"], run["created_at"])
    for name in ("automation", "connector"):
        counted = group[f"{name}s"]
        counted[run[name]] = counted.get(run[name], 0) + 1
    group["runs"].append((run["id"], run["created_at"]))


def _of(run: Dict) -> tuple[str, str]:
    return str(run["kind"] or run["state"]), str(run["message"] or run["reason"] or "no reason was kept")


def _judge(group: Dict, said: Any | None) -> None:
    group |= {"state": "open", "note": "", "by": None, "at": None, "fresh": group["count"]}
    if said is not None:
        fresh = sum(moment > said.at for _, moment in group["runs"])
        group |= {"state": said.state, "note": said.note, "by": said.by, "at": said.at, "fresh": fresh}
    group["runs"] = [id for id, _ in group["runs"]]


def group(here: AtHand, cause: str) -> Dict:
    """Raises: NotThere when nothing failed so lately."""
    for one in groups(here):
        if one["cause"] == cause:
            return one
    raise NotThere("nothing has failed for this cause within the last week.")


def mark(here: AtHand, cause: str, state: str, note: str) -> None:
    """Say of a cause that it is known, or to be ignored, or open again."""
    if state not in STATES:
        raise ConfigError(f'"{state[:40]}" is no state of a cause. There are: {", ".join(STATES)}')
    found = group(here, cause)
    with writing(here.engine) as db:
        if state == "open":
            causes.reopen(db, cause)
        else:
            causes.put(db, cause, state, note[:1000], here.actor)
        audit.note(db, here.actor, f"cause {state}", cause, {"message": found["message"][:200], "note": note[:1000]})


def retry(here: AtHand, cause: str, most: int) -> int:
    """Make the runs of a cause due again, the newest first, at most so many; how many it were."""
    ids = group(here, cause)["runs"][: min(most, MOST_AT_ONCE)]
    with writing(here.engine) as db:
        again = [id for id in ids if runs.again(db, id)]
        audit.note(db, here.actor, "runs retried", cause, {"runs": len(again), "first": again[:10]})
    return len(again)
