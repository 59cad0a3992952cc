"""Procore's webhooks API (v2.0; v1.0 is in hook_api_v1): hooks and triggers of a company or of one project.

A scope is a project's id, or "" for the company itself. The Authorization secret comes back masked, so it is
never compared. Source: Procore REST reference, webhooks; what it leaves open is tried in the order seen to work.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
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


@dataclass(frozen=True)
class Missed:
    """A delivery that did not succeed, as Procore's log has it. `payload` is None when the log shows none.

    `status` is retrying, failed or discarded; `at` when it was last tried or given up, as Procore writes it.
    """

    id: str
    status: str
    payload: Mapping[str, Any] | None
    at: str


class HookApi:
    """Calls only; what should be is decided in `hooks`."""

    def __init__(self, procore: Procore):
        self.procore = procore

    def hooks(
        self, scope: str, namespace: str, *, with_triggers: bool = True, believed: Collection[Trigger] | None = None
    ) -> list[Hook]:
        """The hooks of our namespace. `believed` are triggers (resource in lower case) that it had when last read in full:
        when the number of them is still the same, the list of them is not read again, and their ids are not known.
        """
        found = self._list(scope, "", {"namespace": namespace, **self._COUNTED})
        return [self._hook(scope, one, with_triggers, believed) for one in found if one.get("namespace") == namespace]

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
            found = self._added_at_once(scope, hook_id, part) if len(part) > 1 else None
            refused |= self._added_singly(scope, hook_id, part) if found is None else found
        return refused

    def remove(self, scope: str, hook_id: str, trigger_ids: Sequence[str]) -> None:
        for trigger_id in trigger_ids:
            self._gone_is_fine("DELETE", scope, f"/{hook_id}/triggers/{trigger_id}")

    def offered(self, scope: str) -> dict[str, set[str]] | None:
        """What a hook of this scope may listen to in this account: actions by resource in lower case. None when nobody says."""
        try:
            found = list(self.procore.listed(self._resources_path(scope), self._resources_query(scope), LARGEST_PAGE))
        except Permanent as error:
            if error.kind in ("unauthorized", "disconnected"):
                raise
            return None
        offers = map(self._offer, found)
        return {name.lower(): actions for name, actions in offers if name and actions} or None

    def missed(self, scope: str, hook_id: str, since: str | None) -> Iterator[Missed]:
        """Deliveries that failed, were discarded or are still tried again, from the day `since` (yyyy-mm-dd) on.

        A hook that has delivered nothing yet answers 404, which says that nothing was missed.
        Source: Procore documentation, webhooks; a production integration (404 for a hook without deliveries).
        """
        try:
            for query in self._missed_queries(since):
                for one in self._deliveries(scope, hook_id, query):
                    yield self._one_missed(one)
        except Permanent as error:
            if error.kind != "http_404":
                raise

    def _added_at_once(self, scope: str, hook_id: str, triggers: Sequence[Trigger]) -> dict[Trigger, str] | None:
        """The refused ones with the reason; None when they must be added singly to know.

        The reference is ambiguous about this body; a bare list is what its answer mirrors.
        """
        try:
            reply = self.procore.reply(
                "POST", self._path(scope, f"/{hook_id}/triggers/bulk"), json=self._bulk_wish(scope, triggers)
            )
        except Permanent as error:
            if error.kind in ("unauthorized", "disconnected", "http_403"):
                raise
            return None
        return {} if reply.status in (200, 201) else _refused(reply.body, triggers)

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

    def _hook(self, scope: str, one: Mapping[str, Any], with_triggers: bool, believed: Collection[Trigger] | None = None) -> Hook:
        hook_id = str(one.get("id"))
        unchanged = believed is not None and one.get("trigger_count") == len(believed)
        known = dict.fromkeys(believed or (), "") if unchanged else None
        return Hook(
            id=hook_id,
            scope=scope,
            namespace=str(one.get("namespace")),
            url=str(one.get("destination_url")),
            payload_version=self._payload_version(one),
            status=str(one.get("status") or "active").lower(),
            triggers=known if known is not None else dict(self._triggers(scope, hook_id)) if with_triggers else {},
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

    def _deliveries(self, scope: str, hook_id: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        path = self._path(scope, f"/{hook_id}/deliveries")
        return self.procore.listed(path, {**self._query(scope), **query}, LARGEST_PAGE)

    # How this version of the API spells things.

    _COUNTED: Mapping[str, str] = {"include_trigger_count": "true"}

    def _resources_path(self, scope: str) -> str:
        return self._path(scope).removesuffix("/hooks") + "/resources"

    def _resources_query(self, scope: str) -> dict[str, str]:
        return {"payload_version": self.procore.connector.webhooks.payload_version}

    def _offer(self, one: Mapping[str, Any]) -> tuple[str, set[str]]:
        """A resource's name and the actions that may be listened to."""
        actions = one.get("actions")
        return str(one.get("name") or ""), {verb_of(action) for action in actions} if isinstance(actions, list) else set()

    def _missed_queries(self, since: str | None) -> list[dict[str, str]]:
        day = {"filter[start]": since} if since else {}
        return [{"filter[status]": status, **day} for status in ("discarded", "failed", "retrying")]

    def _one_missed(self, one: Mapping[str, Any]) -> Missed:
        attempts = one.get("delivery_attempts")
        last = attempts[-1] if isinstance(attempts, list) and attempts and isinstance(attempts[-1], dict) else {}
        return missed_of(one, str(one.get("status")), one.get("payload"), last)

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


def missed_of(one: Mapping[str, Any], status: str, payload: Any, last: Mapping[str, Any]) -> Missed:
    at = plain(str(last.get("completed_at") or last.get("started_at") or ""), 40)
    return Missed(plain(str(one.get("id")), 64), plain(status.lower(), 20), payload if isinstance(payload, dict) else None, at)


def _refused(body: bytes, triggers: Sequence[Trigger]) -> dict[Trigger, str] | None:
    """The triggers that a mixed answer (207) names as failed, with its reason; None when it does not say which."""
    try:
        found = unwrapped(json.loads(body))
        failed = [(_pair(one["trigger"]), one.get("errors") or one.get("message")) for one in found["failed"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    asked = {(name.lower(), action): (name, action) for name, action in triggers}
    refused = {asked[pair]: plain(said(errors), 200) for pair, errors in failed if pair in asked}
    if len(refused) != len(failed):
        return None
    return {pair: why for pair, why in refused.items() if "already been taken" not in why.lower()}


def _pair(trigger: Mapping[str, Any]) -> Trigger:
    return str(trigger["resource_name"]).lower(), verb_of(trigger["event_type"])


def said(errors: Any) -> str:
    """`resource_name is not included in the list` for `{"resource_name": ["is not included in the list"]}`."""
    if isinstance(errors, Mapping):
        return "; ".join(f"{name} {said(texts)}" for name, texts in errors.items())
    return ", ".join(map(str, errors)) if isinstance(errors, list) else str(errors)


def wish(trigger: Trigger) -> dict[str, str]:
    return {"resource_name": trigger[0], "event_type": trigger[1]}
