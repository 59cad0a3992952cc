"""What actions reach the outside with: the connectors and destinations of this process."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from automations.event import Event
from automations.parts import Limits
from automations.tools import Calendar, Reply
from config.errors import ConfigError, Permanent, TiebackError
from connectors import names
from connectors.destinations.email import MOST_ATTACHED
from connectors.kinds.procore_dmsa import Procore
from connectors.messages import Attachment, Message, Receipt
from connectors.rooted import Rooted
from workers.caps import Caps
from workers.desk import Desk
from workers.echoes import OwnWrites
from workers.step_checks import StepRepairs, StepRules
from workers.step_hooks import StepHooks
from workers.step_imports import StepImports


@dataclass(frozen=True)
class Running:
    """The run that the tools are for: its row, its event, and the limits of its automation."""

    row: Any
    event: Event
    limits: Limits


class Tools:
    """The tools of one run. A rule reaches only connectors that exist; there is no default one."""

    def __init__(self, desk: Desk, lane: str, running: Running):
        self._desk = desk
        self._lane = lane
        self._running = running

    def procore(self, connector: str) -> Procore:
        """Raises: Permanent(kind="no_connector") when there is none of this name, or it cannot be used."""
        return self._desk.loaded.procore(connector, self._lane)

    def http(self, destination: str) -> Http:
        """Raises: Permanent(kind="no_destination") when there is none of this name."""
        return Http(self._desk.loaded.destination(f"http:{destination}"))

    def company_of(self, connector: str) -> str:
        return self._desk.loaded.connector(connector).company_id

    def own_writes(self) -> OwnWrites:
        return OwnWrites(self._desk.engine, self._running.row, self._running.event, self.company_of)

    def caps(self) -> Caps:
        return Caps(self._desk.engine, self._running.row, self._running.limits)

    def imports(self) -> StepImports:
        return StepImports(self._desk, self._running.row)

    def repairs(self) -> StepRepairs:
        return StepRepairs(self._desk, self._lane)

    def subscriptions(self) -> StepHooks:
        return StepHooks(self._desk, self._running.row, self._lane)

    def rules(self) -> StepRules:
        return StepRules(self._desk.engine)

    def notify(self, destination: str) -> Messages:
        """Raises: Permanent(kind="no_destination") when there is none of this name, or it takes no messages."""
        return Messages(self._desk.loaded.destination(destination))

    def folder(self, destination: str = "") -> Rooted:
        """Raises: Permanent(kind="no_destination") when there is none of this name."""
        root = self._desk.settings.files_root
        if not destination:
            return Rooted(root)
        found: Rooted = self._desk.loaded.destination(destination).below(root)
        return found

    def calendar(self, destination: str) -> Calendar:
        """Raises: Permanent(kind="no_destination") when there is none of this name."""
        found: Calendar = self._desk.loaded.destination(destination)
        return found

    def attachment(self, path: str, *, read: bool) -> Attachment:
        """Raises: Permanent(kind="absent" or "path") when there is none below the files root, or it is no plain file."""
        name = names.parts(path)[-1]
        if not read:
            return Attachment(name)
        with self.folder().read(path) as file:
            # One byte more than a mail may carry: the mail itself says that it is too much.
            return Attachment(name, file.read(MOST_ATTACHED + 1))


class Messages:
    """A destination that takes messages, as actions see it."""

    def __init__(self, destination: Any):
        if not hasattr(destination, "notify"):
            raise Permanent(
                f"{destination.name} takes no messages; name a slack:, teams:, email: or http: one.", kind="no_destination"
            )
        self._destination = destination

    def notify(self, message: Message) -> Receipt:
        """Raises: Transient, Uncertain, Permanent; a rule's mistake (a link that is none) is Permanent too."""
        try:
            receipt: Receipt = self._destination.notify(message)
        except ConfigError as error:
            raise Permanent(str(error), kind="request") from None
        return receipt


class Http:
    """A destination as actions see it: text bodies, a query apart, and the answer decoded."""

    def __init__(self, destination: Any):
        self._destination = destination

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
        """Raises: Transient, Uncertain, Permanent; a rule's mistake (a path that leads elsewhere) is Permanent too."""
        target = path + (("&" if "?" in path else "?") + urlencode(query, errors="replace") if query else "")
        try:
            answer = self._destination.send(
                method,
                target,
                json=json,
                body=None if body is None else body.encode("utf-8", "replace"),
                headers=headers,
                idempotency_key=idempotency_key,
            )
        except ConfigError as error:
            raise Permanent(str(error), kind="request") from None
        decoded = None
        with contextlib.suppress(TiebackError, ValueError):
            decoded = answer.json()
        return Reply(
            answer.status,
            {name.lower(): value for name, value in answer.headers.items()},
            answer.body.decode("utf-8", "replace"),
            decoded,
        )
