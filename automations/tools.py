"""What actions need of the outside, as interfaces. `workers/` gives the real ones, tests give values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, Protocol

from automations.chores import Imports, Repairs, Rules, Subscriptions
from config.errors import Permanent
from connectors.messages import Attachment, Notifier
from connectors.rooted import Rooted


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. `json` is None when the body is none; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    json: Any = None


class Page(Protocol):
    """A page of a list."""

    @property
    def records(self) -> list[dict[str, Any]]: ...


class Refusal(Protocol):
    """A row of a bulk upsert that was not taken: `index` is its place in what was sent, None when nobody knows."""

    @property
    def index(self) -> int | None: ...
    @property
    def origin_id(self) -> str: ...
    @property
    def said(self) -> str: ...


class Synced(Protocol):
    """What a bulk upsert wrote, and what it refused."""

    @property
    def records(self) -> list[dict[str, Any]]: ...
    @property
    def refused(self) -> Sequence[Refusal]: ...


class Procore(Protocol):
    """One connector. Records are Procore's own dicts. Every method raises Transient, Permanent or ConfigError, and
    Uncertain when a write went out and no readable answer came."""

    def get(self, resource: str, id: str, project_id: str | None = None, parent: str | None = None) -> dict[str, Any]:
        """One record as Procore wrote it."""

    def paged(
        self,
        resource: str,
        project_id: str | None = None,
        *,
        parent: str | None = None,
        filters: Mapping[str, Any] | None = None,
        asking: Callable[[], None] | None = None,
    ) -> Iterator[Page]:
        """Page after page of a list; `asking` is called before each request. Raises: ConfigError for an unknown filter."""

    def create(
        self, resource: str, fields: Mapping[str, Any], project_id: str | None = None, parent: str | None = None
    ) -> dict[str, Any]:
        """A new record."""

    def update(
        self, resource: str, id: str, fields: Mapping[str, Any], project_id: str | None = None, parent: str | None = None
    ) -> dict[str, Any]:
        """The record after these fields were changed."""

    def sync(
        self, resource: str, rows: Sequence[Mapping[str, Any]], project_id: str | None = None, parent: str | None = None
    ) -> Synced:
        """Create or change many by `id` or `origin_id`."""

    def upload(self, name: str, content_type: str, content: BinaryIO, project_id: str | None = None) -> str:
        """The id of the upload."""

    def download(self, url: str, into: BinaryIO, max_bytes: int) -> None:
        """The bytes behind an attachment's address, from the beginning of the open file."""


class OwnWrites(Protocol):
    """What this automation changes at Procore, so that its echo is known for what it is. `effect` is the ledger's key."""

    def begin(self, effect: str, connector: str, resource: str, record_id: str, project_id: str, parent: str) -> None:
        """Before the call; `record_id` is "" when Procore will give it."""

    def answered(self, effect: str, records: Sequence[Mapping[str, Any]]) -> None:
        """The records as Procore answered them."""


class Caps(Protocol):
    """How much an automation may still change outside, over all its runs (`limits: writes:`, `deletes:`)."""

    def take(self, kind: Literal["writes", "deletes"], wanted: int, effect: str, what: str, *, at_procore: bool) -> int:
        """How many of `wanted` this effect may make; the same answer for it again, or more when there is room by then."""

    def refusal(self, kind: Literal["writes", "deletes"], left: int) -> str:
        """The sentence for `left` changes that are held back."""


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


class Calendar(Protocol):
    """Files of calendar entries below the files root; `timezone` "" is UTC."""

    @property
    def title(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    def path_of(self, key: str | None) -> str:
        """The file of this key, or the one there is. Raises: Permanent when it has files per key and none is given."""


class Tools(Protocol):
    def procore(self, connector: str) -> Procore:
        """Raises: Permanent(kind="no_connector") when there is none of that name."""

    def http(self, destination: str) -> Http:
        """Raises: Permanent(kind="no_destination") when there is none of that name."""

    def company_of(self, connector: str) -> str:
        """The id of the company that a connector leads to. Raises: as `procore` does."""

    def own_writes(self) -> OwnWrites: ...

    def caps(self) -> Caps: ...

    def imports(self) -> Imports: ...

    def repairs(self) -> Repairs: ...

    def subscriptions(self) -> Subscriptions: ...

    def rules(self) -> Rules: ...

    def notify(self, destination: str) -> Notifier:
        """Whatever takes messages; `destination` is spelt as in rules, `slack:ops`.

        Raises: Permanent(kind="no_destination") when there is none of that name, or it takes no messages.
        """

    def folder(self, destination: str = "") -> Rooted:
        """Where files are written: the files root itself, or the folder of a destination `files:<name>`.

        Raises: Permanent(kind="no_destination") when there is none of that name.
        """

    def calendar(self, destination: str) -> Calendar:
        """A destination `ics:<name>`. Raises: as `folder` does."""

    def attachment(self, path: str, *, read: bool) -> Attachment:
        """A file below the files root; without its content unless `read`.

        Raises: Permanent(kind="absent" or "path") when there is none, or it is no plain file.
        """


class NoTools:
    """For runs that must not reach out: every request is refused."""

    def procore(self, connector: str) -> Procore:
        raise Permanent(f'there is no connector "{connector}"', kind="no_connector")

    def http(self, destination: str) -> Http:
        raise Permanent(f'there is no destination "http:{destination}"', kind="no_destination")

    def company_of(self, connector: str) -> str:
        raise Permanent(f'there is no connector "{connector}"', kind="no_connector")

    def own_writes(self) -> OwnWrites:
        return Unnoted()

    def caps(self) -> Caps:
        return Unlimited()

    def imports(self) -> Imports:
        raise Permanent("this run imports nothing", kind="no_tool")

    def repairs(self) -> Repairs:
        raise Permanent("this run repairs nothing", kind="no_tool")

    def subscriptions(self) -> Subscriptions:
        raise Permanent("this run changes no hooks", kind="no_tool")

    def rules(self) -> Rules:
        raise Permanent("this run checks no automations", kind="no_tool")

    def notify(self, destination: str) -> Notifier:
        raise Permanent(f'there is no destination "{destination}"', kind="no_destination")

    def folder(self, destination: str = "") -> Rooted:
        raise Permanent("this run writes no files", kind="no_destination")

    def calendar(self, destination: str) -> Calendar:
        raise Permanent(f'there is no destination "{destination}"', kind="no_destination")

    def attachment(self, path: str, *, read: bool) -> Attachment:
        raise Permanent(f'there is no file "{path}"', kind="absent")


class Unnoted:
    """Own writes of a run that nothing comes back from."""

    def begin(self, effect: str, connector: str, resource: str, record_id: str, project_id: str, parent: str) -> None: ...

    def answered(self, effect: str, records: Sequence[Mapping[str, Any]]) -> None: ...


class Unlimited:
    """No caps."""

    def take(self, kind: Literal["writes", "deletes"], wanted: int, effect: str, what: str, *, at_procore: bool) -> int:
        return wanted

    def refusal(self, kind: Literal["writes", "deletes"], left: int) -> str:
        return f"{left} {kind} are held back"
