"""Bringing in what Procore could not deliver: its own log of deliveries says what failed and what it threw away.

Each payload that is not here yet is stored as a delivery, under the key that the door would have given it, and takes
the same path as any other: when Procore sends it again after all, it is known already.
Source: Procore documentation, webhooks, deliveries (an outage of twelve hours has the queue discarded).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Engine

from config.errors import Permanent, TiebackError
from config.logs import about
from connectors.hook_api import Missed, hook_api
from store import connectors, cursors, deliveries, hooks, repairs, timers
from store.deliveries import Arrival
from store.session import reading, retrying, writing
from workers import looking
from workers.desk import Desk
from workers.hooks import arm

log = logging.getLogger("tieback.repair")

KIND = "deliveries"
SOON_S = 300
# A chore of the relay that is done at its first pass, and then not before the next start.
AT_START = 366 * 86_400.0
AT_ONCE_S = 1.0
MOST_ITEMS = 200
MOST_KEY = 128
CHUNK = 200
# The log is asked by day, and an event may be discarded half a day after it happened.
BACK = dt.timedelta(days=2)
_WHOLE = ("unauthorized", "disconnected")


@dataclass
class Report:
    """What one look found. `items` name each thing with its outcome; `reason` says why the look did not end."""

    id: int
    connector: str
    kind: str
    found: int = 0
    repaired: int = 0
    unrepairable: int = 0
    items: list[dict[str, Any]] = field(default_factory=list)
    reason: str | None = None

    def mended(self, what: str, **more: Any) -> None:
        self.found += 1
        self.repaired += 1
        self._named({"what": what, "outcome": "repaired", **more})

    def left(self, what: str, reason: str, *, found: bool = True, **more: Any) -> None:
        """One that cannot be repaired; not `found` for a whole list that cannot be looked at."""
        self.found += found
        self.unrepairable += 1
        self._named({"what": what, "outcome": "unrepairable", "reason": reason, **more})

    def _named(self, item: dict[str, Any]) -> None:
        if len(self.items) < MOST_ITEMS:
            self.items.append(item)


@contextmanager
def reporting(desk: Desk, connector: str, kind: str) -> Iterator[Report]:
    """A report that is kept however the look ends."""
    with writing(desk.engine) as db:
        report = Report(repairs.begin(db, connector, kind), connector, kind)
    try:
        yield report
    except TiebackError as error:
        report.reason = str(error)[:1000]
        raise
    finally:
        _keep(desk, report)
        if report.found:
            log.warning("repair.found", extra=about(**{**vars(report), "items": len(report.items)}))


@retrying
def _keep(desk: Desk, report: Report) -> None:
    values = {key: value for key, value in vars(report).items() if key not in ("id", "connector", "kind")}
    with writing(desk.engine) as db:
        repairs.finish(db, report.id, **{**values, "items": values["items"] or None})


def look(
    desk: Desk,
    name: str,
    *,
    since: dt.datetime | None = None,
    most: int | None = None,
    lane: str = "manual",
    statuses: Collection[str] | None = None,
) -> Report:
    """Ask the delivery log of each hook (of `most` of them, those first that were not asked for longest).

    `statuses` are those that matter, as Procore writes them; None: all that did not arrive.

    Raises: as the connector does, for what concerns all hooks; trouble with one is in the report.
    """
    api = hook_api(desk.loaded.procore(name, lane))
    with reporting(desk, name, KIND) as report:
        for row, asked in _to_ask(desk, name, most):
            day = since or max(row.created_at, (asked or row.created_at) - BACK)
            try:
                _ask(desk, api, row, day, report, statuses)
            except Permanent as error:
                if error.kind in _WHOLE:
                    raise
                report.left(f"hook of {_place(row.project_id)}", str(error), found=False)
    return report


def _to_ask(desk: Desk, name: str, most: int | None) -> list[tuple[Any, dt.datetime | None]]:
    """Hooks with the time at which their log was last asked for."""
    with reading(desk.engine) as db:
        rows = [row for row in hooks.of_connector(db, name) if row.procore_id and row.status != "vanished"]
        asked = [(row, cursors.get(db, KIND, name, "", row.project_id)) for row in rows]
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    asked.sort(key=lambda one: (not one[0].refused, one[1] or never))
    return asked[:most]


def _ask(desk: Desk, api: Any, row: Any, day: dt.datetime, report: Report, statuses: Collection[str] | None) -> None:
    told = api.missed(row.project_id, row.procore_id, f"{day:%Y-%m-%d}")
    missed = (one for one in told if statuses is None or one.status in statuses)
    while some := list(islice(missed, CHUNK)):
        _bring_in(desk, row, some, report)
    if statuses is not None:
        return  # the others are still to be asked for
    with writing(desk.engine) as db:
        cursors.move(db, KIND, row.connector, "", row.project_id, row.here)


def _bring_in(desk: Desk, row: Any, some: Sequence[Missed], report: Report) -> None:
    arrivals = {}
    for one in some:
        if one.payload is None:
            report.left(
                f"delivery {one.id}", f"Procore {one.status} it{_when(one)} and shows no payload; a sweep finds the change"
            )
            continue
        arrival = _arrival(row, one)
        arrivals[arrival.delivery_key] = (arrival, one)
    with reading(desk.engine) as db:
        known = repairs.kept_keys(db, row.connector, list(arrivals)) if arrivals else set()
    fresh = {key: of for key, of in arrivals.items() if key not in known}
    if not fresh:
        return
    desk.doorbell.ring("sort", deliveries.keep(desk.engine, [arrival for arrival, _ in fresh.values()]))
    for key, (_, one) in fresh.items():
        report.mended(_what(one), key=key, status=one.status, at=one.at)


def _arrival(row: Any, one: Missed) -> Arrival:
    raw = json.dumps(one.payload, ensure_ascii=False).encode("utf-8", "replace")
    assert one.payload is not None
    named = (one.payload.get("ulid"), one.payload.get("id"))
    key = next((str(id) for id in named if _is_key(id)), hashlib.sha256(raw).hexdigest())
    return Arrival(row.connector, row.key, key, raw, "application/json", reason=f"from Procore's log, which says {one.status}")


def _is_key(id: Any) -> bool:
    usable = isinstance(id, (str, int)) and not isinstance(id, bool)
    return usable and 0 < len(str(id)) <= MOST_KEY and all(" " <= sign <= "~" for sign in str(id))


def _what(one: Missed) -> str:
    of = one.payload or {}
    words = (of.get("resource_type") or of.get("resource_name"), of.get("resource_id"), of.get("reason") or of.get("event_type"))
    return " ".join(str(word)[:80] for word in words if word)


def _when(one: Missed) -> str:
    return f" at {one.at}" if one.at else ""


def _place(project_id: str) -> str:
    return f"project {project_id}" if project_id else "the company"


def by_itself(desk: Desk, name: str) -> None:
    """The timer's work: every 15 minutes; five minutes after something was found."""
    if name not in desk.loaded.connectors() or desk.loaded.paused(name):
        return
    most = looking.most(desk.loaded.quota, name) // 2  # a hook's log is asked for by status, one call each
    if look(desk, name, most=most, lane="schedule").repaired:
        with writing(desk.engine) as db:
            timers.arm(db, "repair", name, in_s=SOON_S, every_s=looking.EVERY_S)


def at_start(engine: Engine) -> None:
    """What Procore threw away while nothing ran here is asked for at once; all else keeps its time."""
    with writing(engine) as db:
        for row in connectors.every(db):
            arm(db, row.name)
            timers.sooner(db, "repair", row.name, in_s=AT_ONCE_S)
