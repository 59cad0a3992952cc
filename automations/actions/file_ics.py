"""Keep the due dates of a record in a calendar file that people subscribe to.

The entries of one record are replaced together: a moved date changes its entry, an entry that is left out or without a
date goes, and `remove: true` takes all. An entry keeps its UID for life and raises SEQUENCE when it changes. An older
`version:` of the record never overwrites a newer one. Dates make all-day entries; times are written in the zone of
`timezone:` (with its VTIMEZONE) or in UTC.

```yaml
use: file.ics
with:
  to: ics:pm
  entries:
    due: {start: "${record.due_date}", title: "RFI ${record.number} due", description: "${record.title}"}
```
"""

from __future__ import annotations

import hashlib
import re
import zoneinfo
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, field_validator, model_validator

from automations.actions._files import FilePath
from automations.actions._shapes import Moment, Text
from automations.context import Context
from automations.effects import summary
from automations.fields import INT, TEXT, a_map
from automations.outcomes import Done
from automations.written import Name, Strict, complain
from config.errors import Permanent
from config.storable import storable

if TYPE_CHECKING:
    from icalendar import Calendar, Event

POLICY = "idempotent"
FIXED = ("to",)
OUTPUT = a_map(None, path=TEXT, entries=INT, added=INT, changed=INT, removed=INT)
MOST_ENTRIES = 50
RECORD, VERSION, DIGEST = "X-TIEBACK-RECORD", "X-TIEBACK-VERSION", "X-TIEBACK-DIGEST"
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def _when(value: Any) -> Any:
    """A date, a time, or null. Raises: PydanticCustomError TB133."""
    if value is None or isinstance(value, date) or (isinstance(value, str) and "${" in value):
        return value
    try:
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise complain(
            "TB133", f'"{str(value)[:40]}" is no date or time; write it as 2026-12-31 or 2026-12-31T08:00:00Z'
        ) from None


When = Annotated[Any, BeforeValidator(_when, json_schema_input_type=str)]


class Entry(Strict):
    """One entry. Without `end` it is one day, or half an hour."""

    start: When
    end: When = None
    title: str
    description: str | None = None
    location: str | None = None
    link: str | None = None


class Params(Strict):
    entries: dict[Name, Entry] = {}
    """the record's entries by key, such as `due` and `required`: `{start, end, title, description, location, link}` each"""
    record: Text | None = None
    """whose entries these are; the event's record when left out"""
    remove: bool = False
    """take all entries of the record out"""
    to: str | None = None
    """the calendar, `ics:<name>`"""
    path: FilePath | None = None
    """or a file below the files root, ending in .ics"""
    calendar: Text | None = None
    """whose file, where the destination has one per key"""
    timezone: str | None = None
    """the zone of times; the destination's, else UTC"""
    version: Moment | Text | None = None
    """what tells an older state of the record from a newer one, such as `record.updated_at`"""

    @field_validator("to")
    @classmethod
    def _a_calendar(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"ics:[a-z0-9][a-z0-9_-]*", value):
            raise complain("TB136", f'"{value}" is no calendar; write ics:<name>, the name of a file in destinations/')
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Params:
        if (self.to is None) == (self.path is None):
            raise complain("TB133", "file.ics writes to: ics:<name>, or to a path: that ends in .ics; write one of them")
        if self.path is not None and not self.path.endswith(".ics"):
            raise complain("TB133", "path: of a calendar ends in .ics")
        if self.remove == bool(self.entries):
            raise complain("TB133", "write entries:, or remove: true")
        if len(self.entries) > MOST_ENTRIES:
            raise complain("TB133", f"a record has at most {MOST_ENTRIES} entries")
        return self


class _Counted:
    """What a change did to the calendar."""

    def __init__(self) -> None:
        self.entries = self.added = self.changed = self.removed = 0


def run(params: Params, context: Context) -> Done:
    event = context.event
    record = params.record or f"{event.resource_name} {event.resource_id}"
    if not params.record and not event.resource_id:
        raise Permanent(
            "this run has no record, so its entries have no owner. Write record: with an id of your own.", kind="record"
        )
    owner = _digest(f"{event.company_id} {record}")
    if context.dry:
        return Done(summary("file.ics", f"entries of {record}") | {"path": "", **vars(_Counted())})
    calendar = context.tools.calendar(params.to) if params.to else None
    path = calendar.path_of(params.calendar) if calendar else params.path or ""
    zone = _zone(params.timezone or (calendar.timezone if calendar else ""))
    title = calendar.title if calendar else path.rpartition("/")[2].removesuffix(".ics")
    folder = context.tools.folder()
    shown = folder.shown(path)

    def call() -> dict[str, Any]:
        counted = _Counted()

        def change(text: bytes) -> bytes:
            return _changed(text, owner, params, zone, title, context.moment, counted)

        folder.edit(path, change, context.journal.still_mine)
        return {"path": shown, **vars(counted)}

    request = params.model_dump(mode="python")
    return Done(
        context.perform("idempotent", f"file {shown} {record}", f"file.ics: entries of {record} in {shown}", request, call)
    )


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name) if name and name != "UTC" else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Permanent(f'timezone: "{name[:60]}" is not known. Write one such as America/Chicago.', kind="value") from None


