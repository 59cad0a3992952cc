"""Which records a list shows: filters, daily-log dates, order. Source: Procore documentation, filtering."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from werkzeug.datastructures import MultiDict

from simulator.answers import Refused
from simulator.records import Seen
from simulator.table import Row

Args = MultiDict[str, str]
_RANGES = (("U", "updated_at"), ("C", "created_at"))


def chosen(row: Row, options: frozenset[str], found: Iterable[Seen], args: Args) -> list[Seen]:
    """Those that match, in order. A filter that the endpoint does not know is ignored."""
    deleted = args.get("filters[include_deleted]", "") if "D" in options else ""
    left = [one for one in found if _wanted(one.deleted, deleted)]
    for option, field in _RANGES:
        if option in options and (text := args.get(f"filters[{field}]")):
            first, last = date_range(field, text)
            left = [one for one in left if first <= str(one.at(field)) <= last]
    # Coordination issues have the filter, and spell it `ids`.
    name = "ids" if row.name == "Coordination Issues" else "id" if "I" in options else None
    if name and (wanted := _ids(args, f"filters[{name}]")) is not None:
        left = [one for one in left if one.at("id") in wanted]
    return _ordered(row, _own_filters(row, left, args), args)


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


def _own_filters(row: Row, found: list[Seen], args: Args) -> list[Seen]:
    """Filters that one resource has for itself."""
    if row.name == "Projects":
        asked = args.get("filters[by_status]", "All").lower()
        return found if asked == "all" else [one for one in found if one.at("active") == (asked == "active")]
    if row.name == "RFIs":
        return _rfis(found, args)
    if row.name == "Submittals" and (wanted := _ids(args, "filters[status_id]")):
        return [one for one in found if one.at("status")["id"] in wanted]
    return found


def _rfis(found: list[Seen], args: Args) -> list[Seen]:
    if statuses := {*args.getlist("filters[status]"), *args.getlist("filters[status][]")}:
        found = [one for one in found if one.at("status") in statuses]
    if "filters[overdue]" in args:
        # The reference notes that `false` acts like `true`.
        today = datetime.now(UTC).date().isoformat()
        found = [one for one in found if one.at("status") == "open" and str(one.at("due_date") or "9999") < today]
    return found


def of_days(row: Row, found: list[Seen], args: Args, today: str) -> list[Seen]:
    """Approved logs of the days asked for; of today when none are. Calendar items are of each day they last."""
    first, last = today, today
    if day := args.get("log_date"):
        first = last = day
    elif args.get("start_date") or args.get("end_date"):
        first, last = args.get("start_date", today), args.get("end_date", today)
    if not all(is_day(day) for day in (first, last)):
        raise Refused(400, {"errors": ["log_date, start_date and end_date are dates: YYYY-MM-DD"]})
    if row.name == "Calendar Items":
        return [one for one in found if str(one.at("start_date")) <= last and first <= str(one.at("finish_date"))]
    return approved(found, first, last)


def approved(found: Iterable[Seen], first: str, last: str) -> list[Seen]:
    """The approved logs of these days, both included."""
    return [one for one in found if first <= str(one.at("date")) <= last and one.at("status") == "approved"]


def is_day(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None


def _ordered(row: Row, found: list[Seen], args: Args) -> list[Seen]:
    fields = [name for name in args.get("sort", "").split(",") if name.lstrip("-") in row.sorts]
    if row.name == "RFIs" and (attribute := args.get("sort[attribute]")):
        fields = [("-" if args.get("sort[direction]") == "desc" else "") + attribute]
    found.sort(key=lambda one: int(one.at("id")))
    for name in reversed(fields):
        found.sort(key=_key(name.lstrip("-")), reverse=name.startswith("-"))
    return found


def _key(field: str) -> Callable[[Seen], tuple[bool, float, str]]:
    def key(one: Seen) -> tuple[bool, float, str]:
        value: Any = one.at(field)
        if isinstance(value, int | float):
            return False, float(value), ""
        plain = value if isinstance(value, str) else json.dumps(value)
        return (value is None, float(plain) if plain.isdigit() else 0.0, plain)

    return key
