"""Procore's resources as data: what can be read where, and which events there are.

Read once from catalogue.yaml and shapes.yaml beside this module. Names compare without regard to case,
because payloads of different versions spell them differently.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal

import yaml

from connectors import shapes
from connectors.shapes import Type as Type

Scope = Literal["company", "project"]
DEFAULT_PAGE = (100, 1000)
_KNOWN = ("company_id", "project_id", "id")


@dataclass(frozen=True, eq=False)
class Subscribable:
    """A name that a hook's trigger may carry. `retired` says which of its events ended when."""

    name: str
    scope: Scope
    actions: tuple[str, ...]
    retired: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Resource:
    """One row of the catalogue; the head of catalogue.yaml explains each key.

    `fields` maps dotted paths to types, None when the shape is not known ("open").
    """

    name: str
    scope: Scope
    actions: tuple[str, ...]
    list_path: str | None
    show_path: str | None
    list_query: tuple[str, ...]
    show_query: tuple[str, ...]
    list_fixed: Mapping[str, str]
    filters: frozenset[str]
    id_filter: str
    paging: bool
    page_size: int
    page_max: int
    group: str | None
    deleted_path: str | None
    sync_path: str | None
    sync_query: tuple[str, ...]
    make_path: str | None
    make_query: tuple[str, ...]
    word: str
    fields: Mapping[str, Type] | None
    list_lacks: tuple[str, ...]
    retired: Mapping[str, str]
    unconfirmed: bool
    seen_live: bool
    also_called: tuple[str, ...]
    note: str

    @cached_property
    def table(self) -> str:
        """The table that its records land in: `punch_items` for Punch Items."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")

    @property
    def list_shape(self) -> Literal["plain", "grouped"]:
        return "grouped" if self.group else "plain"

    @property
    def envelope(self) -> Literal["v1", "v2"]:
        """v2 answers are `{"data": …}` with ids as text."""
        return "v2" if (self.list_path or self.show_path or "").startswith("/rest/v2") else "v1"

    @cached_property
    def list_parent(self) -> str | None:
        """The parameter that the parent's id fills when listing, such as `rfi_id`; None when there is none."""
        return _parent(self.list_path, self.list_query)

    @cached_property
    def show_parent(self) -> str | None:
        return _parent(self.show_path, self.show_query)

    @property
    def parent(self) -> str | None:
        return self.show_parent or self.list_parent

    @cached_property
    def make_parent(self) -> str | None:
        return _parent(self.make_path, self.make_query)

    @cached_property
    def sync_parent(self) -> str | None:
        return _parent(self.sync_path, self.sync_query)

    @property
    def takes_origin(self) -> bool:
        """Whether a record carries `origin_id`, our own key for it, which Procore keeps unique in the company."""
        return self.sync_path is not None or "origin_id" in (self.fields or {})

    @property
    def batch(self) -> bool:
        """Whether one call of its list reads many records by id."""
        return "I" in self.filters or self.id_filter != "id"

    @property
    def daily(self) -> bool:
        """Its list answers one day, today, unless it is given `start_date` and `end_date`."""
        return "L" in self.filters


def resource(name: str) -> Resource | None:
    """The row of a resource, in any case; None when Procore has none, or none that we can read."""
    return _rows().get(name.lower())


def names() -> tuple[str, ...]:
    """Every resource, in the order of the catalogue."""
    return tuple(dict.fromkeys(row.name for row in _rows().values()))


def subscribable(name: str) -> Subscribable | None:
    """What a trigger of this name may be, in any case; None when there are no webhooks for it."""
    return _subscribables().get(name.lower())


def subscribables() -> tuple[Subscribable, ...]:
    return tuple(dict.fromkeys(_subscribables().values()))


