"""Which records a list shows: filters, daily-log dates, order. Source: Procore documentation, filtering."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from werkzeug.datastructures import MultiDict

from simulator.answers import Refused
from simulator.records import Json, Snapshot
from simulator.table import Row

Args = MultiDict[str, str]
_RANGES = (("U", "updated_at"), ("C", "created_at"))


def chosen(row: Row, snapshots: Iterable[Snapshot], args: Args, version: str) -> list[Json]:
    """The bodies that match. A filter that the endpoint does not know is ignored."""
    deleted = args.get("filters[include_deleted]", "") if "D" in row.options else ""
    bodies = [one.body for one in snapshots if _wanted(one.deleted, deleted)]
    for option, field in _RANGES:
        if option in row.options and (text := args.get(f"filters[{field}]")):
            first, last = date_range(field, text)
            bodies = [body for body in bodies if first <= str(body.get(field)) <= last]
    # Change events have an id filter in v1.0 only; coordination issues spell it `ids`.
    by_id = "I" in row.options or (row.name == "Change Events" and version == "v1.0")
    wanted = _ids(args, "filters[id]") if by_id else _ids(args, "filters[ids]") if row.name == "Coordination Issues" else None
    if wanted is not None:
        bodies = [body for body in bodies if body["id"] in wanted]
    bodies = _own_filters(row, bodies, args)
    return _ordered(row, bodies, args)


def _wanted(deleted: bool, asked: str) -> bool:
    return asked in ("with", "only", "true") if deleted else asked != "only"


def _ids(args: Args, name: str) -> set[int] | None:
    texts = [*args.getlist(name), *args.getlist(name + "[]")]
    if not texts:
        return None
    return {int(number) for text in texts for number in re.findall(r"\d+", text)}


def date_range(field: str, text: str) -> tuple[str, str]:
    """`A...B` as two timestamps in record spelling, both inclusive; a bare end date means its whole day."""
    first, dots, last = text.strip().strip('"').partition("...")
    try:
        if not dots:
            raise ValueError(text)
        return _moment(first, timedelta()), _moment(last, timedelta(days=1, seconds=-1))
    except ValueError:
        raise Refused(400, {"errors": [f"filters[{field}] must be a range of two ISO 8601 dates: A...B"]}) from None


def _moment(text: str, of_day: timedelta) -> str:
    # A "+" of an offset that was not percent-encoded arrives as a space.
    moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    if len(text.strip()) == 10:
        moment += of_day
    moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _own_filters(row: Row, bodies: list[Json], args: Args) -> list[Json]:
    """Filters that one resource has for itself."""
    if row.name == "Projects":
        asked = args.get("filters[by_status]", "All").lower()
        return bodies if asked == "all" else [body for body in bodies if body["active"] == (asked == "active")]
    if row.name == "RFIs" and (statuses := {*args.getlist("filters[status]"), *args.getlist("filters[status][]")}):
        return [body for body in bodies if body["status"] in statuses]
    if row.name == "Submittals" and (wanted := _ids(args, "filters[status_id]")):
        return [body for body in bodies if body["status"]["id"] in wanted]
    return bodies


def of_days(bodies: list[Json], args: Args, today: str) -> list[Json]:
    """Approved logs of the days asked for; of today when none are."""
    first, last = today, today
    if day := args.get("log_date"):
        first = last = day
    elif args.get("start_date") or args.get("end_date"):
        first, last = args.get("start_date", today), args.get("end_date", today)
    if not all(re.fullmatch(r"\d{4}-\d\d-\d\d", day) for day in (first, last)):
        raise Refused(400, {"errors": ["log_date, start_date and end_date are dates: YYYY-MM-DD"]})
    return [body for body in bodies if first <= str(body.get("date")) <= last and body.get("status") == "approved"]


def _ordered(row: Row, bodies: list[Json], args: Args) -> list[Json]:
    fields = [name for name in args.get("sort", "").split(",") if name.lstrip("-") in row.sorts]
    if row.name == "RFIs" and (attribute := args.get("sort[attribute]")):
        fields = [("-" if args.get("sort[direction]") == "desc" else "") + attribute]
    bodies = sorted(bodies, key=lambda body: int(body["id"]))
    for name in reversed(fields):
        bodies.sort(key=_key(name.lstrip("-")), reverse=name.startswith("-"))
    return bodies


def _key(field: str) -> Callable[[Json], tuple[bool, float, str]]:
    def key(body: Json) -> tuple[bool, float, str]:
        value = body.get(field)
        if isinstance(value, int | float):
            return False, float(value), ""
        plain = value if isinstance(value, str) else json.dumps(value)
        return (value is None, float(plain) if plain.isdigit() else 0.0, plain)

    return key
