"""Whole lists against our copies, once a day: what is unknown here, what changed unseen, and what is gone there.

A record that is missing in a list is deleted only with proof. A project that vanished, a list that emptied and very
many missing at once prove nothing. Source: traps 13 and 15 of integrators; Procore documentation, recycle bins.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from connectors import repair as compared
from store import cursors, repairs
from store.session import reading, retrying, writing
from workers import looking, sweeps
from workers.desk import Desk
from workers.dispatch import enter, ring
from workers.repair import Report, reporting
from workers.sweeps import PAGE, List, Look

KIND = "ids"
# Daily logs are listed by day: so many are compared, and none of them is taken for deleted.
DAYS = dt.timedelta(days=14)
A_DAY = dt.timedelta(hours=23)


def compare(
    desk: Desk,
    name: str,
    *,
    most: int | None = None,
    lane: str = "manual",
    in_flight: dt.timedelta = dt.timedelta(0),
    rested: dt.timedelta = dt.timedelta(0),
) -> Report:
    """Read each list that automations listen to as a whole, if that was not done within `rested`.

    Raises: as `sweeps.sweep` does.
    """
    procore = desk.loaded.procore(name, lane)
    with reporting(desk, name, KIND) as report:
        look = sweeps.begun(desk, procore, report, in_flight)
        for one in sweeps.lists(look, KIND, compared.why_not_compared, most, rested):
            sweeps.each(look, one, lambda one=one: _list(look, one))
    return report


def _list(look: Look, one: List) -> None:
    with reading(look.desk.engine) as db:
        known = repairs.alive(db, look.connector, one.row.name, one.project_id)
    missing = _read(look, one, known)
    if missing and not one.row.daily:
        _missing(look, one, known, missing)
    with writing(look.desk.engine) as db:
        cursors.move(db, KIND, look.connector, one.row.name, one.project_id, look.began)


def _read(look: Look, one: List, known: Mapping[str, int]) -> list[str]:
    """Read the list; the ids of those that we know and that it does not show."""
    days = {"start_date": f"{look.began - DAYS:%Y-%m-%d}", "end_date": f"{look.began:%Y-%m-%d}"} if one.row.daily else {}
    left = set(known)
    for page in look.procore.paged(one.row, one.project_id or None, query=days, per_page=PAGE):
        left -= sweeps.bring_in(look, one, page.records)
    return sorted(left)


def _missing(look: Look, one: List, known: Mapping[str, int], missing: list[str]) -> None:
    if reason := _proves_nothing(look, one, known, missing):
        look.report.left(one.called, reason, found=False)
        return
    for id, proof in compared.gone(look.procore, one.row, one.project_id or None, missing):
        what = f"{one.row.name} {id} delete"
        if proof is None:
            look.report.left(what, "it is not in the list any more, and nothing proves that it was deleted")
        elif _deleted(look, one, id, known[id]):
            look.report.mended(what, proof=proof)


def _proves_nothing(look: Look, one: List, known: Mapping[str, int], missing: list[str]) -> str | None:
    if one.row.name == "Projects":
        return f"{len(missing)} projects are not visible any more. A project that vanished is never taken for deleted."
    if compared.too_many(len(missing), len(known)):
        return (
            f"{len(missing)} of {len(known)} records are not in the list any more, more than a fifth: none was taken for "
            "deleted. Check what the app may see: Company Admin > App Management > Permissions. If they were deleted in Procore, "
            f'confirm it: tieback import {look.connector} "{one.row.name}" --full'
            f"{f' --project {one.project_id}' if one.project_id else ''} --confirm-deletions {len(missing)}"
        )
    if one.project_id and all(str(project["id"]) != one.project_id for project in look.procore.projects()):
        return "the project is not visible any more: nothing was taken for deleted."
    return None


@retrying
def _deleted(look: Look, one: List, id: str, copy_id: int) -> bool:
    """Make the event of a deletion; False when the record was heard of since, or somebody told of it meanwhile."""
    with writing(look.desk.engine) as db:
        look.desk.loaded.fresh(db)
        copy = repairs.newest(db, look.connector, one.row.name, [id])[id]
        if copy.id != copy_id or copy.deleted_at is not None:
            return False
        said = sweeps.said(look, one, id, "delete", f"deleted:{copy_id}", look.began)
        entered = enter(look.desk, db, said, sweeps.origin(look, one))
    ring(look.desk, entered.rings)
    return entered.event_id is not None


def by_itself(desk: Desk, name: str) -> None:
    """The timer's work, every hour: of the lists that were not compared for a day, as many as one look may cost."""
    if name not in desk.loaded.connectors() or desk.loaded.paused(name):
        return
    most = looking.most(desk.loaded.quota, name)
    compare(desk, name, most=most, lane="schedule", in_flight=sweeps.IN_FLIGHT, rested=A_DAY)
