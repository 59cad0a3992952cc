"""What the actions that write to Procore have in common: where a record is, what of it is noted, how it is found again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from automations.context import Context
from automations.functions import moment
from automations.tools import Procore
from automations.values import MISSING, lookup
from config.errors import Permanent, Uncertain
from connectors import catalogue, windows

Record = dict[str, Any]
# A call that nobody answered may still be under way at the far end: whoever looks for its work too early does it twice.
LOOK_AFTER_S = 30.0
# Our clock and Procore's may differ by so much.
SKEW = timedelta(minutes=10)


@dataclass(frozen=True)
class Place:
    """Where a record is, or will be: `connector` by name, `resource` as Procore spells it."""

    connector: str
    resource: str
    project_id: str | None
    parent: str | None = None

    @property
    def target(self) -> str:
        """As the ledger calls it."""
        return f"procore:{self.connector} {self.resource}"


def place(context: Context, params: Any) -> Place:
    """From the parameters that every action on records has."""
    project = params.project_id or context.event.project_id or None
    return Place(context.connector(params.connector), params.resource, project, getattr(params, "parent", None))


def at(context: Context, where: Place, calls: int = 1) -> Procore:
    return context.procore(where.connector, calls=calls)


def one_write(context: Context, effect: str, what: str) -> None:
    """Raises: Permanent(kind="cap") when the automation's cap on writes leaves no room for one more."""
    caps = context.tools.caps()
    if caps.take("writes", 1, effect, what, at_procore=True) < 1:
        raise Permanent(caps.refusal("writes", 1), kind="cap")


def noted(context: Context, effect: str, where: Place, record_id: str, write: Callable[[], Record]) -> Record:
    """The write, known to be ours before it goes out and again with what Procore answered."""
    own = context.tools.own_writes()
    own.begin(effect, where.connector, where.resource, record_id, where.project_id or "", where.parent or "")
    record = write()
    own.answered(effect, [record])
    return record


def patiently(write: Callable[[], Any]) -> Any:
    """A write whose work can be looked for after doubt, but not at once."""
    try:
        return write()
    except Uncertain as error:
        raise Uncertain(str(error), kind=error.kind, retry_after_s=max(LOOK_AFTER_S, error.retry_after_s or 0.0)) from error


def find(context: Context, where: Place, wanted: Mapping[str, Any], since: datetime | None = None) -> Record | None:
    """The first record of a list that has these values (dotted paths), made after `since`. Its pages count as calls."""
    row = catalogue.resource(where.resource)
    made = since - SKEW if since else None
    narrow = made is not None and row is not None and "C" in row.filters
    filters = {"created_at": f"{windows.stamp(made)}...{windows.stamp(windows.END)}"} if narrow and made else {}
    procore = at(context, where, calls=0)
    listed = procore.paged(where.resource, where.project_id, parent=where.parent, filters=filters, asking=context.budget.spend)
    for page in listed:
        for record in page.records:
            if has(record, wanted) and _made_after(record, made):
                return record
    return None


def has(record: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a record has these values. Ids and numbers compare as text: Procore writes them now so, now so."""
    return all(_same(lookup(record, path.split(".")), value) for path, value in wanted.items())


def _same(seen: Any, value: Any) -> bool:
    if seen is MISSING:
        return False
    if isinstance(seen, (Mapping, list)) or isinstance(value, (Mapping, list)) or seen is None or value is None:
        return bool(seen == value)
    return str(seen) == str(value)


def _made_after(record: Mapping[str, Any], made: datetime | None) -> bool:
    told = record.get("created_at")
    if made is None or not isinstance(told, str):
        return True
    try:
        return moment(told) >= made
    except ValueError:
        return True
