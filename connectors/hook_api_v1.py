"""The older webhooks API, v1.0: for accounts in which v2.0 does not answer. Procore has marked it deprecated.

It names the scope in the query or the body instead of the path, wraps what it is given, and knows no status:
a hook that exists counts as active. Source: Procore REST reference and documentation, webhooks v1.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.hook_api import HookApi, Trigger, wish


class HookApiV1(HookApi):
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
