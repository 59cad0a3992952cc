"""Which names an expression may use, which depends on the triggers that can have fired when it is asked.

A name must exist for every trigger. Where a condition begins with the trigger it is for (`run.trigger == "late" && …`), the
names of that one count; where `run.trigger` is compared in another way, the names of all, since the text chooses by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from automations import event as events
from automations.fields import INT, TEXT, TIME, Field, a_list, a_map, one_of, shared
from automations.known import Known
from automations.parts import Trigger

RUN = a_map("run", id=TEXT, rule=TEXT, trigger=TEXT, now=TIME, today=TIME, attempt=INT, status=one_of("running", "ok", "failed"))
ERROR = a_map("error", step=replace(TEXT, nullable=True), kind=TEXT, message=TEXT)
CHANGED = replace(TEXT, called="changed")
_CHOOSES = re.compile(r"run\.trigger\s*(?:==|!=|in\b)")
# A condition that is this alone, or this and something else.
_FIRST = re.compile(r"""\s*run\.trigger\s*==\s*(?:"([a-z0-9_]+)"|'([a-z0-9_]+)')\s*(?:&&|\Z)(?![^|]*\|\|)""")


class Names:
    """The names of one file. `records` are the fields of the record that each trigger brings, by the trigger's id."""

    def __init__(
        self,
        triggers: Sequence[Trigger],
        records: Mapping[str, Field],
        variables: Field,
        known: Known,
        *,
        gathers: bool,
        unsure: bool,
    ):
        self._triggers, self._records, self._unsure, self._gathers = triggers, records, unsure, gathers
        which = TEXT if unsure else one_of(*(one.id for one in triggers))
        self._always = {
            "run": with_names(RUN, trigger=which), "vars": variables, "steps": a_map("steps"), "lookup": known.lookup_field(),
            "calendars": known.calendar_field(),
        }  # fmt: skip

    def of(self, lines: Iterable[str], others: Iterable[str] = ()) -> Field:
        """The scope of texts that are asked together: conditions, and what is only asked when they hold."""
        chosen, every = self._chosen(list(lines), " ".join(others))
        event = self._event(chosen, every)
        names = {**self._always, "event": event}
        if self._gathers:
            names["events"] = a_list(replace(event, called="an item of events"))
        record = self._record(chosen, every)
        if record is not None:
            names |= {"record": record, "previous": replace(record, nullable=True), "changed": a_list(CHANGED)}
        return a_map(None, **names)

    def _event(self, chosen: Sequence[Trigger], every: bool) -> Field:
        if self._unsure:
            return Field("map", called="event")
        event = events.field_of({one.kind for one in chosen}, every=every)
        known: dict[str, Field] = {}
        # What only one sort of event can have is known when all of these are of that sort.
        if all(one.kind == "webhook" for one in chosen):
            known["resource_name"] = one_of(*dict.fromkeys(one.resource for one in chosen))
        if all(one.connector for one in chosen):
            known["connector"] = one_of(*dict.fromkeys(one.connector for one in chosen))
        return with_names(event, **known)

    def _chosen(self, lines: list[str], others: str) -> tuple[Sequence[Trigger], bool]:
        """The triggers that a text is for, and whether it may name what only some of them have."""
        for line in lines:
            named = _FIRST.match(line)
            fitting = [one for one in self._triggers if named and one.id == (named[1] or named[2])]
            if fitting:
                return fitting, False
        return self._triggers, bool(_CHOOSES.search(" ".join([*lines, others])))

    def _record(self, chosen: Sequence[Trigger], every: bool) -> Field | None:
        if self._unsure:
            return Field("map")  # one mistake in a trigger is not told at every field as well
        bringing = [self._records[one.id] for one in chosen if one.brings_record]
        if not bringing or (len(bringing) < len(chosen) and not every):
            return None
        return replace(shared(bringing), nullable=len(bringing) < len(chosen))


def with_names(scope: Field, **more: Field) -> Field:
    return a_map(scope.called, **{**(scope.fields or {}), **more})
