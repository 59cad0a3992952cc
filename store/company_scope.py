"""Which rows are of one company: what says so itself, else what came through a hook or a connector of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from store.models import Call, Connector, Delivery, Effect, Event, Fetch, Hook, Import, Run
from store.types import now


@dataclass(frozen=True)
class Company:
    """`names` are the connectors that lead to it, or did when they were removed. With `dry` nothing is changed.

    `told` has what a dry count has counted by name already.
    """

    id: str
    names: tuple[str, ...]
    dry: bool = False
    told: set[str] = field(default_factory=set)

    @cached_property
    def _named(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, (self.id, *self.names)))})(?![\w-])")

    def is_named_in(self, value: Any) -> bool:
        """Whether a text, or anything that can be JSON, names the company or one of its connectors as a whole word."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        return self._named.search(text) is not None


def find(db: Connection, id: str, *, dry: bool = False) -> Company:
    rows = db.execute(select(Connector.name, Connector.config))
    return Company(id, tuple(sorted(row.name for row in rows if str(row.config.get("company_id")) == id)), dry)


def there(db: Connection, of: Company) -> list[Any]:
    """Its connectors that are not removed."""
    return list(db.execute(select(Connector.__table__).where(Connector.name.in_(of.names), Connector.state != "removed")))


def records(table: Any, of: Company) -> ColumnElement[bool]:
    """Rows of a table that has a company of its own. What tells none counts to where its connector leads."""
    return or_(table.company_id == of.id, and_(table.company_id == "", table.connector.in_(of.names)))


def deliveries(of: Company) -> ColumnElement[bool]:
    """What came by its hooks, and by its connectors unless the hook was of the company that one led to before."""
    hook = exists().where(Hook.key == Delivery.hook_key, Hook.company_id == of.id)
    other = exists().where(Hook.key == Delivery.hook_key, Hook.company_id != of.id)
    return or_(hook, and_(Delivery.connector.in_(of.names), not_(other)))


def events(of: Company) -> ColumnElement[bool]:
    return or_(records(Event, of), exists().where(Delivery.id == Event.delivery_id, deliveries(of)))


def runs(of: Company) -> ColumnElement[bool]:
    return exists().where(Event.id == Run.event_id, events(of))


def of_run(run_id: Any, of: Company) -> ColumnElement[bool]:
    """Rows that name a run of it."""
    return exists().where(Run.id == run_id, runs(of))


def calls(of: Company) -> ColumnElement[bool]:
    """By its connectors, and those whose path names it."""
    paths = [Call.path.like(f"%/companies/{of.id}{end}") for end in ("", "/%", "?%")]
    return or_(Call.connector.in_(of.names), *paths)


def effects_at(of: Company) -> ColumnElement[bool]:
    """Effects that were made at its connectors, whoever made them."""
    return or_(False, *(Effect.target.startswith(f"procore:{name} ", autoescape=True) for name in of.names))


def at_work(table: Any) -> ColumnElement[bool]:
    """A worker has it at this moment."""
    found: ColumnElement[bool] = and_(table.state == "running", table.lease_until > now())
    return found


def working(db: Connection, of: Company) -> dict[str, int]:
    """How much of its work a worker has at this moment; only what there is."""
    found = {}
    for name, table, mine in (
        ("runs", Run, runs(of)),
        ("fetches", Fetch, records(Fetch, of)),
        ("imports", Import, Import.connector.in_(of.names)),
    ):
        found[name] = db.scalar(select(func.count()).select_from(table).where(at_work(table), mine)) or 0
    return {name: count for name, count in found.items() if count}


def files(db: Connection, of: Company, ids: Iterable[int]) -> set[str]:
    """What the ledger calls the files that these effects of its runs wrote, such as `file exports/rfis.csv`."""
    mine = (Effect.id.in_(list(ids)), of_run(Effect.run_id, of))
    return set(db.scalars(select(Effect.target).where(*mine)))


def others_wrote(db: Connection, of: Company, path: str) -> bool:
    """Whether a run of anybody else wrote this file, or one below this folder."""
    whole = Effect.target.in_((f"file {path}", f"files:{path}"))
    starts = (f"file {path} ", f"file {path}/", f"files:{path}/")
    parts = [Effect.target.startswith(start, autoescape=True) for start in starts]
    found = select(Effect.id).where(or_(whole, *parts), not_(of_run(Effect.run_id, of))).limit(1)
    return db.scalar(found) is not None
