"""Procore through a Developer Managed Service Account: client credentials, one company.

Records are Procore's own dicts, untouched. Source: Procore documentation and REST reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO
from urllib.parse import quote

from config.errors import ConfigError, Permanent, Transient
from config.problems import did_you_mean
from connectors import batches, bodies, catalogue, http, lessons, reading, transfers, writes
from connectors.addresses import Resolver, origin
from connectors.addresses import resolve as resolve_name
from connectors.catalogue import Resource
from connectors.definition import Connector
from connectors.ports import Call, Calls, Quota, Tokens
from connectors.reading import Json
from connectors.remarks import plain
from connectors.tokens import TokenSource

FILTERS = {"updated_at": "U", "id": "I", "created_at": "C", "include_deleted": "D"}
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class Procore:
    """Calls on behalf of one connector, in one lane (webhook, manual, schedule or backfill).

    May be used from several threads. Every call is recorded in `calls` and asks `quota` first.
    """

    def __init__(
        self,
        connector: Connector,
        tokens: Tokens,
        calls: Calls,
        quota: Quota,
        lane: str = "webhook",
        *,
        resolver: Resolver = resolve_name,
    ):
        self.connector, self.lane = connector, lane
        self._calls, self._quota, self._resolver = calls, quota, resolver
        self._api = self._client(connector.api_host)
        self._tokens = TokenSource(connector, self._client(connector.login_host), tokens)

    def _client(self, host: str) -> http.Client:
        custom = self.connector.environment == "custom"
        where = f"connector {self.connector.name}"
        at, _ = origin(host, where, private=custom and self.connector.private, listed=custom)
        return http.Client(self.connector.name, at, record=self._record, resolver=self._resolver)

    def _record(self, call: Call) -> None:
        self._calls.record(self.connector.name, replace(call, lane=self.lane))

    def sign_in(self) -> None:
        """Get a token, if there is none. Raises: Permanent(kind="unauthorized") when the credentials are refused."""
        self._tokens.token()

    def knock(self, host: str, path: str) -> http.Reply:
        """What a host answers to somebody who is not signed in. Raises: Transient, Permanent when it does not."""
        return self._client(host).send("GET", path)

    def companies(self) -> list[Json]:
        """The companies in which the app is installed."""
        return list(self.listed("/rest/v1.0/companies", {}, 1000))

    def projects(self) -> list[Json]:
        """The permitted projects, active or not, whatever `projects:` in the file says."""
        return list(self.pages("Projects"))

    def wanted_projects(self) -> list[Json]:
        """The permitted projects that this connector is for: all, or those in its `projects:`."""
        wanted = self.connector.projects
        return [one for one in self.projects() if wanted == "all" or str(one.get("id")) in wanted]

    def get(self, resource: Resource | str, id: str, project_id: str | None = None, parent: str | None = None) -> Json:
        """One record as its show endpoint has it; from the list, by id, where there is no show.

        `parent` is the id of the record it belongs to, where the path needs one (`rfi_id` for RFI Replies).
        Raises: Permanent(kind="http_404") when it is gone or not visible; errors as `request` does.
        """
        row = known(resource)
        if row.show_path is None:
            return self._from_list(row, id, project_id, parent)
        path, query = self.where(
            row, row.show_path, row.show_query, id=id, project_id=project_id, parent=parent, parent_name=row.show_parent
        )
        record = unwrapped(self.request("GET", path, query=query))
        if not isinstance(record, dict):
            raise Transient(
                f"{self.connector.name}: GET {path}: answered something else than a record. The read is tried again.",
                kind="unreadable",
            )
        return record

    def many(self, resource: Resource | str, ids: Sequence[str], project_id: str | None = None) -> dict[str, Json]:
        """Those of these records that the list has, by id, as the list has them. Errors as `request` does."""
        return batches.read_many(self.pages, known(resource), ids, project_id)

    def pages(
        self,
        resource: Resource | str,
        project_id: str | None = None,
        *,
        parent: str | None = None,
        filters: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        per_page: int | None = None,
        deleted: bool = False,
    ) -> Iterator[Json]:
        """Each record of a list, page after page, once.

        `filters` are the inside of `filters[…]`: {"updated_at": "A...B"}, {"id": ["1", "2"]}. `query` goes as it is:
        daily logs need `start_date` and `end_date`, else they answer today. `deleted` reads the recycle bin.
        Raises: ConfigError for a filter that the list does not have; else as `request` does, while iterating.
        """
        whole = self.paged(resource, project_id, parent=parent, filters=filters, query=query, per_page=per_page, deleted=deleted)
        return reading.each(whole)

    def paged(
        self,
        resource: Resource | str,
        project_id: str | None = None,
        *,
        parent: str | None = None,
        filters: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        per_page: int | None = None,
        deleted: bool = False,
        start: int = 1,
        total_before: int | None = None,
        asking: Callable[[], None] | None = None,
    ) -> Iterator[reading.Page]:
        """As `pages`, whole pages from page `start` on; what moves between two pages may come twice.

        `total_before` is the total that the page before `start` told: the list may have become shorter since.
        `asking` is called before each request and may raise to stop there.
        """
        row = known(resource)
        path = row.deleted_path if deleted else row.list_path
        if path is None:
            raise ConfigError(f"{row.name} has no list{' of deleted records' if deleted else ''} at Procore. {row.note}".strip())
        target, fixed = self.where(row, path, row.list_query, project_id=project_id, parent=parent, parent_name=row.list_parent)
        asked = {**row.list_fixed, **fixed, **filter_query(row, filters or {}), **(query or {})}
        size = max(1, min(per_page or row.page_max, row.page_max)) if row.paging else None
        return self._pages(target, asked, size, row.group, start, total_before, asking)

    def listed(self, path: str, query: Mapping[str, Any], per_page: int) -> Iterator[Json]:
        """Each item of a list that is no resource of the catalogue."""
        return reading.each(self._pages(path, query, per_page, None))

    def request(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, json: Any = None) -> Any:
        """Any call; the decoded JSON (with the `data` envelope of v2, if it has one), None when there is no body.

        Raises:
            Transient: `kind` is http_429, http_5xx, timeout, connection, unreadable or quota; nothing was done.
            Uncertain: a write went out and no readable answer came.
            Permanent: `kind` is unauthorized, disconnected, redirect, too_large, blocked_address, tls or http_<status>.
        """
        reply = self.reply(method, path, query=query, json=json)
        return http.json_of(self.connector.name, method, path, reply)

    def reply(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, json: Any = None) -> http.Reply:
        """As `request`, with status and headers."""
        token = self._tokens.token()
        try:
            return self._once(method, path, query, json, token.value.reveal())
        except http.Unauthorized:
            token = self._tokens.instead_of(token)
        try:
            return self._once(method, path, query, json, token.value.reveal())
        except http.Unauthorized as error:
            raise Permanent(
                f"{error} A fresh token was refused as well: was the app's secret reset, or the app removed?", kind="unauthorized"
            ) from None

    def create(
        self, resource: Resource | str, fields: Mapping[str, Any], project_id: str | None = None, parent: str | None = None
    ) -> Json:
        """A new record, as Procore answers it. Raises: as `request` does; http_409 or http_422 when a key is taken."""
        return writes.create(self, known(resource), fields, project_id, parent)

    def update(
        self,
        resource: Resource | str,
        id: str,
        fields: Mapping[str, Any],
        project_id: str | None = None,
        parent: str | None = None,
    ) -> Json:
        """Change these fields of a record; the record as Procore answers it. Raises: as `request` does."""
        return writes.update(self, known(resource), id, fields, project_id, parent)

    def sync(
        self,
        resource: Resource | str,
        rows: Sequence[Mapping[str, Any]],
        project_id: str | None = None,
        parent: str | None = None,
    ) -> writes.Synced:
        """Create or change up to 1000 records by `id` or `origin_id`. Raises: as `request` does, never for single rows."""
        return writes.sync(self, known(resource), rows, project_id, parent)

    def upload(self, name: str, content_type: str, content: BinaryIO, project_id: str | None = None) -> str:
        """Bring a file to Procore's storage; the id of the upload, for the fields of a record. Raises: as `request` does."""
        return transfers.upload(self, self._outside(bodies.CAP_BYTES), name, content_type, content, project_id)

    def download(self, url: str, into: BinaryIO, max_bytes: int) -> None:
        """The bytes behind an attachment's address. Raises: Permanent (foreign_url, too_large); else as `request` does."""
        transfers.download(self, self._outside(max_bytes), url, into)

    def _outside(self, cap_bytes: int) -> transfers.Outside:
        return lambda url: transfers.client(self.connector, url, self._record, self._resolver, cap_bytes)

    def signed(self, call: Callable[[str], http.Reply]) -> http.Reply:
        """The answer to a call that is made with our token, and once more with a fresh one when it is refused."""
        token = self._tokens.token()
        reply = call(token.value.reveal())
        return call(self._tokens.instead_of(token).value.reveal()) if reply.status == 401 else reply

    def _once(self, method: str, path: str, query: Mapping[str, Any] | None, json: Any, token: str) -> http.Reply:
        name = self.connector.name
        headers = {"Authorization": f"Bearer {token}"}
        if self.connector.company_id:
            headers["Procore-Company-Id"] = self.connector.company_id
        with self._quota.call(name, self.lane) as told:
            try:
                reply = self._api.send(method, path, query=query, json=json, headers=headers)
            except Exception as error:
                told(lessons.of_error(error))
                raise
            told(lessons.of_reply(reply))
        return http.checked(name, method, path, reply)

    def _pages(
        self,
        path: str,
        query: Mapping[str, Any],
        size: int | None,
        group: str | None,
        start: int = 1,
        total_before: int | None = None,
        asking: Callable[[], None] | None = None,
    ) -> Iterator[reading.Page]:
        def ask(position: Mapping[str, Any]) -> tuple[http.Reply, list[Json]]:
            if asking is not None:
                asking()
            reply = self.reply("GET", path, query={**query, **position})
            return reply, self._records(path, reply, group)

        if size is None:
            _, records = ask({})
            return iter([reading.Page(records, 1, len(records), len(records))])
        return reading.pages(ask, size, f"{self.connector.name}: GET {path}", start, total_before)

    def _records(self, path: str, reply: http.Reply, group: str | None) -> list[Json]:
        found = unwrapped(http.json_of(self.connector.name, "GET", path, reply))
        records = [] if found is None else found
        if group and isinstance(records, list):
            records = [record for one in records if isinstance(one, dict) for record in one.get(group) or []]
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise Transient(
                f"{self.connector.name}: GET {path}: answered something else than a list of records. The read is tried again.",
                kind="unreadable",
            )
        return records

    def _from_list(self, row: Resource, id: str, project_id: str | None, parent: str | None) -> Json:
        filters = {"id": [id]} if "I" in row.filters else {}
        for record in self.pages(row, project_id, parent=parent, filters=filters):
            if str(record.get("id")) == id:
                return record
        raise Permanent(
            f"{self.connector.name}: {row.name} {id} is not in its list: it is gone, or this account may not see it.",
            kind="http_404",
        )

    def where(
        self,
        row: Resource,
        path: str,
        wanted: tuple[str, ...],
        *,
        id: str = "",
        project_id: str | None = None,
        parent: str | None = None,
        parent_name: str | None = None,
    ) -> tuple[str, dict[str, str]]:
        """The path with its placeholders filled, and the required query parameters."""
        values = {"company_id": self.connector.company_id, "project_id": project_id, "id": id}
        if parent_name:
            values[parent_name] = parent
        for name in (*re.findall(r"{(\w+)}", path), *wanted):
            value = values.get(name)
            if not value or not _ID.match(str(value)):
                raise ConfigError(_missing(row, name, value))
        filled = re.sub(r"{(\w+)}", lambda found: quote(str(values[found.group(1)]), safe=""), path)
        return filled, {name: str(values[name]) for name in wanted}


