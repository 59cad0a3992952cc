"""How values look on a page: moments, spans of time, JSON, texts that came from elsewhere. Everything is escaped."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from config.hiding import scrub

MOST_JSON = 60_000


def moment(value: Any, form: str = "full") -> Markup:
    """A `<time>` in UTC, which the page's script turns into the viewer's zone. `form`: full, clock, ago."""
    at = _parsed(value)
    if at is None:
        return Markup('<span class="none">–</span>')
    shown = f"{at:%H:%M:%S} UTC" if form == "clock" else f"{at:%Y-%m-%d %H:%M:%S} UTC"
    iso = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Markup('<time datetime="{}" data-form="{}" title="{:%Y-%m-%d %H:%M:%S} UTC">{}</time>').format(iso, form, at, shown)


def _parsed(value: Any) -> dt.datetime | None:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, dt.datetime):
        return None
    return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)


def ago(value: Any) -> Markup:
    return moment(value, "ago")


def span(seconds: Any) -> str:
    """`450 ms`, `3.2 s`, `4 min`, `2 h 5 min`, `3 d`."""
    if seconds is None:
        return "–"
    s = float(seconds)
    if s < 1:
        return f"{s * 1000:.0f} ms"
    if s < 60:
        return f"{s:.1f} s" if s < 10 else f"{s:.0f} s"
    if s < 3600:
        return f"{s // 60:.0f} min"
    if s < 86_400:
        minutes = f" {s % 3600 // 60:.0f} min" if s % 3600 >= 60 else ""
        return f"{s // 3600:.0f} h{minutes}"
    return f"{s // 86_400:.0f} d"


def between(first: Any, last: Any) -> str:
    """The span from one moment to another; a dash when one is missing."""
    a, b = _parsed(first), _parsed(last)
    return "–" if a is None or b is None else span(max(0.0, (b - a).total_seconds()))


def pretty(value: Any) -> str:
    """JSON on many lines, without what must not be shown."""
    if isinstance(value, bytes):
        value = _of_bytes(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=_plain)
    text = scrub(text)
    return text if len(text) <= MOST_JSON else text[:MOST_JSON] + f"\n… ({len(text):,} characters; the API has all of it)"


def _of_bytes(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def short(value: Any, most: int = 120) -> str:
    """A value on one line."""
    if value is None or value == "":
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain)
    text = " ".join(scrub(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def number(value: Any) -> str:
    return "–" if value is None else f"{int(value):,}"


def size(octets: Any) -> str:
    """`183 MB`, `2.1 GB`."""
    if not octets:
        return "–"
    mega = float(octets) / 1e6
    return f"{mega:.0f} MB" if mega < 1000 else f"{mega / 1000:.1f} GB"


def error_text(error: Any) -> str:
    """The sentence of an error as the store keeps it."""
    if isinstance(error, Mapping):
        return scrub(str(error.get("message") or error.get("kind") or ""))
    return scrub(str(error or ""))


FILTERS = {
    "moment": moment, "ago": ago, "clock": lambda value: moment(value, "clock"), "span": span, "pretty": pretty,
    "short": short, "number": number, "size": size, "error_text": error_text,
}  # fmt: skip
