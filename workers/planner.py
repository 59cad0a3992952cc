"""What to read next, and how: one record alone, or many of one list with a single request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from automations import needs
from config.errors import ConfigError
from connectors import catalogue
from connectors.catalogue import Resource
from store import fetches, gathering, unavailable
from store.leases import Held
from workers.desk import Desk
from workers.pausing import LOOK_AGAIN_S, paused_reason

# While deliveries that belong to a batch wait to be sorted, it is looked at again after so long.
HOLD_S = 0.5
# So long we wait for access to come back before the runs are told that it did not.
PATIENCE_S = 24 * 3600.0


@dataclass(frozen=True)
class Taken:
    """A fetch that this worker holds, with its row."""

    held: Held
    row: Any


@dataclass(frozen=True)
class Batch:
    """What is read now. `by_list`: the rules that wait are served by the list as well as by each record's own page.

    `probes`: there was no access until now, and this read shows whether there is again.
    """

    taken: list[Taken]
    by_list: bool
    probes: bool

    @property
    def row(self) -> Any:
        """The row that speaks for all: connector, resource, project and lane are the same."""
        return self.taken[0].row


def take(desk: Desk, db: Connection, fetch_id: int) -> Batch | None:
    """Claim a fetch and what is read with it; None when there is nothing to do now."""
    if gathering.hold(db, fetch_id, HOLD_S, _batches, lambda row: _alone(desk, db, row)):
        return None
    held = fetches.claim(db, fetch_id, desk.holder)
    if held is None:
        return None
    row = held.row
    desk.loaded.fresh(db)
    if desk.loaded.paused(row.connector) and not row.through:
        fetches.put_back(db, held, row, LOOK_AGAIN_S, counts=False, reason=paused_reason(row.connector))
        return None
    shut, probes = unavailable.look(db, row.connector, row.project_id, row.resource)
    if shut is not None:
        put_off(db, [Taken(held, row)], shut)
        return None
    with_it, by_list = _with(desk, db, row)
    return Batch([Taken(held, row), *(Taken(*one) for one in gathering.claim(db, with_it, desk.holder))], by_list, probes)


def settles(desk: Desk, db: Connection, fetch_id: int) -> bool:
    """Whether others that would cost a call may follow this fetch at once, so that a moment's patience may save one."""
    row = gathering.is_first(db, fetch_id)
    if row is None:
        return False
    desk.loaded.fresh(db)
    return _alone(desk, db, row)


def _alone(desk: Desk, db: Connection, row: Any) -> bool:
    """Each event of this record may cost a call, and no person waits for this one."""
    return row.lane != "manual" and not _by_list(desk, db, row)


def _batches(name: str) -> bool:
    resource = catalogue.resource(name)
    return resource is not None and "I" in resource.filters


def put_off(db: Connection, taken: list[Taken], shut: unavailable.Shut) -> None:
    """No access: these and all that is due there wait, and their runs say why; in the end the runs are skipped."""
    for one in taken:
        if shut.since_s > PATIENCE_S:
            fetches.give_up(db, one.held, one.row, "skipped", f"{shut.reason} It has been so for a day.")
        else:
            fetches.put_back(db, one.held, one.row, shut.wait_s, counts=False, reason=shut.reason)
    unavailable.put_off(db, [one.row for one in taken], shut)


def _with(desk: Desk, db: Connection, row: Any) -> tuple[list[int], bool]:
    """The ids of fetches to read together with this one, and whether the list serves it at all."""
    if not _by_list(desk, db, row):
        return [], False
    resource = catalogue.resource(row.resource)
    assert resource is not None
    serves = _serves(desk, db, resource)
    return [id for id, versions in gathering.siblings(db, row).items() if all(map(serves, versions))], True


def _by_list(desk: Desk, db: Connection, row: Any) -> bool:
    """Whether the list serves all that wait for this fetch as well as the record's own page."""
    resource = catalogue.resource(row.resource)
    if resource is None or row.parent or not needs.list_suffices(resource, []):
        return False
    return all(map(_serves(desk, db, resource), gathering.waiting_versions(db, [row.id])[row.id]))


def _serves(desk: Desk, db: Connection, resource: Resource) -> Callable[[int], bool]:
    known: dict[int, bool] = {}

    def serves(version_id: int) -> bool:
        if version_id not in known:
            known[version_id] = _enough(desk, db, resource, version_id)
        return known[version_id]

    return serves


def _enough(desk: Desk, db: Connection, resource: Resource, version_id: int) -> bool:
    try:
        return needs.list_suffices(resource, [desk.loaded.automation(version_id, db)])
    except ConfigError:
        return False  # this code no longer reads that version; its run will say so
