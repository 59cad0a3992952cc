"""Procore's webhooks API (v2.0; v1.0 is in hook_api_v1): hooks and triggers of a company or of one project.

A scope is a project's id, or "" for the company itself. The Authorization secret comes back masked, so it is
never compared. Source: Procore REST reference, webhooks; what it leaves open is tried in the order seen to work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from config.errors import Permanent, Uncertain
from connectors.kinds.procore_dmsa import Procore, unwrapped
from connectors.remarks import plain

MOST_IN_BULK = 500
LARGEST_PAGE = 100
_VERBS = {
    "create": "create",
    "created": "create",
    "update": "update",
    "updated": "update",
    "delete": "delete",
    "deleted": "delete",
}

Trigger = tuple[str, str]
"""Resource name and action, such as ("RFIs", "update")."""


@dataclass(frozen=True)
class Hook:
    """A hook as Procore shows it. `triggers` maps (lower-case resource, action) to the trigger's id."""

    id: str
    scope: str
    namespace: str
    url: str
    payload_version: str
    status: str
    triggers: Mapping[Trigger, str] = field(default_factory=dict)


class HookApi:
    """Calls only; what should be is decided in `hooks`."""

    def __init__(self, procore: Procore):
        self.procore = procore

    def hooks(self, scope: str, namespace: str, *, with_triggers: bool = True) -> list[Hook]:
        found = self._list(scope, "", {"namespace": namespace})
        return [self._hook(scope, one, with_triggers) for one in found if one.get("namespace") == namespace]

    def create(self, scope: str, namespace: str, url: str, payload_version: str, secret: str) -> str:
        """The id of the new hook. Raises: Permanent, see `is_taken`, when the namespace has one in this scope."""
        asked = self._hook_wish(scope, url, payload_version, secret, namespace)
        made = unwrapped(self.procore.request("POST", self._path(scope), json=asked))
        if not isinstance(made, dict) or not made.get("id"):
            raise Uncertain(f"{self.procore.connector.name}: a hook was created and its answer names no id.", kind="unreadable")
        return str(made["id"])

    def update(self, scope: str, hook_id: str, url: str, payload_version: str, secret: str) -> None:
        asked = self._hook_wish(scope, url, payload_version, secret, None)
        self.procore.request("PATCH", self._path(scope, f"/{hook_id}"), json=asked)

    def delete(self, scope: str, hook_id: str) -> None:
        """Its triggers go with it. A hook that is gone already is fine."""
        self._gone_is_fine("DELETE", scope, f"/{hook_id}")

    def add(self, scope: str, hook_id: str, triggers: Sequence[Trigger]) -> dict[Trigger, str]:
        """Add triggers, many at once where that works. Returns the refused ones with the reason."""
        refused: dict[Trigger, str] = {}
        for start in range(0, len(triggers), MOST_IN_BULK):
            part = triggers[start : start + MOST_IN_BULK]
            if len(part) == 1 or not self._added_at_once(scope, hook_id, part):
                refused |= self._added_singly(scope, hook_id, part)
        return refused

    def remove(self, scope: str, hook_id: str, trigger_ids: Sequence[str]) -> None:
        for trigger_id in trigger_ids:
            self._gone_is_fine("DELETE", scope, f"/{hook_id}/triggers/{trigger_id}")

    def _added_at_once(self, scope: str, hook_id: str, triggers: Sequence[Trigger]) -> bool:
        """True when every one was added. The reference is ambiguous about this body; a bare list is what its answer mirrors."""
        try:
            reply = self.procore.reply(
                "POST", self._path(scope, f"/{hook_id}/triggers/bulk"), json=self._bulk_wish(scope, triggers)
            )
        except Permanent as error:
            if error.kind in ("unauthorized", "disconnected", "http_403"):
                raise
            return False
        return reply.status in (200, 201)

    def _added_singly(self, scope: str, hook_id: str, triggers: Sequence[Trigger]) -> dict[Trigger, str]:
        refused = {}
        for one in triggers:
            try:
                self.procore.request("POST", self._path(scope, f"/{hook_id}/triggers"), json=self._trigger_wish(scope, one))
            except Permanent as error:
                if error.kind in ("unauthorized", "disconnected", "http_403"):
                    raise
                if not is_taken(error):
                    refused[one] = str(error)
        return refused

    def _hook(self, scope: str, one: Mapping[str, Any], with_triggers: bool) -> Hook:
        hook_id = str(one.get("id"))
        return Hook(
            id=hook_id,
            scope=scope,
            namespace=str(one.get("namespace")),
            url=str(one.get("destination_url")),
            payload_version=self._payload_version(one),
            status=str(one.get("status") or "active").lower(),
            triggers=dict(self._triggers(scope, hook_id)) if with_triggers else {},
        )

    def _triggers(self, scope: str, hook_id: str) -> Iterator[tuple[Trigger, str]]:
        for one in self._list(scope, f"/{hook_id}/triggers", {}):
            verb = verb_of(one.get("event_type"))
            yield (str(one.get("resource_name")).lower(), verb), str(one.get("id"))

    def _list(self, scope: str, tail: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        return list(self.procore.listed(self._path(scope, tail), {**self._query(scope), **query}, LARGEST_PAGE))

    def _gone_is_fine(self, method: str, scope: str, tail: str) -> None:
        try:
            self.procore.request(method, self._path(scope, tail), query=self._query(scope))
        except Permanent as error:
            if error.kind != "http_404":
                raise

    # How this version of the API spells things.

    def _path(self, scope: str, tail: str = "") -> str:
        project = f"/projects/{scope}" if scope else ""
        return f"/rest/v2.0/companies/{self.procore.connector.company_id}{project}/webhooks/hooks{tail}"

    def _query(self, scope: str) -> dict[str, str]:
        return {}

    def _hook_wish(self, scope: str, url: str, payload_version: str, secret: str, namespace: str | None) -> dict[str, Any]:
        hook = {"payload_version": payload_version, "destination_url": url, "destination_headers": {"Authorization": secret}}
        return hook | ({"namespace": namespace} if namespace else {"status": "active"})

    def _trigger_wish(self, scope: str, trigger: Trigger) -> dict[str, Any]:
        return dict(wish(trigger))

    def _bulk_wish(self, scope: str, triggers: Sequence[Trigger]) -> Any:
        return [wish(one) for one in triggers]

    def _payload_version(self, one: Mapping[str, Any]) -> str:
        return str(one.get("payload_version"))


def hook_api(procore: Procore) -> HookApi:
    """The API that the connector's file names."""
    if procore.connector.webhooks.api == "v1.0":
        from connectors.hook_api_v1 import HookApiV1  # it builds on this module

        return HookApiV1(procore)
    return HookApi(procore)


def verb_of(said: object) -> str:
    """`create` for create, CREATE and CREATED alike; an unknown verb in lower case."""
    word = str(said).lower()
    return _VERBS.get(word, plain(word, 40))


def is_taken(error: Permanent) -> bool:
    """Whether Procore refused because it is there already."""
    return error.kind in ("http_400", "http_409", "http_422") and "already been taken" in str(error).lower()


def wish(trigger: Trigger) -> dict[str, str]:
    return {"resource_name": trigger[0], "event_type": trigger[1]}
