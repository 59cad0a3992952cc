"""`POST /_sim/fill`: very many records of one resource at once, for the proofs of volume. Nobody is told of them.

A hundred thousand RFIs as whole objects would take a gigabyte. These are twelve patterns, and for each record a
number: the body is made when somebody reads it, and made the same each time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.records import Json, Record
from simulator.seeding import PARENTS, named_parent
from simulator.shapes import shape_of
from simulator.stamps import iso
from simulator.table import ROWS, Row, row_named
from simulator.world import World

MOST = 1_000_000
_PATTERNS = 12
_DAYS = 60
_SPREAD_S = 200 * 86400


@dataclass(frozen=True, slots=True)
class Batch:
    """What the records of one filling have in common."""

    resource: str
    patterns: tuple[Json, ...]
    first_id: int
    known: int
    count: int
    began: datetime
    parents: tuple[int, ...] = ()

    def parent(self, place: int) -> int | None:
        return self.parents[place % len(self.parents)] if self.parents else None

    def at(self, place: int, key: str) -> Any:
        pattern = self.patterns[place % _PATTERNS]
        if key not in pattern:
            return None
        if key in ("id", "source_rfi_header_id"):
            return self.first_id + place
        if key in ("number", "full_number", "alphanumeric_number", "position"):
            number = self.known + place + 1
            return number if isinstance(pattern[key], int) else str(number)
        if key in ("created_at", "updated_at"):
            return self._moment(place, key)
        if key in ("date", "datetime"):
            day = (self.began + timedelta(seconds=_SPREAD_S) - timedelta(days=place % _DAYS)).date().isoformat()
            return day if key == "date" else f"{day}T00:00:00Z"
        return pattern[key]

    def body(self, place: int) -> Json:
        pattern = self.patterns[place % _PATTERNS]
        return pattern | {key: self.at(place, key) for key in _OWN if key in pattern} | self._named_parent(place)

    def _named_parent(self, place: int) -> Json:
        return named_parent(self.resource, self.parent(place))

    def _moment(self, place: int, key: str) -> str:
        created = self.began.timestamp() + place * _SPREAD_S // self.count
        return iso(created + place * 7919 % 86400 if key == "updated_at" else created)


_OWN = (
    "id", "source_rfi_header_id", "number", "full_number", "alphanumeric_number", "position", "created_at", "updated_at",
    "date", "datetime",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filled:
    """The state of a record of a batch, until somebody changes it."""

    batch: Batch
    place: int

    @property
    def body(self) -> Json:
        return self.batch.body(self.place)

    @property
    def deleted(self) -> bool:
        return False

    def at(self, key: str) -> Any:
        return self.batch.at(self.place, key)


def fill(world: World, row: Row, scope_id: int, count: int) -> Batch:
    """Make the records. Their ids are in a row; created_at and updated_at are spread over the last two hundred days."""
    setting = replace(world.settings[scope_id], ids=world.ids)
    # Made as seeded records are, not as live ones: otherwise all of them would be of this very second.
    patterns = tuple(shape_of(row.name)(setting, n) for n in range(_PATTERNS))
    first_id = world.ids.take(row.name, count)
    began = setting.today - timedelta(seconds=_SPREAD_S)
    parents = tuple(one.id for one in world.shelves.of(PARENTS[row.name], scope_id)) if row.name in PARENTS else ()
    batch = Batch(row.name, patterns, first_id, world.shelves.size(row.name, scope_id), count, began, parents)
    project_id = scope_id if row.of_project else None
    for place in range(count):
        own = batch.parent(place)
        record = Record(row.name, first_id + place, setting.company["id"], project_id, own, Filled(batch, place))
        world.shelves.put(record)
    return batch


def fillings(world: World) -> Blueprint:
    page = Blueprint("fillings", __name__, url_prefix="/_sim")

    @page.post("/fill")
    def fill_() -> tuple[Response, int]:
        wish = request.get_json(force=True, silent=True)
        problem, row, scope_id, count = _read(world, wish if isinstance(wish, dict) else {})
        if problem or row is None:
            return jsonify(error=problem), 400
        batch = fill(world, row, scope_id, count)
        return jsonify(count=count, first_id=batch.first_id, last_id=batch.first_id + count - 1), 200

    return page


def _read(world: World, wish: Json) -> tuple[str, Row | None, int, int]:
    """The wish, or a sentence that says what to send instead."""
    row, count = row_named(wish.get("resource")), wish.get("count")
    if row is None or row is ROWS["Projects"]:
        return f"There is no resource {wish.get('resource')!r} to fill. Name one as webhooks do, for example RFIs.", None, 0, 0
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        return f"count is a whole number from 1 to {MOST}, not {count!r}.", None, 0, 0
    company = next(iter(world.companies))
    default = world.projects(company)[0].id if row.of_project else company
    scope_id = wish.get("project_id" if row.of_project else "company_id", default)
    if scope_id not in world.settings or (world.project(scope_id) is None) == row.of_project:
        return f"There is no {'project' if row.of_project else 'company'} {scope_id!r}. See GET /_sim/state.", None, 0, 0
    return "", row, scope_id, count
