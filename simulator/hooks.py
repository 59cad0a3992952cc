"""Hooks and triggers, and the rules for them. Source: Procore REST reference, webhooks."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field

from simulator.events import Event
from simulator.records import Ids, Json
from simulator.stamps import Clock, iso
from simulator.table import SUBSCRIBABLE, Subscribable

VERSIONS = {"v2": "v2.0", "v2.0": "v2.0", "v3": "v3.0", "v3.0": "v3.0", "v4": "v4.0", "v4.0": "v4.0"}
"""Payload versions in the spellings of both webhook APIs."""

_VERBS = {"create": "create", "update": "update", "delete": "delete"}
_V4_ONLY = frozenset(one.name for one in SUBSCRIBABLE if one.v4_only)
_VERBS |= {"created": "create", "updated": "update", "deleted": "delete"}


class HookRefused(ValueError):
    """A wish that breaks a rule; `errors` says which field and why."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name} {text}" for name, texts in errors.items() for text in texts))
        self.errors = errors


@dataclass(frozen=True)
class Scope:
    """What owns a hook: a company, or one project of it."""

    company_id: int
    project_id: int | None = None

    @property
    def letter(self) -> str:
        return "C" if self.project_id is None else "P"


@dataclass(frozen=True)
class Trigger:
    id: int
    resource: str
    verb: str


@dataclass
class Hook:
    id: int
    scope: Scope
    namespace: str
    payload_version: str
    destination_url: str
    destination_headers: dict[str, str]
    created_at: str
    updated_at: str
    status: str = "active"
    triggers: dict[int, Trigger] = field(default_factory=dict)

    def wants(self, event: Event) -> bool:
        if not any((t.resource, t.verb) == (event.resource, event.verb) for t in list(self.triggers.values())):
            return False
        return self.payload_version == "v4.0" or event.resource not in _V4_ONLY

    def masked_headers(self) -> dict[str, str]:
        """The secret cannot be read back: only its last five characters are shown."""
        return {name: "*****" + text[-5:] for name, text in self.destination_headers.items()}


class HookBook:
    """All hooks. One per namespace and scope."""

    def __init__(self, ids: Ids, clock: Clock) -> None:
        self._ids, self._clock = ids, clock
        self._hooks: dict[int, Hook] = {}
        self._guard = threading.RLock()

    def of(self, scope: Scope) -> list[Hook]:
        return [hook for hook in self.all() if hook.scope == scope]

    def all(self) -> list[Hook]:
        with self._guard:
            return list(self._hooks.values())

    def get(self, scope: Scope, hook_id: int) -> Hook | None:
        hook = self._hooks.get(hook_id)
        return hook if hook and hook.scope == scope else None

    def listening(self, event: Event) -> list[Hook]:
        scope = Scope(event.company_id, event.project_id)
        return [hook for hook in self.of(scope) if hook.status == "active" and hook.wants(event)]

    def create(self, scope: Scope, wish: Json) -> Hook:
        """Raises HookRefused when a field is missing or wrong, or the namespace is taken."""
        with self._guard:
            required = ("namespace", "payload_version", "destination_url")
            errors = {name: ["can't be blank"] for name in required if not wish.get(name)}
            errors |= self._wrong(scope, wish, None)
            if errors:
                raise HookRefused(errors)
            now = iso(self._clock())
            hook = Hook(
                self._ids.next("hook"),
                scope,
                wish["namespace"],
                VERSIONS[str(wish["payload_version"])],
                wish["destination_url"],
                dict(wish.get("destination_headers") or {}),
                now,
                now,
            )
            self._hooks[hook.id] = hook
            return hook

    def change(self, hook: Hook, wish: Json) -> None:
        with self._guard:
            if errors := self._wrong(hook.scope, wish, hook):
                raise HookRefused(errors)
            hook.namespace = wish.get("namespace") or hook.namespace
            hook.destination_url = wish.get("destination_url") or hook.destination_url
            hook.payload_version = VERSIONS.get(str(wish.get("payload_version")), hook.payload_version)
            hook.status = wish.get("status") or hook.status
            if wish.get("destination_headers") is not None:
                hook.destination_headers = dict(wish["destination_headers"])
            hook.updated_at = iso(self._clock())

    def remove(self, hook: Hook) -> None:
        with self._guard:
            self._hooks.pop(hook.id, None)

    def add_trigger(self, hook: Hook, wish: object) -> Trigger:
        with self._guard:
            resource, verb = read_trigger(hook.scope, hook.payload_version, wish)
            if any((t.resource, t.verb) == (resource, verb) for t in hook.triggers.values()):
                raise HookRefused({"resource_name": ["has already been taken"]})
            trigger = Trigger(self._ids.next("trigger"), resource, verb)
            hook.triggers[trigger.id] = trigger
            return trigger

    def _wrong(self, scope: Scope, wish: Json, own: Hook | None) -> dict[str, list[str]]:
        errors: dict[str, list[str]] = {}
        namespace, url = wish.get("namespace"), wish.get("destination_url")
        if namespace and not (isinstance(namespace, str) and re.fullmatch(r"[a-z0-9-]+", namespace)):
            errors["namespace"] = ["may only contain a-z, 0-9 and -"]
        elif namespace and any(h.namespace == namespace and h is not own for h in self.of(scope)):
            errors["namespace"] = ["has already been taken"]
        if url and not (isinstance(url, str) and re.fullmatch(r"https?://[^/\s]+\S*", url)):
            errors["destination_url"] = ["is invalid"]
        if wish.get("payload_version") and str(wish["payload_version"]) not in VERSIONS:
            errors["payload_version"] = ["is not included in the list"]
        if wish.get("status") not in (None, "active", "disabled"):
            errors["status"] = ["is not included in the list"]
        headers = wish.get("destination_headers")
        if headers is not None and not (isinstance(headers, dict) and all(isinstance(v, str) for v in headers.values())):
            errors["destination_headers"] = ["is invalid"]
        return errors


def offered(scope: Scope, version: str) -> list[Subscribable]:
    """The resources that a hook of this scope and payload version may listen to."""
    return [one for one in SUBSCRIBABLE if one.scope == scope.letter and (version == "v4.0" or not one.v4_only)]


def read_trigger(scope: Scope, version: str, wish: object) -> tuple[str, str]:
    """Resource name and verb of a trigger wish; HookRefused for a wrong scope or a retired event."""
    wish = wish if isinstance(wish, dict) else {}
    name, verb = wish.get("resource_name"), _VERBS.get(str(wish.get("event_type", "")).lower())
    found = next((one for one in offered(scope, version) if one.name == name), None)
    if not name or found is None:
        raise HookRefused({"resource_name": ["can't be blank" if not name else "is not included in the list"]})
    if verb not in found.verbs:
        raise HookRefused({"event_type": ["Can't be blank" if not wish.get("event_type") else "is not included in the list"]})
    return found.name, verb
