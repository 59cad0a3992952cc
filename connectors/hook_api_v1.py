"""The older webhooks API, v1.0: for accounts in which v2.0 does not answer. Procore has marked it deprecated.

It names the scope in the query or the body instead of the path, wraps what it is given, and knows no status:
a hook that exists counts as active. Source: Procore REST reference and documentation, webhooks v1.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.hook_api import LARGEST_PAGE, HookApi, Missed, Trigger, missed_of, wish

_ACTIONS = ("create", "update", "delete")


class HookApiV1(HookApi):
    _COUNTED: Mapping[str, str] = {}

    def _list(self, scope: str, tail: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        # No paging is documented for these lists: one that ignores the size we ask for is whole, and asking for
        # its next page would bring the same again. Only a list of just that size may have been cut.
        asked = {**self._query(scope), **query, "page": 1, "per_page": LARGEST_PAGE}
        found = self.procore.request("GET", self._path(scope, tail), query=asked)
        if isinstance(found, list) and len(found) != LARGEST_PAGE and all(isinstance(one, dict) for one in found):
            return found
        return super()._list(scope, tail, query)

    def _path(self, scope: str, tail: str = "") -> str:
        return f"/rest/v1.0/webhooks/hooks{tail}"

    def _query(self, scope: str) -> dict[str, str]:
        return {"project_id": scope} if scope else {"company_id": self.procore.connector.company_id}

    def _owner(self, scope: str) -> dict[str, int]:
        return {name: int(number) for name, number in self._query(scope).items()}

    def _hook_wish(self, scope: str, url: str, payload_version: str, secret: str, namespace: str | None) -> dict[str, Any]:
        hook = {
            "api_version": self._version(payload_version),
            "destination_url": url,
            "destination_headers": {"Authorization": secret},
        }
        return {**self._owner(scope), "hook": hook | ({"namespace": namespace} if namespace else {})}

    def _trigger_wish(self, scope: str, trigger: Trigger) -> dict[str, Any]:
        return {**self._owner(scope), "api_version": self._configured(), "trigger": wish(trigger)}

    def _bulk_wish(self, scope: str, triggers: Sequence[Trigger]) -> Any:
        return {**self._owner(scope), "api_version": self._configured(), "triggers": [wish(one) for one in triggers]}

    def _payload_version(self, one: Mapping[str, Any]) -> str:
        return str(one.get("api_version"))

    def _configured(self) -> str:
        return self._version(self.procore.connector.webhooks.payload_version)

    def _version(self, payload_version: str) -> str:
        return "v2" if payload_version == "v2.0" else payload_version

    def _resources_query(self, scope: str) -> dict[str, str]:
        return {**self._query(scope), "api_version": self._configured()}

    def _offer(self, one: Mapping[str, Any]) -> tuple[str, set[str]]:
        # The name is under `tools`, and what may not be listened to under `except`.
        except_ = one.get("except")
        refused = {str(action).lower() for action in except_} if isinstance(except_, list) else set()
        return str(one.get("tools") or ""), set(_ACTIONS) - refused

    def _missed_queries(self, since: str | None) -> list[dict[str, str]]:
        return [{"filters[status]": status} for status in ("discarded", "failing")]

    def _deliveries(self, scope: str, hook_id: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Pages begin behind the id of the last delivery of the page before."""
        path, start = self._path(scope, f"/{hook_id}/deliveries"), None
        while True:
            asked = {**self._query(scope), **query, "page_size": LARGEST_PAGE, **({"page_start": start} if start else {})}
            found = self.procore.request("GET", path, query=asked)
            page = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
            yield from page
            last = page[-1].get("id") if page else None
            if len(page) < LARGEST_PAGE or not last or last == start:
                return
            start = last

    def _one_missed(self, one: Mapping[str, Any]) -> Missed:
        status = {"retried": "retrying"}.get(str(one.get("outcome")), str(one.get("outcome")))
        return missed_of(one, status, one.get("event"), one)
