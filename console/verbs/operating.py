"""Long work that a person begins, looks at and ends: one table of it, whatever it is about.

A worker does it (`workers/operations.py`), so it survives the page, the process and the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config.errors import ConfigError
from console.verbs import backtesting, choosing, fitting, importing
from console.verbs.at_hand import AtHand, NotThere
from store import audit, imports, operations
from store.session import reading, writing

Dict = dict[str, Any]
BULK = ("retry", "cancel", "replay")
KINDS = fitting.OPERATIONS["kind"]
MOST_LOOKED_AT = operations.MOST_LOOKED_AT
RESTS = (*operations.RESTING, *operations.ENDED)
MOST_RATE, MOST_CANARY, LONGEST_WINDOW_S = 1000.0, 1000, 86_400.0
SHOWN_RUNS = 50


@dataclass(frozen=True)
class Pace:
    """How careful it is. `rate`: so many per second, None: as fast as it goes. `canary`: so many first, and the rest only when
    their runs ended well. `window_s`: it begins after so many seconds, and can be withdrawn until then."""

    rate: float | None = None
    canary: int = 0
    window_s: float = 0.0


AT_ONCE = Pace()


def preview(here: AtHand, kind: str, what: Mapping[str, Any]) -> Dict:
    """`total`: how many runs or events (for a back-test: about how many) it would be now. `what`: as it was understood.

    Raises: as `start`.
    """
    kept, total = _prepared(here, kind, what)
    return {"kind": kind, "what": _in_short(kept), "total": total}


def start(here: AtHand, kind: str, what: Mapping[str, Any], *, pace: Pace = AT_ONCE, why: str = "") -> int:
    """Begin it; the operation's id at once. Pages follow it at `/operations/<id>`, programs with `shown`.

    What is in `what`, by kind:
      retry, cancel  `where`, names of `choosing.OF_RUNS` with values; or `ids` of runs; or `everything: True`
      replay         `rule`, the name of an automation, and which events: `where` with names of `choosing.OF_EVENTS`, `ids` or
                     `everything`; `repeat_effects`
      backtest       `automation`; `since`, such as 30d; `source` and `file`, when its text is not that of the site; `shown`
      import         `connector`, `resources`; `projects`, `full`, `since` (a moment), `confirmed`

    `pace` is for the first three. A back-test keeps what `workers.backtest.Result` says, as JSON, in `result` once it is
    `done`; its `done` counts events. An import that is under way already is gone on with: its operation is the same.

    Raises: ConfigError that says what to write instead; NotThere; Permanent when another import reads the same.
    """
    if kind == "import":
        _no_pace(kind, pace)
        return of_import(here, importing.begin(here, _wish(here, what))[0])
    _fits(kind, pace)
    kept, total = _prepared(here, kind, what)
    if not total and kind in BULK:
        raise ConfigError("nothing fits that. Nothing was begun.")
    with writing(here.engine) as db:
        id = operations.add(
            db, kind, kept, here.actor, why=why[:500], connectors=here.only, total=total, rate=pace.rate, canary=pace.canary,
            window_s=pace.window_s,
        )  # fmt: skip
        said = {"kind": kind, **_in_short(kept), **vars(pace), "total": total, "why": why[:500]}
        audit.note(db, here.actor, "operation started", str(id), said)
    return id


def of_run(here: AtHand, run_id: int) -> list[Dict]:
    """Those that touched a run and that may be seen, the newest first."""
    with reading(here.engine) as db:
        rows = [dict(row._mapping) for row in operations.of_run(db, run_id)]
    return [row for row in rows if here.only is None or row["requested_by"] == here.actor]


def of_import(here: AtHand, import_id: int) -> int:
    """The operation that an import is."""
    with reading(here.engine) as db:
        return operations.of_import(db, import_id)


def _prepared(here: AtHand, kind: str, what: Mapping[str, Any]) -> tuple[Dict, int]:
    if kind not in KINDS or kind == "import":
        raise ConfigError(f'"{kind[:40]}" is no kind of operation that is counted. There are: {", ".join(KINDS[:-1])}')
    if kind == "replay":
        return choosing.events(here, what)
    if kind == "backtest":
        return backtesting.prepared(here, what)
    return choosing.runs(here, kind, what)


def _wish(here: AtHand, what: Mapping[str, Any]) -> importing.Wish:
    return importing.wish(
        here, str(what.get("connector") or ""), what.get("resources") or (), what.get("projects") or (), bool(what.get("full")),
        what.get("since"), what.get("confirmed"),
    )  # fmt: skip


def _fits(kind: str, pace: Pace) -> None:
    if kind not in BULK:
        _no_pace(kind, pace)
    if kind == "cancel" and pace.canary:
        raise ConfigError("a cancel has no canary: what is cancelled cannot fail. Leave it out.")
    if pace.rate is not None and not 0.01 <= pace.rate <= MOST_RATE:
        raise ConfigError(f"the rate is {pace.rate:g} per second; write one from 0.01 to {MOST_RATE:g}, or leave it out.")
    if not 0 <= pace.canary <= MOST_CANARY:
        raise ConfigError(f"the canary is {pace.canary} runs; write a number up to {MOST_CANARY}, or leave it out.")
    if not 0 <= pace.window_s <= LONGEST_WINDOW_S:
        raise ConfigError(f"the undo window is {pace.window_s:g} s; write one up to {LONGEST_WINDOW_S:g} s, a day.")


def _no_pace(kind: str, pace: Pace) -> None:
    if pace != AT_ONCE:
        raise ConfigError(f"rate, canary and undo window are for {', '.join(BULK)}; {kind} has none. Leave them out.")


def listed(
    here: AtHand, limit: int, before: int | None = None, *, kind: str | None = None, state: str | None = None
) -> list[Dict]:
    """Operations, newest first. Who is limited to companies sees their own, and imports of their connectors.

    Raises: Misfit for a kind or state that there is not.
    """
    fitting.check(fitting.OPERATIONS, {"kind": kind, "state": state})
    with reading(here.engine) as db:
        rows = operations.listed(db, limit=limit, before=before, kind=kind, state=state, only=here.only, by=here.actor)
    return [{name: value for name, value in _public(row).items() if name != "result"} for row in rows]


def shown(here: AtHand, id: int) -> Dict:
    """One, with `outcomes` (its runs by state), the `runs` to look at first and what `may` be done with it now.

    Raises: NotThere.
    """
    with reading(here.engine) as db:
        row = _row(here, db, id)
        told = [dict(one._mapping) for one in operations.runs_of(db, id, SHOWN_RUNS) if here.sees(one.connector)]
        outcomes = operations.outcomes(db, id)
        left = bool(operations.items(db, id, 1, "done"))
    return {**_public(row), "outcomes": outcomes, "runs": told, "may": _may(row, left)}


def _public(row: Dict) -> Dict:
    return {**{name: value for name, value in row.items() if name != "connectors"}, "what": _in_short(row["what"])}


def _in_short(what: Mapping[str, Any]) -> Dict:
    """Without what only the worker needs: a rule's whole text, thousands of ids, where a search ends."""
    found = {name: value for name, value in what.items() if name not in ("source", "newest")}
    if "ids" in found:
        found |= {"ids": found["ids"][:100], "chosen": len(found["ids"])}
    if "where" in found:
        found["where"] = {name: value for name, value in found["where"].items() if name != "text_above"}
    return found


