"""The functions of our expressions beside CEL's own: `days hours date day money business_days add_business_days`.

Money is exact: an INT of 1/10000 of the unit, because `"0.00" != 0` and binary fractions both lie.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

from automations import calendars

MACROS = frozenset({"exists", "all", "exists_one", "filter", "map"})
MEMBERS = frozenset(
    [
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "size",
        "charAt",
        "indexOf",
        "lastIndexOf",
        "join",
        "lowerAscii",
        "upperAscii",
        "replace",
        "split",
        "substring",
        "trim",
        "reverse",
        "format",
        "quote",
        "getFullYear",
        "getMonth",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
    ]
)
GLOBALS = frozenset(
    [
        "size",
        "int",
        "uint",
        "double",
        "string",
        "bool",
        "bytes",
        "dyn",
        "type",
        "timestamp",
        "duration",
        "matches",
        "has",
        "days",
        "hours",
        "date",
        "day",
        "money",
        "business_days",
        "add_business_days",
    ]
)
# Which value of a call is the name of a calendar, counted from 0. It is written out, and runs as the calendar itself.
CALENDAR_AT = {"business_days": 2, "add_business_days": 2}

# CEL's wrapper types are values that may be null: `_s0 == null` and `_s0 + "x"` both compile, `_s0 == 1` does not.
WRAPPERS = {
    letter: cel.Type(f"google.protobuf.{name}Value")
    for letter, name in zip("sifb", ["String", "Int64", "Double", "Bool"], strict=True)
}

_UNITS = Decimal(10000)
_LARGEST = 2**63


def money(text: str) -> int:
    """`"1500.0"` is 15000000. Raises: ValueError when it is no decimal number or finer than 1/10000."""
    try:
        units = Decimal(text) * _UNITS
        exact = units == units.to_integral_value()
    except InvalidOperation:
        raise ValueError(f'money("{text[:40]}"): not a decimal number') from None
    if not exact:
        raise ValueError(f'money("{text[:40]}"): finer than 1/10000')
    if abs(units) >= _LARGEST:
        raise ValueError(f'money("{text[:40]}"): too large')
    return int(units)


def moment(text: str) -> datetime:
    """A date or an ISO 8601 time as UTC; a date is its midnight, a time without zone is UTC. Raises: ValueError."""
    if len(text) == 10:
        day_ = date.fromisoformat(text)
        return datetime(day_.year, day_.month, day_.day, tzinfo=UTC)
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def iso(value: datetime) -> str:
    """UTC with a Z, microseconds only when there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _midnight(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _nothing(_: None) -> None:
    return None


def declarations(checking: bool) -> list[cel.FunctionDecl]:
    """For the environment that checks, `__ts` is a plain function to a time; where it runs, null stays null."""
    kinds = cel.Type

    def one(name: str, takes: cel.Type | list[cel.Type], gives: cel.Type, does: object) -> cel.FunctionDecl:
        return cel.FunctionDecl(name, [_overload(f"{name}_1", takes, gives, does)])

    ours = [
        one("days", kinds.INT, kinds.DURATION, lambda n: timedelta(days=n)),
        one("hours", kinds.INT, kinds.DURATION, lambda n: timedelta(hours=n)),
        one("date", kinds.STRING, kinds.TIMESTAMP, lambda s: moment(s)),
        one("day", kinds.TIMESTAMP, kinds.TIMESTAMP, _midnight),
        one("money", kinds.STRING, kinds.INT, money),
        one("business_days", [kinds.TIMESTAMP, kinds.TIMESTAMP, kinds.STRING], kinds.INT, calendars.between),
        one("add_business_days", [kinds.TIMESTAMP, kinds.INT, kinds.STRING], kinds.TIMESTAMP, calendars.after),
    ]
    if checking:
        typed = [one(f"__as_{letter}", kinds.DYN, gives, _nothing) for letter, gives in WRAPPERS.items()]
        return [*ours, *typed, one("__ts", kinds.DYN, kinds.TIMESTAMP, moment)]
    overloads = [
        _overload("ts_text", kinds.STRING, kinds.TIMESTAMP, moment),
        _overload("ts_null", kinds.NULL, kinds.NULL, _nothing),
    ]
    return [*ours, cel.FunctionDecl("__ts", overloads)]


def _overload(name: str, takes: cel.Type | list[cel.Type], gives: cel.Type, does: object) -> cel.Overload:
    parameters = takes if isinstance(takes, list) else [takes]
    return cel.Overload(name, return_type=gives, parameters=parameters, is_member=False, impl=does)


def strings() -> cel.CelExtensionBase:
    return ext_strings.ExtStrings()
