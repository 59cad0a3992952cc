"""What is known of the names an expression may use: a tree of fields with kinds.

`event.action`, `record.status.name` or `steps.fetch.output.status` are paths in one such tree. A
map without `fields` is *open*: any name goes below it, and its values are untyped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, get_args

Kind = Literal["text", "int", "float", "bool", "date", "timestamp", "money", "id", "list", "map", "any"]
KINDS: tuple[str, ...] = get_args(Kind)
SPOKEN = {
    "text": "text", "int": "a whole number", "float": "a decimal number", "bool": "true or false", "date": "a date",
    "timestamp": "a time", "money": "money (decimal text)", "id": "an id (text)", "list": "a list", "map": "a map",
    "any": "anything",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One name's kind. `fields` are a map's names (None: open), `item` a list's items.

    `called` is how a sentence names this part of the tree, such as `RFIs`; `values` are all that a text can be.
    """

    kind: Kind
    nullable: bool = False
    fields: Mapping[str, Field] | None = None
    item: Field | None = None
    called: str | None = None
    values: tuple[str, ...] = ()

    def child(self, name: str) -> Field | None:
        """The field below this one, ANY below an open one, None when there is no such name."""
        if self.kind == "any" or (self.kind == "map" and self.fields is None):
            return ANY
        return (self.fields or {}).get(name)


ANY = Field("any", nullable=True)
TEXT = Field("text")
ID = Field("id")
INT = Field("int")
BOOL = Field("bool")
TIME = Field("timestamp")
OPEN = Field("map", fields=None)
STATES = ("ok", "failed", "skipped", "waiting", "uncertain")


def one_of(*values: str) -> Field:
    """Text that is always one of these; comparing it with any other is an error."""
    return Field("text", values=values)


def a_map(called: str | None = None, nullable: bool = False, /, **fields: Field) -> Field:
    return Field("map", nullable, fields, called=called)


def a_list(item: Field | None = None) -> Field:
    return Field("list", item=item)


@dataclass(frozen=True)
class Lost:
    """A path that leads nowhere: `owner` has no `name`; `within` is the owner's own path below `called`."""

    owner: Field
    index: int
    called: str
    within: tuple[str, ...]


def find(root: Field, path: Sequence[str]) -> Field | Lost:
    """The field at the end of a path. It is nullable when anything on the way is."""
    here, nullable, called, since = root, root.nullable, root.called or "", 0
    for index, name in enumerate(path):
        below = here.child(name)
        if below is None:
            return Lost(here, index, called, tuple(path[since:index]))
        nullable = nullable or below.nullable
        if below.called:
            called, since = below.called, index + 1
        here = below
    return replace(here, nullable=nullable)


@lru_cache(maxsize=256)
def of_resource(resource: Any) -> Field:
    """The record of one of Procore's resources, from the catalogue; open when its shape is not known."""
    if resource.fields is None:
        return Field("map", fields=None, called=resource.name)
    tree: dict[str, Field] = {}
    for path, kind in sorted(resource.fields.items()):
        _plant(tree, path.split("."), _of_type(kind))
    return Field("map", fields=tree, called=resource.name)


def _plant(tree: dict[str, Field], path: Sequence[str], field: Field) -> None:
    name, *rest = path
    if not rest:
        known = tree.get(name)
        tree[name] = replace(field, fields={**(known.fields or {})}) if known and known.fields and field.kind == "map" else field
        return
    parent = tree.get(name, Field("map", nullable=False, fields={}))
    below = dict(parent.fields or {})
    _plant(below, rest, field)
    tree[name] = replace(parent, fields=below)


def _of_type(given: Any) -> Field:
    """A Field from the catalogue's own type object: `kind`, `nullable`, and `fields` or `item` of what is inside."""
    kind: Any = str(getattr(given, "kind", given))
    nullable = bool(getattr(given, "nullable", False))
    inner = getattr(given, "fields", None)
    below = {name: _of_type(t) for name, t in inner.items()} if inner else None
    if kind == "list":
        item = getattr(given, "item", None)
        return Field("list", nullable, item=Field("map", fields=below) if below else _of_type(item) if item else None)
    return Field(kind if kind in KINDS else "any", nullable, fields=below)


def all_nullable(field: Field) -> Field:
    """The same record when there may be none: `previous` before the first copy."""
    return replace(field, nullable=True)


def shared(fields: Sequence[Field]) -> Field:
    """What a record surely has when it may be of any of several resources; kinds that differ are untyped."""
    first, *others = fields
    if not others:
        return first
    if any(f.kind == "map" and f.fields is None for f in fields):
        return Field("map", fields=None, called=" and ".join(f.called or "" for f in fields))
    names = set.intersection(*(set(f.fields or {}) for f in fields))
    common = {name: _one_of([(f.fields or {})[name] for f in fields]) for name in sorted(names)}
    return Field("map", any(f.nullable for f in fields), common, called=" and ".join(f.called or "" for f in fields) or None)


def _one_of(fields: Sequence[Field]) -> Field:
    kinds = {f.kind for f in fields}
    if kinds == {"map"} and all(f.fields is not None for f in fields):
        return replace(shared(fields), called=None)
    if len(kinds) == 1:
        return replace(fields[0], nullable=any(f.nullable for f in fields))
    return ANY


def of_value(value: Any) -> Field:
    """What is known of a constant: the kinds of its parts, as far as the items of a list agree."""
    if isinstance(value, bool):
        return Field("bool")
    if isinstance(value, (list, tuple)):
        return a_list(of_values(value))
    if isinstance(value, Mapping):
        return a_map(None, **{str(k): of_value(v) for k, v in value.items()})
    return {int: INT, float: Field("float"), str: TEXT}.get(type(value), ANY)


def of_values(values: Sequence[Any]) -> Field | None:
    """What all items of a list have in common: a column that some rows lack may be null. None when they differ."""
    kinds = [of_value(v) for v in values if v is not None]
    maybe = len(kinds) < len(values)
    if not kinds:
        return None
    if all(k.kind == "map" for k in kinds):
        names = dict.fromkeys(name for k in kinds for name in k.fields or {})
        return Field("map", maybe, {name: _column([(k.fields or {}).get(name) for k in kinds], name) for name in names})
    if len({k.kind for k in kinds}) > 1:
        return None
    return replace(kinds[0], nullable=maybe, item=None if kinds[0].kind == "list" else kinds[0].item)


def _column(found: Sequence[Field | None], name: str) -> Field:
    known = [one for one in found if one is not None and one != ANY]
    maybe = len(known) < len(found)
    if name == "id" or name.endswith("_id"):
        return Field("id", maybe)
    kinds = {one.kind for one in known}
    if kinds == {"int", "float"}:
        return Field("float", maybe)
    if len(kinds) != 1:
        return ANY
    return replace(known[0], nullable=maybe) if kinds - {"map", "list"} else replace(_one_of(known), nullable=maybe)
