"""Kinds of parameters that several actions share."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from automations.functions import iso, moment
from automations.templates import RecordCopy
from automations.values import plain
from automations.written import complain
from config.problems import did_you_mean
from connectors import catalogue

_TABLE = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_WHOLE_RECORD = re.compile(r"\s*\$\{\s*record\s*\}\s*\Z")


def _text(value: Any) -> Any:
    """Ids come as numbers from Procore and from YAML; inside they are text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _table(value: Any) -> Any:
    if not isinstance(value, str) or not _TABLE.match(value):
        raise complain(
            "TB134", f'"{value}" is no table name: lower-case letters, digits and _, beginning with a letter, at most 63'
        )
    if value.startswith("tieback_"):
        raise complain("TB134", f'"{value}": names that begin with tieback_ are our own; choose another')
    return value


def column(value: Any) -> Any:
    """Raises: PydanticCustomError TB134."""
    if not isinstance(value, str) or not _TABLE.match(value):
        raise complain(
            "TB134", f'"{value}" is no column name: lower-case letters, digits and _, beginning with a letter, at most 63'
        )
    return value


def _moment(value: Any) -> Any:
    """ISO 8601 UTC, from a time, a date or text; a template is left as it is."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return iso(moment(value.isoformat()))
    if not isinstance(value, str) or "${" in value:
        return value
    try:
        return iso(moment(value))
    except ValueError:
        raise complain("TB133", f'"{value}" is no date or time; write it as 2026-12-31 or 2026-12-31T08:00:00Z') from None


def resource(value: Any) -> Any:
    """Procore's own spelling of a resource. Raises: PydanticCustomError TB121."""
    row = catalogue.resource(value) if isinstance(value, str) else None
    if row is None and not (isinstance(value, str) and "${" in value):
        mend = did_you_mean(str(value), catalogue.names()) or "; `tieback rules schema resources` lists them"
        raise complain("TB121", f'Procore has no resource "{value}"{mend}')
    return row.name if row is not None else value


def spelled(value: Any) -> str:
    """A value as a person reads it: nothing for null, times in ISO 8601, lists and maps as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(plain(value), ensure_ascii=False) if isinstance(value, (dict, list, tuple)) else str(value)


def _said(value: Any) -> Any:
    """Whatever is no text but can be read as one."""
    return value if value is None or isinstance(value, (str, dict, list)) else spelled(value)


def is_record(value: Any) -> bool:
    """`${record}` as written, or what it became."""
    return isinstance(value, RecordCopy) or (isinstance(value, str) and _WHOLE_RECORD.match(value) is not None)


Said = Annotated[str, BeforeValidator(_said)]
Text = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | int)]
Table = Annotated[str, BeforeValidator(_table)]
Column = Annotated[str, BeforeValidator(column)]
Moment = Annotated[str, BeforeValidator(_moment)]
Resource = Annotated[str, BeforeValidator(resource)]