def _may(row: Dict, left: bool) -> list[str]:
    going = row["state"] in ("waiting", "canary", "running")
    bulk = row["kind"] in BULK
    found = {
        "pause": bulk and going,
        "resume": bulk and row["state"] in ("paused", "stopped", "canary"),
        "cancel": row["state"] not in operations.ENDED,
        "take back": row["kind"] in ("retry", "replay") and left and row["state"] != "taking back",
    }
    return [name for name, can in found.items() if can]


def pause(here: AtHand, id: int, reason: str = "") -> None:
    """What it made due goes on; nothing more is made due until it is resumed. Raises: NotThere; ConfigError."""
    said = reason[:500] or f"paused by {here.actor}"
    _do(here, id, "pause", "paused", lambda db, _row: operations.hold(db, id, "paused", said, among=operations.GOING))


def resume(here: AtHand, id: int) -> None:
    """Go on: with the rest all the same, when its first runs did not end well or have not ended.

    Raises: NotThere; ConfigError.
    """

    def go_on(db: Any, row: Dict) -> bool:
        phase = row["phase"] if row["state"] == "paused" else "rest"
        return operations.go_on(db, id, phase, among=(*operations.GOING, *operations.RESTING))

    _do(here, id, "resume", "resumed", go_on)


def cancel(here: AtHand, id: int, reason: str = "") -> None:
    """End it; what it made due goes on. Raises: NotThere; ConfigError."""
    said = reason[:500] or f"cancelled by {here.actor}"

    def end(db: Any, row: Dict) -> bool:
        if row["import_id"] is not None:
            return imports.cancel(db, row["import_id"], said)
        return operations.hold(db, id, "cancelled", said, among=(*operations.GOING, *operations.RESTING))

    _do(here, id, "cancel", "cancelled", end)


def take_back(here: AtHand, id: int) -> None:
    """End it, and make every run that it made due and that nobody has begun what it was before. A worker does that.

    Raises: NotThere; ConfigError.
    """
    among = (*operations.GOING, *operations.RESTING, *operations.ENDED)
    _do(here, id, "take back", "taken back", lambda db, _row: operations.go_on(db, id, "back", among=among))


def _do(here: AtHand, id: int, verb: str, done: str, change: Callable[[Any, Dict], bool]) -> None:
    with writing(here.engine) as db:
        row = _row(here, db, id)
        able = _may(row, bool(operations.items(db, id, 1, "done")))
        if verb not in able or not change(db, row):
            raise ConfigError(_cannot(row, verb, able))
        audit.note(db, here.actor, f"operation {done}", str(id), {"kind": row["kind"], "was": row["state"], "done": row["done"]})


def _cannot(row: Dict, verb: str, able: Sequence[str]) -> str:
    can = f"It can be: {', '.join(able)}." if able else "There is nothing left to do with it."
    return f"operation {row['id']} ({row['kind']}) is {row['state']}: {verb} does not fit. {can}"


def _row(here: AtHand, db: Any, id: int) -> Dict:
    row = operations.get(db, id)
    mine = row is not None and (here.only is None or row["requested_by"] == here.actor or row["connector"] in here.only)
    if row is None or not mine:
        raise NotThere(f"there is no operation {id}. List them: tieback operations list")
    return row