def _changed(
    text: bytes, owner: str, params: Params, zone: zoneinfo.ZoneInfo | None, title: str, moment: datetime, counted: _Counted
) -> bytes:
    """The calendar with the record's entries as they should be; the same bytes when they are."""
    calendar = _read(text, title)
    own = {str(one["UID"]): one for one in calendar.walk("VEVENT") if str(one.get(RECORD, "")) == owner}
    wanted = {_uid(owner, key): entry for key, entry in params.entries.items() if entry.start is not None}
    if not _older(own.values(), params.version):
        for uid in [uid for uid in own if uid not in wanted]:
            calendar.subcomponents.remove(own.pop(uid))
            counted.removed += 1
        for uid, entry in wanted.items():
            _put(calendar, own.get(uid), _event(uid, owner, entry, params.version, zone, moment), counted)
    counted.entries = len(calendar.walk("VEVENT"))
    if text and not (counted.added or counted.changed or counted.removed):
        return text
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _read(text: bytes, title: str) -> Calendar:
    from icalendar import Calendar

    if not text:
        calendar = Calendar()
        for name, value in {"PRODID": "-//Tieback//file.ics//EN", "VERSION": "2.0", "X-WR-CALNAME": _clean(title)}.items():
            calendar.add(name, value)
        return calendar
    try:
        found = Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        what = f"the file is no calendar ({' '.join(str(error).split())[:120]}). Move it away, or write another path."
        raise Permanent(what, kind="value") from None
    assert isinstance(found, Calendar)
    return found


def _older(own: Any, version: str | None) -> bool:
    return version is not None and any(str(one.get(VERSION, "")) > version for one in own)


def _put(calendar: Calendar, known: Any, event: Event, counted: _Counted) -> None:
    if known is None:
        calendar.add_component(event)
        counted.added += 1
        return
    if str(known.get(DIGEST)) == str(event[DIGEST]):
        return
    event["SEQUENCE"] = int(known.get("SEQUENCE", 0)) + 1
    calendar.subcomponents[calendar.subcomponents.index(known)] = event
    counted.changed += 1


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _uid(owner: str, key: str) -> str:
    return _digest(f"{owner}\n{key}") + "@tieback"


def _event(uid: str, owner: str, entry: Entry, version: str | None, zone: zoneinfo.ZoneInfo | None, moment: datetime) -> Event:
    from icalendar import Event

    start = _at(entry.start, zone)
    end = _end(start, None if entry.end is None else _at(entry.end, zone))
    event = Event()
    event.add("UID", uid)
    event.add("DTSTAMP", moment.astimezone(UTC))
    event.add("SEQUENCE", 0)
    event.add("DTSTART", start)
    event.add("DTEND", end)
    texts = {"SUMMARY": entry.title, "DESCRIPTION": entry.description, "LOCATION": entry.location, "URL": _link(entry.link)}
    for name, text in texts.items():
        if text:
            event.add(name, _clean(text))
    said = f"{start!r} {end!r} {sorted(texts.items(), key=str)}"
    for name, value in {RECORD: owner, VERSION: re.sub(r"\s", " ", version or ""), DIGEST: _digest(said)}.items():
        event.add(name, _clean(value))
    if not isinstance(start, datetime):
        event.add("TRANSP", "TRANSPARENT")  # a due date does not make anybody busy
    return event


def _at(value: Any, zone: zoneinfo.ZoneInfo | None) -> Any:
    if not isinstance(value, datetime):
        return value if isinstance(value, date) else date.fromisoformat(value)
    value = value if value.tzinfo else value.replace(tzinfo=zone or UTC)
    return value.astimezone(zone or UTC)


def _end(start: Any, end: Any) -> Any:
    """The end that a calendar expects: the day after the last one; after the start, and of its kind."""
    timed = isinstance(start, datetime)
    if end is None:
        return start + timedelta(minutes=30) if timed else start + timedelta(days=1)
    if timed != isinstance(end, datetime):
        raise Permanent(
            "start: and end: are both dates or both times. Write date(…) or timestamp(…) for the other.", kind="value"
        )
    if end < start:
        raise Permanent(f"end: {end} is before start: {start}. Exchange them.", kind="value")
    return end if timed else end + timedelta(days=1)


def _link(text: str | None) -> str | None:
    if text and not re.match(r"https?://[^\s\x00-\x20]+\Z", text):
        raise Permanent(f"link: {_clean(text)[:80]!r} is no web address. Write https://…", kind="value")
    return text


def _clean(text: str) -> str:
    """No sign that could end a line of the file; line breaks are written as such by the format itself."""
    return _CONTROLS.sub(" ", storable(text.replace("\r\n", "\n")))
