"""What a whole list no longer shows may be gone: it is marked deleted only when something proves it.

Proof is the recycle bin, the list asked for deleted records, or two 404s of the record while its project can
still be read. A project that vanished, a list that emptied, or very many gone at once prove nothing.
Source: Procore documentation (404 is also the answer to what may not be seen); traps 13 and 15 of integrators.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from connectors.catalogue import Resource
from connectors.reading import Json
from connectors.repair import deleted_ones, shown, too_many
from store import imports, landing
from store.session import reading
from workers.import_pages import Pause
from workers.import_work import Part, Work

CHUNK = 50


def look(work: Work, part: Part, between: Pause) -> None:
    """Look for deletions behind a list that was read whole. Raises: as `Procore.pages` does."""
    known, unseen = work.seen(part)
    if not unseen:
        work.commit(part, "ok", reason=part.reason)
        return
    if "emptied" not in part.position:
        refusal = _refusal(work, part, known, unseen)
        if refusal is not None:
            work.commit(part, refusal[0], reason=refusal[1])
            return
        work.commit(part, "deletions", position={**part.position, "emptied": known == unseen and work.row.confirmed is None})
    _from_bin(work, part)
    if not part.position["emptied"]:
        _one_by_one(work, part, between)
        return
    left = work.seen(part)[1]
    work.commit(part, "ok", reason=_emptied(part, left) if left else None)


def _refusal(work: Work, part: Part, known: int, unseen: int) -> tuple[str, str] | None:
    """The state of the part and the reason why nothing may be marked deleted in it; None when there is none."""
    if part.resource.name == "Projects":
        return "ok", f"{unseen} projects are not visible any more. A project that vanished is never marked deleted."
    if part.position["kind"] == "parents" and _unread(work, part):
        return "ok", f"{part.called}: not all of its lists could be read, so nothing was marked deleted."
    if (sentence := _unconfirmed(work, part, known, unseen)) is not None:
        return "failed", sentence
    return None if _project_is_there(work, part) else ("ok", _vanished(part))


def _unread(work: Work, part: Part) -> bool:
    with reading(work.desk.engine) as db:
        states = imports.states(db, work.row.id, part.resource.name, part.project_id)
    return bool(states.get("failed") or states.get("skipped"))


def _project_is_there(work: Work, part: Part) -> bool:
    return not part.project_id or any(str(one.get("id")) == part.project_id for one in work.procore.projects())


def _unconfirmed(work: Work, part: Part, known: int, unseen: int) -> str | None:
    """Why a person must look before any of these is believed to be deleted; None when that was done, or need not be."""
    confirmed = work.row.confirmed
    if confirmed is None:
        return _too_many(work, part, known, unseen) if too_many(unseen, known) else None
    if confirmed == unseen:
        return None
    return (
        f"{part.called}: {confirmed} deletions were confirmed, but {unseen} records are not in the list any more. So none was "
        "marked deleted. Look again, and confirm the number that you find."
    )


def _too_many(work: Work, part: Part, known: int, unseen: int) -> str:
    project = f" --project {part.project_id}" if part.project_id else ""
    return (
        f"{part.called}: {unseen} of {known} records are not in the list any more, more than a fifth. So none was marked "
        "deleted. Check in Procore whether the app may still see all of them: Company Admin > App Management > Permissions, and "
        "the settings of the tool. If they were deleted there, confirm it: "
        f'tieback import {work.row.connector} "{part.resource.name}" --full{project} --confirm-deletions {unseen}'
    )


def _vanished(part: Part) -> str:
    return f"{part.called}: the project is not visible any more, so nothing was marked deleted."


def _emptied(part: Part, left: int) -> str:
    return (
        f"{part.called}: the list is empty, and {left} records were there before. An empty list proves nothing, so they were not "
        "marked deleted. Check in Procore whether the tool is still visible to the app."
    )


def _from_bin(work: Work, part: Part) -> None:
    """Mark what the recycle bin, or the list of deleted records, has."""
    asked = deleted_ones(work.procore, part.resource, part.project_id or None)
    if asked is None:
        return
    while some := list(islice(asked[0], 500)):
        marks = {id: _deleted_at(one) for one in some if (id := landing.id_of(one)) is not None}
        gone = {id: marks[id] for id in _unseen_of(work, part, list(marks))}
        work.commit(part, "deletions", change=partial(_settle, work, part, [], gone))


def _unseen_of(work: Work, part: Part, ids: list[str]) -> list[str]:
    with reading(work.desk.engine) as db:
        return landing.unseen_of(db, work.place(part), work.begin_of(part), ids)


def _deleted_at(record: Mapping[str, Any]) -> dt.datetime:
    found = record.get("deleted_at") or record.get("updated_at")
    try:
        moment = dt.datetime.fromisoformat(str(found))
    except ValueError:
        return dt.datetime.now(dt.UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _one_by_one(work: Work, part: Part, between: Pause) -> None:
    """Ask for each record that is left. Those of which Procore cannot be asked stay as they are."""
    unproven = part.position.get("unproven", 0)
    for some in _chunks(work, part):
        alive, gone, open_ = _asked(work, part, some)
        if gone and not _project_is_there(work, part):
            work.commit(part, "ok", reason=_vanished(part))
            return
        unproven += len(open_)
        position = {**part.position, "after": some[-1][0], "unproven": unproven}
        marks = dict.fromkeys(gone, dt.datetime.now(dt.UTC))
        work.commit(part, "deletions", position=position, change=partial(_settle, work, part, alive, marks))
        between()
    reason = None
    if unproven:
        reason = f"{part.called}: {unproven} records are not in the list any more, without proof that they were deleted."
    work.commit(part, "ok", reason=reason)


def _chunks(work: Work, part: Part) -> Iterator[list[tuple[str, Json]]]:
    while True:
        with reading(work.desk.engine) as db:
            after = part.position.get("after", "")
            some = landing.next_unseen(db, work.place(part), work.begin_of(part), after, CHUNK)
        if not some:
            return
        yield some


def _asked(work: Work, part: Part, some: list[tuple[str, Json]]) -> tuple[list[Json], list[str], list[str]]:
    """What Procore says of these: the records that are alive, the ids that are gone, and those nobody can be asked about."""
    row, project = part.resource, part.project_id or None
    alive: list[Json] = []
    left = [id for id, _ in some]
    by_id = ("I" in row.filters or row.id_filter != "id") and not row.list_parent
    if by_id:
        found = work.procore.many(row, left, project)
        alive += found.values()
        left = [id for id in left if id not in found]
    if row.show_path is None:
        if not by_id:
            return alive, [], left
        again = work.procore.many(row, left, project) if left else {}
        return [*alive, *again.values()], [id for id in left if id not in again], []
    bodies = dict(some)
    gone: list[str] = []
    unproven: list[str] = []
    for id in left:
        parent = _parent(row, bodies[id])
        if row.show_parent and parent is None:
            unproven.append(id)
        elif (record := shown(work.procore, row, id, project, parent)) is None:
            gone.append(id)
        else:
            alive.append(record)
    return alive, gone, unproven


def _parent(row: Resource, body: Mapping[str, Any]) -> str | None:
    found = body.get(row.show_parent or "")
    return str(found) if isinstance(found, (int, str)) and found else None


def _settle(work: Work, part: Part, alive: list[Json], gone: Mapping[str, dt.datetime], db: Connection) -> dict[str, int]:
    marked = landing.mark_deleted(db, work.place(part), gone)
    return {**work.land(db, part, alive), "deleted": marked}
