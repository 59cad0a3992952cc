"""The far end: the simulator, in a process that no fault touches. Its sinks log what was received and what was applied."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import requests

from tests.crash.sweep import Far

SINKS = ("keyed", "once")
LATE_S = 2.5  # longer than the destination's timeout: what comes so late is applied after we gave up
RESOURCE = "RFIs"


class Target:
    def __init__(self, far: Far):
        self._far = far
        self._url = f"{far.url}/_sim"
        self.records: list[str] = []

    def prepare(self, records: int) -> None:
        """Records to change; and no hooks of its own, whatever is subscribed."""
        self._post("/faults", {"name": "sender_pause"})
        wish = {"resource": RESOURCE, "verb": "update", "project_id": self._far.project_id, "count": records}
        self.records = [str(id) for id in self._post("/change", wish)["ids"]]

    def change(self, record: str, what: str) -> None:
        wish = {"resource": RESOURCE, "verb": "update", "project_id": self._far.project_id, "id": int(record)}
        self._post("/change", {**wish, "fields": {"subject": what}})

    def misbehave(self, sink: str, mode: str, for_s: float, share: float) -> None:
        self._post("/faults", {"name": "sink", "sink": sink, "mode": mode, "for_s": for_s, "share": share, "seconds": LATE_S})

    def behave(self) -> None:
        requests.delete(f"{self._url}/faults/sink", timeout=10)

    def log(self, run: str) -> tuple[dict[str, list[dict[str, Any]]], int]:
        """What each sink received of this run, and how much of others, which would make the run void.

        A request that was cut before its body says nothing of any event, and changed nothing.
        """
        found: dict[str, list[dict[str, Any]]] = {}
        foreign = 0
        for sink in SINKS:
            every = [one for one in requests.get(f"{self._url}/sink/{sink}", timeout=60).json() if isinstance(one["body"], dict)]
            found[sink] = [one for one in every if _event(one).startswith(f"{run}-")]
            foreign += len(every) - len(found[sink])
        return found, foreign

    def limited(self) -> int:
        """How often the far end had to say that we ask too much."""
        calls = requests.get(f"{self._url}/calls", timeout=30).json()
        return sum(int(one["count"]) for one in calls if int(one["status"]) == 429)

    def state_of(self, records: list[str]) -> dict[str, str]:
        """The last thing that was said about each record, read as anybody would."""
        wish = {"grant_type": "client_credentials", "client_id": self._far.world.client_id,
                "client_secret": self._far.world.client_secret}  # fmt: skip
        token = requests.post(f"{self._far.url}/oauth/token", json=wish, timeout=30).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Procore-Company-Id": str(self._far.company_id)}
        found = {}
        for record in records:
            path = f"/rest/v1.0/projects/{self._far.project_id}/rfis/{record}"
            found[record] = str(requests.get(self._far.url + path, headers=headers, timeout=30).json()["subject"])
        return found

    def forget(self) -> None:
        with suppress(requests.RequestException):
            requests.delete(f"{self._url}/sinks", timeout=10)

    def _post(self, path: str, wish: dict[str, Any]) -> Any:
        answer = requests.post(self._url + path, json=wish, timeout=60)
        answer.raise_for_status()
        return answer.json()


def _event(one: dict[str, Any]) -> str:
    body = one.get("body")
    return str(body.get("event")) if isinstance(body, dict) else ""
