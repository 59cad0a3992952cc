"""One path of one resource: whose records it is about, and which of them a path names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, g, request

from simulator import views
from simulator.answers import Refused, answer
from simulator.records import Json, Record
from simulator.seeding import PARENTS
from simulator.table import Route, Row
from simulator.world import Actor, World

NOT_FOUND = {"errors": ["Not Found"]}
MADE_OF = {"Commitments": ("Work Order Contracts", "Purchase Order Contracts", "Commitments")}
"""Resources whose records are those of others, seen from afar."""


class Endpoint:
    def __init__(self, world: World, row: Row, route: Route) -> None:
        self.world, self.row, self.route = world, row, route
        self.options = row.options if route.options is None else route.options
        self.enveloped = route.version.startswith("v2")
        self.resources = MADE_OF.get(row.name, (row.name,))

    def one(self, body: Json, status: int) -> Response:
        """A single record, as this version spells it."""
        return self.enveloped_answer(self.shown(body), status)

    def shown(self, body: Json) -> Any:
        route = self.route if self.route.kind == "show" else Route("show", self.route.path, ())
        return views.shown(self.row, route, body, None)

    def enveloped_answer(self, body: Any, status: int, headers: dict[str, str] | None = None) -> Response:
        return answer({"data": body} if self.enveloped else body, status, headers)

    def actor(self) -> Actor:
        operation = request.headers.get("Idempotency-Token")
        return Actor(g.token.user_id, self.world.tokens.client_id, operation)

    def check_required(self) -> None:
        for name in self.route.required:
            known = {"project_id": g.project_id, "company_id": g.company_id}.get(name) or request.args.get(name)
            if not known:
                raise missing(name)

    def scope_id(self) -> int:
        found: int | None = g.project_id if self.row.of_project else g.company_id
        if found is None:
            raise missing("project_id")
        return found

    def record(self, ids: dict[str, int]) -> Record:
        own_id = ids[self.route.own_id or "id"]
        scope_id = int(g.company_id) if self.row.name == "Projects" else self.scope_id()
        found = (self.world.shelves.find(name, own_id, scope_id) for name in self.resources)
        record = next((one for one in found if one), None)
        parent = ids.get(self.route.parent or "")
        if record is None or (parent and record.parent_id not in (None, parent)):
            raise Refused(404, NOT_FOUND)
        return record

    def live_record(self, ids: dict[str, int]) -> Record:
        record = self.record(ids)
        if not record.live:
            raise Refused(404, NOT_FOUND)
        return record

    def parent_of_call(self, ids: dict[str, int]) -> int | None:
        """The parent that the path or a required parameter names. Raises: Refused with 404 when the path's does not exist."""
        parent = ids.get(self.route.parent or "")
        kind = PARENTS.get(self.row.name)
        if parent and kind and not any(self.world.shelves.find(kind, parent, scope) for scope in self.scopes(parent)):
            raise Refused(404, NOT_FOUND)
        named = next((name for name in self.route.required if name not in ("company_id", "project_id")), None)
        if named:
            text = request.args.get(named, "")
            parent = int(text) if text.isdigit() else -1
        return parent

    def scopes(self, parent: int | None) -> list[int]:
        """The projects or the company whose records the call is about."""
        if not self.row.of_project or g.project_id is not None:
            return [self.scope_id()]
        permitted = [one.id for one in self.world.projects(g.company_id) if not self.world.refusal(one.id)]
        return permitted if parent or "{company_id}" in self.route.path else [self.scope_id()]

    def records(self, parent: int | None) -> Iterator[Record]:
        for scope_id in self.scopes(parent):
            for record in (one for name in self.resources for one in self.world.shelves.of(name, scope_id)):
                if parent is None or record.parent_id in (None, parent):
                    yield record


def missing(name: str) -> Refused:
    return Refused(400, {"errors": [f"param is missing or the value is empty: {name}"]})
