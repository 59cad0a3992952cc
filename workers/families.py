"""Which record another one belongs to, where its address needs that: a line item's contract, a reply's RFI.

Only v3.0 payloads tell it. Else what we know from before may: an earlier event of the same record, our copy of it,
or copies of the few records that it can belong to, which are tried one after the other.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from config.errors import Permanent
from connectors import catalogue, parents
from connectors.catalogue import Resource
from store import fetches, records

# Each one tried is a call.
MOST_TRIED = 20


def possible(db: Connection, row: Any) -> list[str | None]:
    """The ids of the parents that a fetch may be under; [None] when its address needs none.

    Raises: Permanent(kind="no_parent") when it needs one and nothing tells which, with what can be done.
    """
    resource = catalogue.resource(row.resource)
    wanted = _wanted(resource)
    told = (row.parent or {}).get("id")
    if resource is None or wanted is None or told:
        return [told or None]
    known = (fetches.parent_of(db, row) or {}).get("id") or _in_copy(db, row, wanted)
    if known:
        return [str(known)]
    above = parents.PARENTS.get(wanted, ())
    found = [id for name in above for id in records.known_ids(db, row.connector, name, row.project_id, MOST_TRIED + 1)]
    if not 0 < len(found) <= MOST_TRIED:
        raise Permanent(_sentence(resource, row, wanted, above, len(found)), kind="no_parent")
    return list(found)


def _wanted(resource: Resource | None) -> str | None:
    if resource is None:
        return None
    return resource.list_parent if resource.show_path is None else resource.show_parent


def _in_copy(db: Connection, row: Any, name: str) -> Any:
    """`rfi_id`, or the `id` inside `rfi`, of our newest copy."""
    copy = records.newest(db, row.connector, row.resource, row.record_id)
    if copy is None:
        return None
    inside = copy.body.get(name.removesuffix("_id"))
    return copy.body.get(name) or (inside.get("id") if isinstance(inside, dict) else None)


def _sentence(resource: Resource, row: Any, wanted: str, above: tuple[str, ...], found: int) -> str:
    seen = f"{resource.name} {row.record_id} cannot be read: its address needs {wanted}, which neither the event nor a copy tells"
    if found:
        seen += f", and more than {MOST_TRIED} records could be meant"
    mend = f"or listen to {' and '.join(above)} instead" if above else "or listen to the resource it belongs to"
    return f"{seen}. Let the hook send payload v3.0, which names some parents, {mend}."
