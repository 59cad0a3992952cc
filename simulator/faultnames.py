"""The names of the faults, what each may be told, and how a wish for one is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from simulator.limits import BODIES
from simulator.records import Json
from simulator.sinks import MODES
from simulator.table import row_named

_EVENT = {"resource": None, "verb": None, "project_id": None}
_SCOPE = {"company_id": None, "project_id": None}


@dataclass(frozen=True)
class Kind:
    """What a fault does. `fields` are its settings with their defaults.

    One that `holds` is a state: it ends with `for_s` or when it is taken away, and is not used up.
    One that is done `at_once` leaves nothing to take away. One `of_calls` may name a part of a path.
    """

    what: str
    fields: Json = field(default_factory=dict)
    holds: bool = False
    at_once: bool = False
    of_calls: bool = False


FAULTS: dict[str, Kind] = {
    "outage": Kind(
        "every /rest call answers 503, or the connection is reset", {"mode": "503", "retry_after": None}, of_calls=True
    ),
    "slow": Kind("answers come late", {"seconds": 2.0}, of_calls=True),
    "error_500": Kind("500 with a JSON body", of_calls=True),
    "error_502_html": Kind("502 with a gateway's HTML page", of_calls=True),
    "rate_limit_429": Kind("429 as when a limit is used up", {"retry_after": None, "body": "prose"}, of_calls=True),
    "truncated": Kind("half of the body, then the connection ends", of_calls=True),
    "clock_skew": Kind("Procore's clock is off: Date and X-Rate-Limit-Reset", {"seconds": 3600.0}, holds=True),
    "token_revoked": Kind("issued tokens die; with for_s or count, calls answer 401", of_calls=True),
    "secret_reset": Kind("a new client secret; tokens of the old one die", at_once=True),
    "app_uninstalled": Kind("403, the app is not connected to the company", {"company_id": None}, holds=True),
    "project_removed": Kind("the project is no longer permitted", {"project_id": None, "status": 403}, holds=True),
    "tool_disabled": Kind("a tool is switched off", {"resource": None, "project_id": None, "status": 403}, holds=True),
    "webhooks_forbidden": Kind("the webhook endpoints answer 403"),
    "hooks_deleted": Kind("all hooks are gone at once", _SCOPE, at_once=True),
    "hooks_disabled": Kind("all hooks are disabled at once", _SCOPE, at_once=True),
    "auto_disable": Kind("a hook whose queue was discarded is disabled", holds=True),
    "read_lag": Kind("reads show the record as it was before the event", {"seconds": 5.0}, holds=True),
    "duplicate": Kind("an event is sent several times", {"times": 2, "within_s": 0.0, "same_id": True, **_EVENT}),
    "reorder": Kind("an event is overtaken by the next one of its hook", _EVENT),
    "drop": Kind("events are lost", _EVENT),
    "delay": Kind("events are sent late; later ones overtake them", {"seconds": 5.0, **_EVENT}),
    "sender_pause": Kind("nothing is sent", holds=True),
    "unreachable": Kind("no receiver can be reached: every attempt fails", _SCOPE, holds=True),
    "sink": Kind("a sink misbehaves", {"sink": None, "mode": "error_500", "seconds": 10.0}, of_calls=True),
}

_CHOICES: dict[tuple[str, str], tuple[Any, ...]] = {
    ("outage", "mode"): ("503", "reset"),
    ("sink", "mode"): MODES,
    ("rate_limit_429", "body"): tuple(BODIES),
    ("project_removed", "status"): (403, 404),
    ("tool_disabled", "status"): (403, 404),
    **{(name, "verb"): ("create", "update", "delete") for name in ("duplicate", "reorder", "drop", "delay")},
}
_ALIASES = {"n": ("times", "seconds"), "delay_s": ("seconds",), "s": ("seconds",)}


class FaultRefused(ValueError):
    """The fault cannot be set; the text says what to write."""


@dataclass(frozen=True)
class Words:
    """A wish for a fault, read."""

    name: str
    settings: Json
    for_s: float | None
    count: int | None
    path: str
    share: float


def common(kind: Kind) -> tuple[str, ...]:
    """The fields that every fault of this kind has besides its own. `for_s` is nothing to one that is done at once."""
    used_up = not (kind.holds or kind.at_once)
    return ("for_s", *(("count", "share") if used_up else ()), *(("path",) if kind.of_calls else ()))


def read_wish(wish: Json) -> Words:
    """Raises: FaultRefused, see there."""
    name = str(wish.get("name"))
    kind = FAULTS.get(name)
    if kind is None:
        near = "".join(f" Did you mean {one}?" for one in get_close_matches(name, FAULTS, 1))
        raise FaultRefused(f"There is no fault {wish.get('name')!r}.{near} Use one of: {', '.join(FAULTS)}.")
    settings = dict(kind.fields)
    for key, value in wish.items():
        if key == "name" or key in common(kind):
            continue
        own = key if key in kind.fields else next((a for a in _ALIASES.get(key, ()) if a in kind.fields), None)
        if own is None:
            raise FaultRefused(f"The fault {name} has no field {key!r}. Use: {', '.join((*common(kind), *kind.fields))}.")
        settings[own] = _read(name, own, kind.fields[own], value)
    return Words(
        name,
        settings,
        _number("for_s", wish.get("for_s")),
        _count(wish.get("count")),
        str(wish.get("path") or ""),
        _share(wish.get("share", 1.0)),
    )


def _read(name: str, key: str, default: Any, value: Any) -> Any:
    """The value, checked against the default: numbers stay numbers, ids become whole numbers."""
    if value is None and default is None:
        return None
    if key == "resource":
        if (row := row_named(value)) is None:
            raise FaultRefused(f"There is no resource {value!r}. Name one as webhooks do, for example RFIs.")
        return row.name
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise FaultRefused(f"{key} is true or false, not {value!r}.")
        return value
    if isinstance(default, int | float) or key.endswith("_id") or key == "retry_after":
        value = _numeric(key, default, value)
    if (choices := _CHOICES.get((name, key))) and value not in choices:
        raise FaultRefused(f"{key} is one of {', '.join(map(str, choices))}, not {value!r}.")
    return value


def _numeric(key: str, default: Any, value: Any) -> Any:
    try:
        number = float(value) if isinstance(default, float) else int(value)
    except (TypeError, ValueError, OverflowError):
        raise FaultRefused(f"{key} is a number, not {value!r}.") from None
    if key == "times" and not 2 <= number <= 100:
        raise FaultRefused(f"times is a whole number from 2 to 100, not {value!r}.")
    return number


def _number(name: str, value: Any) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9):
        raise FaultRefused(f"{name} is a number of seconds, 0 or more.")
    return value


def _count(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise FaultRefused("count is a whole number, 1 or more.")
    return value


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise FaultRefused("share is a number above 0 and up to 1, for example 0.2 for every fifth on average.")
    return float(value)
