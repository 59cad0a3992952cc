"""Which automations an event concerns, found by key: a thousand of them cost about what ten do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from automations.conditions import judge, reason
from automations.event import Event
from automations.parts import Automation, Heard, Trigger, key_of
from automations.scope import cheap_values


@dataclass(frozen=True)
class Match:
    """An automation that listens. `trigger_id` is the first trigger that may fire; None: it misses, `reason` says why."""

    automation: Automation
    trigger_id: str | None
    reason: str = ""


@dataclass(frozen=True)
class Matches:
    """`matches` get a run each; `missed` listened, but their cheap lines do not hold. `reason` is set when none matches."""

    matches: tuple[Match, ...]
    missed: tuple[Match, ...]
    reason: str = ""

    @property
    def reasons(self) -> dict[str, str]:
        """Automation to reason, for each near miss."""
        return {m.automation.id: m.reason for m in self.missed}


class Index:
    """Automations by what they listen to, as `parts.key_of` says it of an event."""

    def __init__(self, automations: Iterable[Automation]):
        self._listening: dict[Heard, list[tuple[Automation, Trigger]]] = defaultdict(list)
        self._off: dict[Heard, list[str]] = defaultdict(list)
        for automation in automations:
            for trigger in automation.triggers:
                for key in trigger.heard():
                    if automation.stage == "off":
                        self._off[key].append(automation.id)
                    else:
                        self._listening[key].append((automation, trigger))

    def candidates(self, event: Event) -> list[tuple[Automation, Trigger]]:
        return self._listening.get(key_of(event), [])

    def hears(self, key: Heard) -> bool:
        """Whether any automation listens to this at all."""
        return key in self._listening

    def match(self, event: Event, client_ids: Mapping[str, str] | None = None) -> Matches:
        """`client_ids` are the connectors' own application ids: what we changed ourselves is no news."""
        if event.app_id and event.app_id == (client_ids or {}).get(event.connector):
            return Matches((), (), "our own change")
        candidates = self.candidates(event)
        if not candidates:
            return Matches((), (), self._nobody(event))
        judged: dict[str, Match] = {}
        for automation, trigger in candidates:
            known = judged.get(automation.id)
            if known is None or known.trigger_id is None:
                judged[automation.id] = _cheaply(automation, trigger, event)
        matches = tuple(m for m in judged.values() if m.trigger_id is not None)
        missed = tuple(m for m in judged.values() if m.trigger_id is None)
        why = "" if matches else "; ".join(f"{m.automation.id}: {m.reason}" for m in missed[:5])
        return Matches(matches, missed, why)

    def _nobody(self, event: Event) -> str:
        what = f"no automation listens to {_called(event)}"
        off = sorted(set(self._off.get(key_of(event), [])))
        return f"{what} ({', '.join(off[:5])} is off)" if off else what


def _called(event: Event) -> str:
    if event.source == "config":
        return f"{event.kind} of {event.name}" if event.name else event.kind
    if event.source == "inbound":
        return f"inbound {event.name}"
    if event.source == "run":
        return f"run {event.status} of {event.name}"
    return f"{event.resource_name} {event.action} of {event.connector}"


def _cheaply(automation: Automation, trigger: Trigger, event: Event) -> Match:
    if not automation.cheap:
        return Match(automation, trigger.id)
    lines = judge(((n, automation.lines[n]) for n in automation.cheap), cheap_values(automation, event, trigger.id))
    # A line that cannot be evaluated is for the run to report, never a silent "no".
    if lines[-1].held is False:
        return Match(automation, None, reason(lines[-1]))
    return Match(automation, trigger.id)
