"""Field types: what a rule may say about a record. Read from shapes.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

Kind = Literal["text", "int", "float", "bool", "date", "timestamp", "money", "id", "list", "map", "any"]
KINDS = get_args(Kind)


@dataclass(frozen=True)
class Type:
    """One field. `item` is the type of a list's items; `fields` are a map's keys, None when any key may come."""

    kind: Kind
    nullable: bool = True
    item: Type | None = None
    fields: Mapping[str, Type] | None = None


def read(written: Any, parts: Mapping[str, Any]) -> Type:
    """A type as shapes.yaml writes it: `text`, `id!`, `[person]`, `{id: id!}` or the name of a part.

    Raises: ValueError for a word that is neither.
    """
    if isinstance(written, list):
        if len(written) != 1:
            raise ValueError(f"a list has one item type, not {written!r}")
        return Type("list", item=read(written[0], parts))
    if isinstance(written, dict):
        return Type("map", fields={name: read(inner, parts) for name, inner in written.items()})
    word = str(written)
    if word.endswith("!"):
        return replace(read(word[:-1], parts), nullable=False)
    if word in parts:
        return read(parts[word], parts)
    if word not in KINDS:
        raise ValueError(f"{word!r} is no type and no part")
    return Type(cast(Kind, word))


def flat(fields: Mapping[str, Type], above: str = "") -> Iterator[tuple[str, Type]]:
    """Every path with its type: `status`, then `status.name`. Keys inside lists stay in `item`."""
    for name, one in fields.items():
        yield above + name, one
        yield from flat(one.fields or {}, f"{above}{name}.")