def known(resource: Resource | str) -> Resource:
    """The catalogue's row. Raises: ConfigError naming the nearest one."""
    if isinstance(resource, Resource):
        return resource
    row = catalogue.resource(resource)
    if row is None:
        raise ConfigError(f'there is no resource "{resource}"{did_you_mean(resource, catalogue.names())} See docs/resources.md.')
    return row


def filter_query(row: Resource, filters: Mapping[str, Any]) -> dict[str, Any]:
    """`{"id": ["1"]}` as `{"filters[id][]": ["1"]}`.

    Raises: ConfigError when the list is known not to have that filter: Procore would ignore it in silence.
    """
    for name in filters:
        spelled = row.id_filter == "ids" and name == "id"
        if name in FILTERS and FILTERS[name] not in row.filters and not spelled:
            raise ConfigError(f"the list of {row.name} cannot be filtered by {name} at Procore. See docs/resources.md.")
    query = {}
    for name, value in filters.items():
        key = f"filters[{row.id_filter if name == 'id' else name}]"
        query[key + "[]" if isinstance(value, (list, tuple)) else key] = value
    return query


def unwrapped(body: Any) -> Any:
    """What is inside the v2 envelope `{"data": …}`; anything else as it is."""
    return body["data"] if isinstance(body, dict) and set(body) == {"data"} else body


def _missing(row: Resource, name: str, value: object) -> str:
    if value:
        return f"{row.name}: {name} is {plain(str(value), 40)!r}, which is no id."
    if name == "project_id":
        return f"{row.name} belongs to a project: give project_id."
    return f"{row.name} needs {name}: give it as parent. {row.note}".strip()