def _singular(name: str) -> str:
    """`punch_item` for Punch Items: what the fields of a write are wrapped in."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).removeprefix("company_").removeprefix("project_")
    return re.sub(r"ies$", "y", plain) if plain.endswith("ies") else plain.removesuffix("s")


def _parent(path: str | None, query: tuple[str, ...]) -> str | None:
    wanted = [*re.findall(r"{(\w+)}", path or ""), *query]
    return next((name for name in wanted if name not in _KNOWN), None)


@cache
def _rows() -> dict[str, Resource]:
    drawn = _load("shapes.yaml")
    rows = [_row(name, row, drawn) for name, row in _load("catalogue.yaml")["resources"].items()]
    return {called.lower(): row for row in rows for called in (row.name, *row.also_called)}


@cache
def _subscribables() -> dict[str, Subscribable]:
    found: dict[str, Subscribable] = {}
    for row in _rows().values():
        for called in (row.name, *row.also_called) if row.actions else ():
            found[called.lower()] = Subscribable(called, row.scope, row.actions, row.retired)
    for scope, others in _load("catalogue.yaml")["webhook_only"].items():
        found |= {name.lower(): Subscribable(name, scope, tuple(actions)) for name, actions in others.items()}
    return found


@cache
def _load(name: str) -> Any:
    # Ours, not a user's: the C loader reads it in a fifth of the time, which every command would wait for.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(files("connectors").joinpath(name).read_text("utf-8"), Loader=loader)  # noqa: S506


def _row(name: str, row: Mapping[str, Any], drawn: Mapping[str, Any]) -> Resource:
    shape = drawn["shapes"].get(name)
    fields = None
    if shape is not None:
        fields = dict(shapes.flat({key: shapes.read(written, drawn["parts"]) for key, written in shape["fields"].items()}))
    page_size, page_max = row.get("page", DEFAULT_PAGE)
    return Resource(
        name=name,
        scope=row["scope"],
        actions=tuple(row["actions"]),
        list_path=row.get("list"),
        show_path=row.get("show"),
        list_query=tuple(row.get("list_query", ())),
        show_query=tuple(row.get("show_query", ())),
        list_fixed=row.get("list_fixed", {}),
        filters=frozenset(str(row.get("filters", "")).split()),
        id_filter=row.get("id_filter", "id"),
        paging=row.get("paging", True),
        page_size=page_size,
        page_max=page_max,
        group=row.get("group"),
        deleted_path=row.get("deleted"),
        sync_path=row.get("sync"),
        sync_query=tuple(row.get("sync_query", ())),
        make_path=row.get("make", row.get("list")),
        make_query=tuple(row.get("make_query", row.get("list_query", ()) if "make" not in row else ())),
        word=row.get("word", _singular(name)),
        fields=fields,
        list_lacks=tuple(shape.get("list_lacks", ())) if shape else (),
        retired=row.get("retired", {}),
        unconfirmed=row.get("unconfirmed", False),
        seen_live=row.get("seen_live", False),
        also_called=tuple(row.get("also_called", ())),
        note=row.get("note", ""),
    )


def record_hash(of: Resource | None, record: Mapping[str, Any]) -> str:
    """SHA-256 of a record's content, in hexadecimal.

    Addresses of files are signed anew at each read, so a value under `url` or `*_url` counts without its
    query; the same holds for an address anywhere else that carries a signature.
    Source: Procore documentation, secure file access.
    """
    steady = json.dumps(_steady(record), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(steady.encode("utf-8", "surrogatepass")).hexdigest()


_SIGNED = re.compile(r"[?&](sig|signature|token|expires|x-amz-[a-z-]+|se|sv)=", re.IGNORECASE)


def _steady(value: Any, key: str = "") -> Any:
    """The value without what is signed anew; itself, not a copy, where there is nothing of that kind."""
    found = None
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        of = key if isinstance(name, int) else str(name)
        if isinstance(inner, str):
            new: Any = _unsigned(inner, of) if "?" in inner and "://" in inner[:12] else inner
        elif isinstance(inner, (dict, list)):
            new = _steady(inner, of)
        else:
            continue
        if new is not inner:
            found = value.copy() if found is None else found
            found[name] = new
    return value if found is None else found


def _unsigned(address: str, key: str) -> str:
    volatile = key == "url" or key.endswith("_url") or _SIGNED.search(address)
    return address.partition("?")[0] if volatile else address
