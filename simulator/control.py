"""The controls under /_sim/: what a test or a demonstration turns. Procore has nothing of the kind."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.faults import FAULTS, Fault, FaultRefused
from simulator.hooks import Hook
from simulator.records import Json, Record
from simulator.table import Row, row_named
from simulator.webhooks import delivery_shown
from simulator.world import World

_VERBS = ("create", "update", "delete")
_MOST = 20_000


class _Nonsense(ValueError):
    """The body of a control makes no sense; the text says what to send."""


def controls(world: World) -> Blueprint:
    page = Blueprint("controls", __name__, url_prefix="/_sim")

    @page.errorhandler(_Nonsense)
    @page.errorhandler(FaultRefused)
    def nonsense(problem: Exception) -> tuple[Response, int]:
        return jsonify(error=str(problem)), 400

    @page.get("/state")
    def state() -> Response:
        return jsonify(_state(world))

    @page.post("/change")
    def change() -> Response:
        return jsonify(ids=_change(world, _body()))

    @page.post("/burst")
    def burst() -> Response:
        return jsonify(ids=_change(world, {"verb": "update", "count": 100, **_body()}))

    @page.get("/calls")
    def calls() -> Response:
        return jsonify(world.calls.listed())

    @page.delete("/calls")
    def forget_calls() -> Response:
        world.calls.forget()
        return jsonify(ok=True)

    @page.post("/faults")
    def add_fault() -> Response:
        fault = world.faults.add(_body())
        _at_once(world, fault)
        return jsonify(fault.describe())

    @page.get("/faults")
    def faults() -> Response:
        known = [{"name": name, "what": what, "fields": fields} for name, (what, fields) in FAULTS.items()]
        return jsonify(active=[fault.describe() for fault in world.faults.active()], known=known)

    @page.delete("/faults")
    @page.delete("/faults/<name>")
    def clear_faults(name: str | None = None) -> Response:
        world.faults.clear(name or request.args.get("name"))
        world.sender.wake()
        return jsonify(ok=True)

    @page.get("/deliveries")
    def deliveries() -> Response:
        return jsonify([one for hook in world.hooks.all() for one in _deliveries(world, hook)])

    @page.post("/limits/refill")
    def refill() -> Response:
        world.limits.refill()
        return jsonify(ok=True)

    return page


def _body() -> Json:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise _Nonsense('Send a JSON object, for example {"resource": "RFIs", "verb": "update"}.')
    return body


def _state(world: World) -> Json:
    return {
        "client_id": world.tokens.client_id,
        "client_secret": world.tokens.client_secret,
        "seed": world.seed,
        "profile": world.profile,
        "companies": [
            {
                "id": number,
                "name": body["name"],
                "installed": world.installed(number),
                "projects": [_project(world, record) for record in world.projects(number)],
            }
            for number, body in world.companies.items()
        ],
        "counts": dict(world.shelves.counts()),
        "hooks": [_hook(world, hook) for hook in world.hooks.all()],
        "sinks": world.sinks.names(),
    }


def _project(world: World, record: Record) -> Json:
    return {"id": record.id, "name": record.body["name"], "permitted": world.refusal(record.id) is None}


def _hook(world: World, hook: Hook) -> Json:
    return {
        "id": hook.id,
        "company_id": hook.scope.company_id,
        "project_id": hook.scope.project_id,
        "namespace": hook.namespace,
        "destination_url": hook.destination_url,
        "payload_version": hook.payload_version,
        "status": hook.status,
        "triggers": [{"resource_name": t.resource, "event_type": t.verb} for t in hook.triggers.values()],
        "waiting": world.sender.waiting(hook),
    }


def _deliveries(world: World, hook: Hook) -> list[Json]:
    return [
        {
            "hook_id": hook.id,
            "resource": delivery.event.resource,
            "verb": delivery.event.verb,
            "resource_id": delivery.event.resource_id,
            "event_id": delivery.event.id,
            "ulid": delivery.event.ulid,
            **delivery_shown(delivery),
            "attempts": len(delivery.attempts),
        }
        for delivery in world.sender.log(hook)
    ]


def _at_once(world: World, fault: Fault) -> None:
    if fault.name == "secret_reset":
        world.reset_secret()
    elif fault.name == "token_revoked":
        world.tokens.revoke_all()
        if fault.until is None and fault.left is None:
            world.faults.clear("token_revoked")
    elif fault.name == "hooks_deleted":
        wanted = fault.settings
        for hook in world.hooks.all():
            of_company = wanted["company_id"] in (None, hook.scope.company_id)
            if of_company and wanted["project_id"] in (None, hook.scope.project_id):
                world.drop_hook(hook)


def _change(world: World, wish: Json) -> list[int]:
    row, verb, count = _resource(wish), wish.get("verb"), wish.get("count", 1)
    if verb not in _VERBS:
        raise _Nonsense(f"verb is create, update or delete, not {verb!r}.")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST:
        raise _Nonsense(f"count is a whole number from 1 to {_MOST}, not {count!r}.")
    fields = wish.get("fields") or {}
    if not isinstance(fields, dict):
        raise _Nonsense("fields is an object of names and values.")
    scope_id = _scope(world, row, wish)
    actor = world.person(scope_id)
    if verb == "create":
        return [world.create(row, scope_id, fields, actor).id for _ in range(count)]
    records = _records(world, row, scope_id, wish, count)
    for record in records:
        if verb == "delete":
            world.delete(record, actor)
        else:
            world.update(record, fields or _touch(record.body), actor)
    return [record.id for record in records]


def _resource(wish: Json) -> Row:
    row = row_named(wish.get("resource"))
    if row is None:
        raise _Nonsense(f"There is no resource {wish.get('resource')!r}. Name one as webhooks do, for example RFIs.")
    return row


def _whole(wish: Json, name: str) -> int | None:
    value = wish.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isdigit():
        raise _Nonsense(f"{name} is a whole number, not {value!r}.")
    return int(value)


def _scope(world: World, row: Row, wish: Json) -> int:
    """The project or company to change in: the one given, else the first that is permitted."""
    project_id, company_id = _whole(wish, "project_id"), _whole(wish, "company_id")
    if company_id is not None and company_id not in world.companies:
        raise _Nonsense(f"There is no company {company_id}. See GET /_sim/state.")
    if project_id is not None and (project := world.project(project_id)) is None:
        raise _Nonsense(f"There is no project {project_id}. See GET /_sim/state.")
    if not row.of_project:
        return company_id or (project.company_id if project_id and project else next(iter(world.companies)))
    if project_id is not None:
        return project_id
    companies = [company_id] if company_id else list(world.companies)
    own = _owner(world, row, _whole(wish, "id"))
    permitted = [p.id for c in companies for p in world.projects(c) if world.refusal(p.id) is None]
    if not (own or permitted):
        raise _Nonsense("No project is permitted. Give project_id.")
    return own or permitted[0]


def _owner(world: World, row: Row, record_id: int | None) -> int | None:
    found = world.shelves.find(row.name, record_id) if record_id else None
    return found.project_id if found else None


def _records(world: World, row: Row, scope_id: int, wish: Json, count: int) -> list[Record]:
    record_id = _whole(wish, "id")
    if record_id is None:
        return world.some(row, scope_id, count)
    record = world.shelves.find(row.name, record_id, scope_id)
    if record is None or not record.live:
        raise _Nonsense(f"There is no {row.name} record {record_id} there. See the list of the resource.")
    return [record]


def _touch(body: Json) -> Json:
    """A change that a reader can see, for an update that names none."""
    due: Any = body.get("due_date")
    if isinstance(due, str):
        return {"due_date": (date.fromisoformat(due[:10]) + timedelta(days=1)).isoformat()}
    for name in ("description", "notes", "overview", "job_title"):
        if isinstance(body.get(name), str):
            return {name: _next_edition(body[name])}
    return {}


def _next_edition(text: str) -> str:
    head, mark, number = text.rpartition(" (edit ")
    if not mark:
        return f"{text} (edit 1)".strip()
    return f"{head}{mark}{int(number.rstrip(')') or 0) + 1})"
