"""What a delivery says: payloads v2.0, v3.0 and v4.0 become one canonical form.

Ids come as numbers or text and leave as text; an absent project is `""`; verbs in any case and
tense become `create`, `update` or `delete`.
Source: Procore documentation, webhooks, payload formats.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from automations.event import Event

VERBS = {
    "create": "create",
    "created": "create",
    "update": "update",
    "updated": "update",
    "delete": "delete",
    "deleted": "delete",
}
MAX_TEXT = 200
MAX_VERB = 64


class UnreadableError(ValueError):
    """This object is no event; the sentence says which key is missing or wrong."""


@dataclass(frozen=True)
class Said:
    """One event of a delivery. `action` is the word as sent when it is none of ours; then the event is unsupported."""

    key: str
    action: str
    resource_name: str
    resource_id: str
    company_id: str
    project_id: str
    user_id: str
    app_id: str
    timestamp: dt.datetime
    payload_version: str
    parent: dict[str, Any] | None
    body: dict[str, Any] | None = None  # of events that are not Procore's

    @property
    def kind(self) -> str:
        """The kind of a configuration event, such as `connector.updated`; "" of any other."""
        return str((self.body or {}).get("kind", ""))

    def row(self) -> dict[str, Any]:
        """As columns of an event."""
        values = dict(vars(self))
        return {"event_key": values.pop("key"), **values}

    @property
    def supported(self) -> bool:
        return self.action in ("create", "update", "delete")


def read(raw: bytes, received_at: dt.datetime) -> tuple[list[Said], list[str]]:
    """The events of a body, and a sentence for each object in it that is none.

    The door has checked size, depth and encoding. Raises: UnreadableError when it is not JSON at all.
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"not JSON: {error}") from None
    said: list[Said] = []
    unread: list[str] = []
    for number, item in enumerate(body if isinstance(body, list) else [body]):
        try:
            said.append(_event(item, received_at))
        except UnreadableError as error:
            unread.append(f"object {number + 1}: {error}" if isinstance(body, list) else str(error))
    return said, unread


def event_of(row: Mapping[str, Any]) -> Event:
    """The event as rules see it, from the columns it is kept in."""
    body = row["body"] or {}
    replay = body.get("replay") or {}
    return Event(
        connector=row["connector"],
        key=replay.get("key", row["event_key"]),
        action=row["action"],
        resource_name=row["resource_name"],
        resource_id=row["resource_id"],
        company_id=row["company_id"],
        timestamp=iso(row["timestamp"]),
        source=row["source"],
        project_id=row["project_id"],
        user_id=row["user_id"],
        app_id=row["app_id"],
        payload_version=row["payload_version"],
        parent=row["parent"] or {},
        kind=body.get("kind", ""),
        name=body.get("name", ""),
        body=body.get("body"),
        status=body.get("status", ""),
        run_id=str(body.get("run_id", "")),
        id=replay.get("event", row["id"]),
        repeat=replay.get("repeat", ""),
        edits=(replay.get("edits") or {}).get("inputs", {}),
    )


def iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def of_announcement(row: Any) -> Said:
    """What was kept together with its delivery, read back from the event's own row."""
    values = {name: getattr(row, name) for name in Said.__dataclass_fields__ if name != "key"}
    return Said(key=row.event_key, **values)


def _event(item: Any, received_at: dt.datetime) -> Said:
    if not isinstance(item, dict):
        raise UnreadableError(f"an event is a JSON object, this is {type(item).__name__}")
    fourth = "resource_type" in item and "resource_name" not in item
    metadata = item.get("metadata") if isinstance(item.get("metadata"), dict) else {}
    assert isinstance(metadata, dict)
    verb = _text(item, "reason" if fourth else "event_type", MAX_VERB)
    return Said(
        key=_key(item),
        action=VERBS.get(verb.lower(), verb),
        resource_name=_text(item, "resource_type" if fourth else "resource_name"),
        resource_id=_id(item, "resource_id"),
        company_id=_id(item, "company_id"),
        project_id=_id(item, "project_id", optional=True),
        user_id=_id(item, "user_id", optional=True),
        app_id=_id(metadata, "source_application_id", optional=True),
        timestamp=_moment(item.get("timestamp"), received_at),
        payload_version=_version(item, fourth),
        parent=_parent(item),
    )


def _key(item: dict[str, Any]) -> str:
    """`ulid`, else `id`, else a digest of the object: what a redelivery repeats."""
    for name in ("ulid", "id"):
        value = item.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and 0 < len(str(value)) <= 128 and _clean(str(value)):
            return str(value)
    return hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()


def _clean(text: str) -> bool:
    """Nothing that a database refuses or a terminal obeys."""
    return all(sign >= " " and not "\ud800" <= sign <= "\udfff" for sign in text)


def _text(item: dict[str, Any], name: str, most: int = MAX_TEXT) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > most or not _clean(value):
        raise UnreadableError(f'"{name}" is missing' if value is None else f'"{name}" is no short text')
    return value.strip()


def _id(item: dict[str, Any], name: str, *, optional: bool = False) -> str:
    value = item.get(name)
    if value is None or value == "":
        if optional:
            return ""
        raise UnreadableError(f'"{name}" is missing')
    if isinstance(value, bool) or not isinstance(value, (str, int)) or len(str(value)) > 64 or not _clean(str(value)):
        raise UnreadableError(f'"{name}" is neither a number nor a short text')
    return str(value)


def _moment(value: Any, received_at: dt.datetime) -> dt.datetime:
    """When it happened; a missing or unreadable time becomes the time of arrival."""
    try:
        moment = dt.datetime.fromisoformat(value)
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (TypeError, ValueError, OverflowError):  # the last: a zone that leads out of the calendar
        return received_at


def _version(item: dict[str, Any], fourth: bool) -> str:
    written = item.get("payload_version") or item.get("api_version") or ("v4.0" if fourth else "v2.0")
    version = str(written).lower()[:16]
    if not _clean(version):
        version = "unknown"
    return version if "." in version else f"{version}.0"


def _parent(item: dict[str, Any]) -> dict[str, Any] | None:
    """The object a line item belongs to; only v3.0 tells it."""
    related = item.get("related_resources")
    if not isinstance(related, list) or not related or not isinstance(related[0], dict):
        return None
    return {"id": str(related[0].get("id", "")), "name": str(related[0].get("name", ""))}
