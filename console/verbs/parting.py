"""Removing a connection: what refers to it is told first, its hooks go before it, its history stays."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.verbs import hooking
from console.verbs.at_hand import AtHand
from console.verbs.connected import ours
from store import audit, connectors, definitions, hooks, timers
from store.session import reading, writing
from workers import config_events


@dataclass(frozen=True)
class References:
    """What needs a connector. `automations` maps names to files, `work` what to how many."""

    automations: dict[str, str] = field(default_factory=dict)
    work: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.automations or self.work)

    def sentence(self) -> str:
        """Such as `automations rfis (automations/rfis.yaml); 2 waiting runs`."""
        named = ", ".join(f"{name} ({file})" for name, file in self.automations.items())
        counted = ", ".join(f"{count} {what}" for what, count in self.work.items())
        return "; ".join(part for part in (named and f"automations {named}", counted) if part)


def references(here: AtHand, name: str) -> References:
    """Who refers to this connector. Raises: ConfigError when there is none, or a file defines it."""
    ours(here, name)
    with hooking.Loading(here) as loading:
        named = {one.id: one.file for one in loading.loaded.automations if name in one.connectors}
    with reading(here.engine) as db:
        return References(named, connectors.unfinished(db, name))


def taken_away(here: AtHand, name: str) -> list[str]:
    """Delete a connector's hooks at Procore, and close our side. A sentence for each that may be left there."""
    with reading(here.engine) as db:
        rows = [row for row in hooks.of_connector(db, name) if row.procore_id]
    trouble = hooking.remove_all(here, name)
    if trouble is None:
        return []
    places = [f"hook {row.procore_id} of {f'project {row.project_id}' if row.project_id else 'the company'}" for row in rows]
    return [f"{place} may be left at Procore, delete it there ({trouble})" for place in places]


def remove(here: AtHand, name: str) -> list[str]:
    """Take the hooks away, then the connector. Returns what is left at Procore, a sentence each."""
    ours(here, name)
    left = taken_away(here, name)
    with writing(here.engine) as db:
        connectors.set_state(db, name, "removed", None)
        connectors.forget_secrets(db, name)
        connectors.forget_place(db, name)
        timers.disarm(db, name)
        audit.note(db, here.actor, "connector removed", name, {"left_behind": left} if left else None)
        config_events.note(db, "connector.removed", name, here.actor, {})
        definitions.changed(db)
    return left
