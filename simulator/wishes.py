"""Reading the bodies of controls: whatever makes no sense is answered with a sentence that says what to send."""

from __future__ import annotations

from difflib import get_close_matches

from flask import request

from simulator.records import Json, Record
from simulator.table import Row, row_named
from simulator.world import World

MOST = 20_000


class Nonsense(ValueError):
    """The body of a control makes no sense; the text says what to send."""


def body(*fields: str) -> Json:
    """The JSON object of the call, with these fields at most. Without fields none need be sent."""
    if not fields and not request.get_data():
        return {}
    wish = request.get_json(force=True, silent=True)
    if not isinstance(wish, dict):
        raise Nonsense(f"Send a JSON object with {', '.join(fields) or 'nothing in it'}, for example {_EXAMPLE}")
    for name in wish:
        if name not in fields:
            near = "".join(f" Did you mean {one}?" for one in get_close_matches(name, fields, 1))
            raise Nonsense(f"{request.path} knows no field {name!r}.{near} Send: {', '.join(fields) or 'nothing'}.")
    return wish


_EXAMPLE = '{"resource": "RFIs", "verb": "update"}.'


def whole(wish: Json, name: str, default: int | None = None, *, least: int = 1, most: int = MOST) -> int | None:
    value = wish.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Nonsense(f"{name} is a whole number from {least} to {most}, not {value!r}.")
    return value


def number(wish: Json, name: str, default: float) -> float:
    value = wish.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise Nonsense(f"{name} is a number above 0, not {value!r}.")
    return float(value)


def flag(wish: Json, name: str) -> bool | None:
    value = wish.get(name)
    if value is not None and not isinstance(value, bool):
        raise Nonsense(f"{name} is true, false or null, not {value!r}.")
    return value


def choice(wish: Json, name: str, known: tuple[str, ...], default: str | None = None) -> str | None:
    value = wish.get(name, default)
    if value is not None and value not in known:
        raise Nonsense(f"{name} is one of {', '.join(known)}, not {value!r}.")
    return value


def identity(wish: Json, name: str) -> int | None:
    """An id, as a number or as text."""
    value = wish.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not (str(value).isascii() and str(value).isdigit()):
        raise Nonsense(f"{name} is a whole number, not {value!r}.")
    return int(value)


def resource(wish: Json) -> Row:
    row = row_named(wish.get("resource"))
    if row is None:
        raise Nonsense(f"There is no resource {wish.get('resource')!r}. Name one as webhooks do, for example RFIs.")
    return row


def company(world: World, wish: Json) -> int | None:
    found = identity(wish, "company_id")
    if found is not None and found not in world.companies:
        raise Nonsense(f"There is no company {found}. See GET /_sim/state.")
    return found


def project(world: World, wish: Json, name: str = "project_id") -> Record | None:
    found = identity(wish, name)
    if found is None:
        return None
    record = world.project(found)
    if record is None:
        raise Nonsense(f"There is no project {found}. See GET /_sim/state.")
    return record
