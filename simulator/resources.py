"""The resource endpoints: every row of the table becomes lists, shows and writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, g, request

from simulator import views
from simulator.answers import Refused, answer, body_of_call
from simulator.listing import chosen, of_days
from simulator.paging import page_of
from simulator.records import Json, Record, Snapshot
from simulator.routing import Router, View
from simulator.stamps import day_in
from simulator.table import ROWS, Route, Row
from simulator.world import Actor, World

_TITLES = ("subject", "title", "name")


def install(router: Router, world: World) -> None:
    """Add the paths of every row, then the pages that are no resource."""
    for row in ROWS.values():
        for route in row.routes:
            router.add(route.path, _Endpoint(world, row, route).views, row)
    pages = _Pages(world)
    router.add("/rest/v1.0/me", {"GET": pages.me})
    router.add("/rest/v1.0/companies", {"GET": pages.companies})
    router.add("/rest/v1.0/company_base_url", {"GET": pages.company_base_url})


class _Endpoint:
    """One path of one resource."""

    def __init__(self, world: World, row: Row, route: Route) -> None:
        self.world, self.row, self.route = world, row, route
        self.views: dict[str, View] = {"GET": self.listed}
        if route.kind == "list":
            self.views["POST"] = self.create
        if route.kind == "show":
            self.views = {"GET": self.show, "PATCH": self.update, "PUT": self.update, "DELETE": self.delete}

    def listed(self, **ids: int) -> Response:
        self._check_required()
        bodies = chosen(self.row, self._snapshots(ids), request.args, self.route.version)
        if "L" in self.row.options:
            bodies = of_days(bodies, request.args, self._today())
        page = page_of(len(bodies), *self._page_sizes())
        if "no-paging" not in self.row.options:
            bodies = page.cut(bodies)
        view = request.args.get("view") or request.args.get("serializer_view")
        items: Any = [views.shown(self.row, self.route, body, view) for body in bodies]
        items = views.grouped(self.row, items, self.route)
        headers = {} if "no-paging" in self.row.options else page.headers()
        return answer({"data": items} if self._enveloped else items, 200, headers)

    def show(self, **ids: int) -> Response:
        record = self._record(ids)
        seen = self.world.visible(record)
        if seen is None or seen.deleted:
            raise Refused(404, {"errors": ["Not Found"]})
        return self._one(seen.body, 200)

    def create(self, **ids: int) -> Response:
        fields = self._fields()
        scope_id = self._scope_id()
        title = next((name for name in _TITLES if name in fields), None)
        if title and not str(fields[title] or "").strip():
            raise Refused(422, {"errors": {title: ["can't be blank"]}})
        record = self.world.create(self.row, scope_id, fields, self._actor(), ids.get(self.route.parent or ""))
        return self._one(record.body, 201)

    def update(self, **ids: int) -> Response:
        record = self._record(ids)
        if not record.live:
            raise Refused(404, {"errors": ["Not Found"]})
        self.world.update(record, self._fields(), self._actor())
        return self._one(record.body, 200)

    def delete(self, **ids: int) -> Response:
        record = self._record(ids)
        if not record.live:
            raise Refused(404, {"errors": ["Not Found"]})
        self.world.delete(record, self._actor())
        return Response(status=204)

    @property
    def _enveloped(self) -> bool:
        return self.route.version.startswith("v2")

    def _one(self, body: Json, status: int) -> Response:
        route = self.route if self.route.kind == "show" else Route("show", self.route.path, ())
        shown = views.shown(self.row, route, body, None)
        return answer({"data": shown} if self._enveloped else shown, status)

    def _fields(self) -> Json:
        body = body_of_call()
        inner = body.get(self.row.word)
        fields = inner if isinstance(inner, dict) else body
        return {key: value for key, value in fields.items() if key not in ("id", "project_id", "company_id")}

    def _actor(self) -> Actor:
        operation = request.headers.get("Idempotency-Token")
        return Actor(self.world.user_id, self.world.tokens.client_id, operation)

    def _check_required(self) -> None:
        for name in self.route.required:
            known = {"project_id": g.project_id, "company_id": g.company_id}.get(name) or request.args.get(name)
            if not known:
                raise Refused(400, {"errors": [f"param is missing or the value is empty: {name}"]})

    def _scope_id(self) -> int:
        found: int | None = g.project_id if self.row.of_project else g.company_id
        if found is None:
            raise Refused(400, {"errors": ["param is missing or the value is empty: project_id"]})
        return found

    def _record(self, ids: dict[str, int]) -> Record:
        own_id = ids[self.route.own_id or "id"]
        record = self.world.shelves.find(self.row.name, own_id, self._scope_id_of_show(own_id))
        parent = ids.get(self.route.parent or "")
        if record is None or (parent and record.parent_id not in (None, parent)):
            raise Refused(404, {"errors": ["Not Found"]})
        return record

    def _scope_id_of_show(self, own_id: int) -> int:
        return int(g.company_id) if self.row.name == "Projects" else self._scope_id()

    def _records(self, ids: dict[str, int]) -> Iterator[Record]:
        parent = ids.get(self.route.parent or "")
        if "contract_id" in self.route.required:
            parent = int(request.args["contract_id"]) if request.args["contract_id"].isdigit() else -1
        for scope_id in self._scopes(parent):
            for record in self.world.shelves.of(self.row.name, scope_id):
                if parent is None or record.parent_id in (None, parent):
                    yield record

    def _scopes(self, parent: int | None) -> list[int]:
        if not self.row.of_project or g.project_id is not None:
            return [self._scope_id()]
        permitted = [one.id for one in self.world.projects(g.company_id) if not self.world.refusal(one.id)]
        return permitted if parent or "{company_id}" in self.route.path else [self._scope_id()]

    def _snapshots(self, ids: dict[str, int]) -> Iterator[Snapshot]:
        in_bin = self.route.kind == "bin"
        for record in self._records(ids):
            seen = self.world.visible(record)
            if seen is None or (self.row.name == "Projects" and self.world.refusal(record.id)):
                continue
            if self.row.name == "Company Users" and seen.body["is_active"] == (self.route.kind == "inactive"):
                continue
            if in_bin and seen.deleted:
                yield Snapshot(seen.body)
            elif not in_bin:
                yield seen

    def _today(self) -> str:
        project = self.world.project(g.project_id) if g.project_id else None
        zone = str(project.body["time_zone"]) if project else "UTC"
        return day_in(zone, self.world.clock()).date().isoformat()

    def _page_sizes(self) -> tuple[int, int]:
        if self._enveloped:
            return 10, 100
        if self.row.name == "Projects" and request.args.get("view") == "ids":
            return self.row.page_default, 200_000
        if self.row.name == "Meeting Topics" and request.args.get("per_page", "") >= "100":
            raise Refused(500, {"errors": "Internal Server Error"})
        return self.row.page_default, self.row.page_max


class _Pages:
    """Pages that are no resource."""

    def __init__(self, world: World) -> None:
        self.world = world

    def me(self) -> Response:
        body: Json = {"id": self.world.user_id, "login": f"sync-{self.world.tokens.client_id[:8]}@procore.com"}
        if g.company_id or g.project_id:
            body["name"] = "Sync Service"
        return answer(body)

    def companies(self) -> Response:
        bodies = [body for number, body in self.world.companies.items() if self.world.installed(number)]
        page = page_of(len(bodies), 100, 10_000)
        return answer(page.cut(bodies), 200, page.headers())

    def company_base_url(self) -> Response:
        return answer({"zone": "us02", "web_base_url": "https://us02.procore.com"})
