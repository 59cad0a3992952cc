"""The controls under /_sim/: what a test or a demonstration turns. Procore has nothing of the kind."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from simulator import changes, story, wishes
from simulator.faultnames import FAULTS, FaultRefused, common
from simulator.faults import Fault
from simulator.hooks import Hook
from simulator.limits import BODIES
from simulator.records import Json, Record
from simulator.webhooks import delivery_shown
from simulator.wishes import Nonsense
from simulator.world import World


def controls(world: World) -> Blueprint:
    page = Blueprint("controls", __name__, url_prefix="/_sim")
    page.register_error_handler(Nonsense, _nonsense)
    page.register_error_handler(FaultRefused, _nonsense)
    for install in (_records, _faults, _watching, _limits, story.install):
        install(page, world)
    return page


def _nonsense(problem: Exception) -> tuple[Response, int]:
    return jsonify(error=str(problem)), 400


def _records(page: Blueprint, world: World) -> None:
    @page.post("/change")
    def change() -> Response:
        return jsonify(ids=changes.change(world, wishes.body(*changes.FIELDS)))

    @page.post("/burst")
    def burst() -> Response:
        return jsonify(ids=changes.change(world, {"verb": "update", "count": 100, **wishes.body(*changes.FIELDS)}))

    @page.post("/fanout")
    def fanout() -> Response:
        return jsonify(changes.fan_out(world, wishes.body(*changes.FANOUT_FIELDS)))


def _faults(page: Blueprint, world: World) -> None:
    @page.post("/faults")
    def add_fault() -> Response:
        wish = request.get_json(force=True, silent=True)
        if not isinstance(wish, dict):
            raise Nonsense('Send a JSON object with the name of a fault, for example {"name": "slow", "seconds": 2}.')
        wishes.company(world, wish)
        wishes.project(world, wish)
        fault = world.faults.add(wish)
        _at_once(world, fault)
        return jsonify(fault.describe())

    @page.get("/faults")
    def faults() -> Response:
        known = [
            {"name": name, "what": kind.what, "fields": kind.fields, "common": common(kind)} for name, kind in FAULTS.items()
        ]
        return jsonify(active=[fault.describe() for fault in world.faults.active()], known=known)

    @page.delete("/faults")
    @page.delete("/faults/<name>")
    def clear_faults(name: str | None = None) -> Response:
        name = name or request.args.get("name")
        if name is not None and name not in FAULTS:
            raise Nonsense(f"There is no fault {name!r}. Use one of: {', '.join(FAULTS)}.")
        world.faults.clear(name, wishes.identity(request.args, "id"))
        return jsonify(ok=True)


def _watching(page: Blueprint, world: World) -> None:
    @page.get("/state")
    def state() -> Response:
        return jsonify(_state(world))

    @page.get("/calls")
    def calls() -> Response:
        return jsonify(world.calls.listed())

    @page.delete("/calls")
    def forget_calls() -> Response:
        world.calls.forget()
        return jsonify(ok=True)

    @page.get("/deliveries")
    def deliveries() -> Response:
        return jsonify([one for hook in world.hooks.all() for one in _deliveries(world, hook, request.args.get("status"))])


def _limits(page: Blueprint, world: World) -> None:
    @page.get("/limits")
    def limits() -> Response:
        return jsonify(world.limits.describe())

    @page.post("/limits")
    def set_limits() -> Response:
        wish, known = wishes.body("hourly", "spike", "retry_after", "body"), world.limits
        hourly = wishes.whole(wish, "hourly", known.hourly, most=10**9) or known.hourly
        spike = wishes.whole(wish, "spike", known.spike, most=10**9) or known.spike
        if "retry_after" in wish:
            known.retry_after = wishes.flag(wish, "retry_after")
        if "body" in wish:
            known.body = wishes.choice(wish, "body", tuple(BODIES))
        if (hourly, spike) != (known.hourly, known.spike):
            known.set(hourly, spike)
        return jsonify(known.describe())

    @page.delete("/limits")
    def forget_counts() -> Response:
        world.limits.forget()
        return jsonify(ok=True)

    @page.post("/limits/refill")
    def refill() -> Response:
        world.limits.refill()
        return jsonify(ok=True)


def _state(world: World) -> Json:
    return {
        "client_id": world.tokens.client_id,
        "client_secret": world.tokens.client_secret,
        "seed": world.seed,
        "profile": world.profile,
        "time_scale": world.sender.time_scale,
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
        "triggers": [{"resource_name": t.resource, "event_type": t.verb} for t in list(hook.triggers.values())],
        "waiting": world.sender.waiting(hook),
        "deliveries": world.sender.tally(hook),
    }


def _deliveries(world: World, hook: Hook, status: str | None) -> list[Json]:
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
        if status in (None, delivery.status)
    ]


def _at_once(world: World, fault: Fault) -> None:
    """What happens the moment the fault is set."""
    if fault.name == "secret_reset":
        world.reset_secret()
    elif fault.name == "token_revoked":
        world.tokens.revoke_all()
        if fault.until is None and fault.left is None:
            world.faults.clear(number=fault.id)
    elif fault.name == "hooks_deleted":
        for hook in _of_fault(world, fault):
            world.drop_hook(hook)
    elif fault.name == "hooks_disabled":
        for hook in _of_fault(world, fault):
            world.hooks.change(hook, {"status": "disabled"})
            world.sender.send_now(hook)


def _of_fault(world: World, fault: Fault) -> list[Hook]:
    company_id, project_id = fault.settings["company_id"], fault.settings["project_id"]
    return [
        hook
        for hook in world.hooks.all()
        if company_id in (None, hook.scope.company_id) and project_id in (None, hook.scope.project_id)
    ]
