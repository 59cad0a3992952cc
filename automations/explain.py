"""Why an automation did not listen to an event, trigger by trigger, in plain words."""

from __future__ import annotations

from automations.event import Event
from automations.parts import CHOSEN, Automation, Trigger


def why_deaf(rule: Automation, event: Event) -> list[str]:
    """One sentence for each trigger that cannot hear the event; empty when one hears it."""
    if any(trigger.hears(event) for trigger in rule.triggers):
        return []
    return [f"trigger {trigger.id} {_why(trigger, event)}" for trigger in rule.triggers]


def _why(trigger: Trigger, event: Event) -> str:
    if trigger.kind in CHOSEN and trigger.kind != event.source:
        return f"is for what a {trigger.kind} makes, and this is a {event.source} event"
    if trigger.kind != event.source and not (trigger.kind == "webhook" and event.source == "sweep"):
        return f"listens to {trigger.kind} events, and this is a {event.source} event"
    return _webhook(trigger, event) if trigger.resource else _other(trigger, event)


def _webhook(trigger: Trigger, event: Event) -> str:
    if trigger.connector != event.connector:
        return f"listens to connector {trigger.connector}, and this came by {event.connector or 'none'}"
    if trigger.resource.lower() != event.resource_name.lower():
        return f"listens to {trigger.resource}, and this is of {event.resource_name or 'no resource'}"
    return f"listens to {', '.join(sorted(trigger.actions))}, and this is {event.action}"


def _other(trigger: Trigger, event: Event) -> str:
    if trigger.kind == "config":
        return f"listens to {', '.join(sorted(trigger.kinds))}, and this is {event.kind}"
    if trigger.kind == "inbound":
        return f"listens to inbound {trigger.source}, and this came from {event.name}"
    if trigger.kind == "run":
        heard = ", ".join(f"{name} {status}" for name, status in trigger.runs)
        return f"listens to runs: {heard}; and this is {event.name} {event.status}"
    return f"is for what was made for it, and this {event.source} event was made for another automation or trigger"
