"""What actions need of the outside, as interfaces. `workers/` gives the real ones, tests give values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from config.errors import Permanent


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. `json` is None when the body is none; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    json: Any = None


class Procore(Protocol):
    def get(self, resource: str, id: str, project_id: str | None = None, parent: str | None = None) -> dict[str, Any]:
        """One record as Procore wrote it. Raises: Transient, Permanent."""


class Http(Protocol):
    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Reply:
        """One call to a destination. `path` extends the destination's own.

        The key goes out in the header that the destination names, `Idempotency-Key` by default.
        Raises: Transient (kind http_429, http_5xx, connection), Uncertain (the answer never came).
        Other 4xx answers are returned, not raised.
        """


class Tools(Protocol):
    def procore(self, connector: str) -> Procore:
        """Raises: Permanent(kind="no_connector") when there is none of that name."""

    def http(self, destination: str) -> Http:
        """Raises: Permanent(kind="no_destination") when there is none of that name."""


class NoTools:
    """For runs that must not reach out: every request is refused."""

    def procore(self, connector: str) -> Procore:
        raise Permanent(f'there is no connector "{connector}"', kind="no_connector")

    def http(self, destination: str) -> Http:
        raise Permanent(f'there is no destination "http:{destination}"', kind="no_destination")
