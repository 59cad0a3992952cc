"""The v2.0 webhook endpoints, for a company and for a project. Source: Procore REST reference, webhooks."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Response, g, request

from simulator.answers import Refused, answer, body_of_call
from simulator.deliveries import Attempt, Delivery
from simulator.hooks import VERSIONS, Hook, HookRefused, Scope, Trigger, offered
from simulator.paging import page_of
from simulator.records import Json
from simulator.routing import Router, View
from simulator.webhooks_bodies import bulk, refusal
from simulator.world import World

_PREFIXES = (
    "/rest/v2.0/companies/{company_id}",
    "/rest/v2.0/companies/{company_id}/projects/{project_id}",
)
_NOT_FOUND: Json = {"error": {"code": "NOT_FOUND", "message": "Not Found", "details": []}}
_STATUSES = {"succeeded": "delivered", "failed": "failed", "discarded": "discarded", "enqueued": "enqueued"}
_STATUSES |= {"retrying": "retrying"}
"""What `filter[status]` asks for, and the status that such a delivery shows."""


def install(router: Router, world: World) -> None:
    at = _Webhooks(world)
    hook, triggers = "/webhooks/hooks/{hook_id}", "/webhooks/hooks/{hook_id}/triggers"
    table: dict[str, dict[str, View]] = {
        "/webhooks/hooks": {"GET": at.list_hooks, "POST": at.create_hook},
        hook: {"GET": at.show_hook, "PATCH": at.update_hook, "DELETE": at.delete_hook},
        triggers: {"GET": at.list_triggers, "POST": at.create_trigger},
        triggers + "/{id}": {"DELETE": at.delete_trigger},
        triggers + "/bulk": {"POST": at.create_triggers, "DELETE": at.delete_triggers},
        hook + "/deliveries": {"GET": at.list_deliveries},
        "/webhooks/resources": {"GET": at.list_resources},
    }
    for prefix in _PREFIXES:
        for path, verbs in table.items():
            router.add(prefix + path, verbs)


class _Webhooks:
    def __init__(self, world: World) -> None:
        self.world = world

    def list_hooks(self, company_id: int, project_id: int | None = None) -> Response:
        namespace = request.args.get("namespace")
        if namespace is None and project_id is None:
            raise Refused(400, {"errors": ["param is missing or the value is empty: namespace"]})
        version = request.args.get("payload_version")
        wanted = VERSIONS.get(version, version) if version else None
        hooks = [
            hook
            for hook in self.world.hooks.of(Scope(company_id, project_id))
            if namespace in (None, hook.namespace) and wanted in (None, hook.payload_version)
        ]
        counted = request.args.get("include_trigger_count", "").lower() in ("true", "1")
        return _paged([_hook(hook, counted) for hook in hooks])

    def create_hook(self, company_id: int, project_id: int | None = None) -> Response:
        try:
            hook = self.world.hooks.create(Scope(company_id, project_id), body_of_call())
        except HookRefused as problem:
            raise refusal(problem) from None
        return answer({"data": _hook(hook)}, 201)

    def show_hook(self, hook_id: int, **scope: int) -> Response:
        return answer({"data": _hook(self._find(hook_id))})

    def update_hook(self, hook_id: int, **scope: int) -> Response:
        hook = self._find(hook_id)
        try:
            self.world.hooks.change(hook, body_of_call())
        except HookRefused as problem:
            raise refusal(problem) from None
        self.world.sender.send_now(hook)
        return answer({"data": _hook(hook)})

    def delete_hook(self, hook_id: int, **scope: int) -> Response:
        self.world.drop_hook(self._find(hook_id))
        return Response(status=204)

    def list_triggers(self, hook_id: int, **scope: int) -> Response:
        hook = self._find(hook_id)
        return _paged([_trigger(hook, trigger) for trigger in hook.triggers.values()])

    def create_trigger(self, hook_id: int, **scope: int) -> Response:
        hook = self._find(hook_id)
        try:
            trigger = self.world.hooks.add_trigger(hook, body_of_call())
        except HookRefused as problem:
            raise refusal(problem) from None
        return answer({"data": _trigger(hook, trigger)}, 201)

    def delete_trigger(self, hook_id: int, id: int, **scope: int) -> Response:
        if self._find(hook_id).triggers.pop(id, None) is None:
            raise Refused(404, _NOT_FOUND)
        return Response(status=204)

    def create_triggers(self, hook_id: int, **scope: int) -> Response:
        hook = self._find(hook_id)
        made, failed = [], []
        for wish in bulk():
            try:
                made.append(_trigger(hook, self.world.hooks.add_trigger(hook, wish)))
            except HookRefused as problem:
                failed.append({"code": "400", "message": "Bad Request", "trigger": wish, "errors": problem.errors})
        if failed:
            return answer({"data": {"succeeded": made, "failed": failed}}, 207)
        return answer({"data": made}, 201)

    def delete_triggers(self, hook_id: int, **scope: int) -> Response:
        hook = self._find(hook_id)
        ids = [str(number) for number in bulk()]
        gone = [text for text in ids if text.isdigit() and hook.triggers.pop(int(text), None) is not None]
        failed = [{"code": "404", "trigger": number} for number in ids if number not in gone]
        found: Json = {"succeeded": gone} | ({"failed": failed} if failed else {})
        return answer({"data": found}, 207 if failed else 200)

    def list_deliveries(self, hook_id: int, **scope: int) -> Response:
        log = self.world.sender.log(self._find(hook_id))
        if not log:
            raise Refused(404, _NOT_FOUND)
        wanted = _Wanted()
        kept = [delivery for delivery in log if wanted.has(delivery)]
        if request.args.get("sort", "").startswith("-"):
            kept.reverse()
        return _paged([delivery_shown(delivery) for delivery in kept])

    def list_resources(self, company_id: int, project_id: int | None = None) -> Response:
        version = request.args.get("payload_version", "")
        if version not in VERSIONS:
            raise Refused(400, {"errors": {"payload_version": ["can't be blank" if not version else "is invalid"]}})
        return _paged(
            [
                {
                    "category": one.category,
                    "tool": one.tool,
                    "name": one.name,
                    "payload_version": VERSIONS[version],
                    "actions": list(one.verbs),
                }
                for one in offered(Scope(company_id, project_id), VERSIONS[version])
            ]
        )

    def _find(self, hook_id: int) -> Hook:
        hook = self.world.hooks.get(Scope(g.company_id, g.ids.get("project_id")), hook_id)
        if hook is None:
            raise Refused(404, _NOT_FOUND)
        return hook


def _hook(hook: Hook, counted: bool = True) -> Json:
    shown: Json = {
        "id": str(hook.id),
        "status": hook.status,
        "payload_version": hook.payload_version,
        "namespace": hook.namespace,
        "destination_headers": hook.masked_headers(),
        "destination_url": hook.destination_url,
        **({"trigger_count": len(hook.triggers)} if counted else {}),
        **_owner(hook),
        "created_at": hook.created_at,
        "updated_at": hook.updated_at,
        "hook_type": "classic",
    }
    return shown


def _owner(hook: Hook) -> Json:
    project_id = hook.scope.project_id
    return {
        "company_id": str(hook.scope.company_id) if project_id is None else None,
        "project_id": None if project_id is None else str(project_id),
    }


def _trigger(hook: Hook, trigger: Trigger) -> Json:
    return {
        "id": str(trigger.id),
        "webhook_hook_id": str(hook.id),
        "resource_name": trigger.resource,
        "event_type": trigger.verb.upper(),
        **_owner(hook),
    }


def delivery_shown(delivery: Delivery) -> Json:
    return {
        "id": str(delivery.id),
        "status": delivery.status,
        "payload": delivery.payload,
        "delivery_attempts": [_attempt(attempt) for attempt in delivery.attempts],
    }


def _attempt(attempt: Attempt) -> Json:
    return {
        "id": str(attempt.id),
        "success": attempt.success,
        "response_status": attempt.response_status,
        "response_body": attempt.response_body,
        "response_headers": attempt.response_headers,
        "response_error": attempt.error,
        "started_at": attempt.started_at,
        "completed_at": attempt.completed_at,
    }


class _Wanted:
    """The filters of a delivery list: `filter[…]` here, not `filters[…]` as elsewhere."""

    def __init__(self) -> None:
        status = _filter("status")
        if status is not None and status not in _STATUSES:
            raise Refused(400, {"errors": {"filter[status]": ["is not included in the list"]}})
        self.status = _STATUSES[status] if status else None
        self.resource, self.verb = _filter("resource_name"), (_filter("event_type") or "").lower()
        self.start, self.end = _day("start"), _day("end")

    def has(self, delivery: Delivery) -> bool:
        event, day = delivery.event, delivery.event_day
        return (
            self.status in (None, delivery.status)
            and self.resource in (None, event.resource)
            and self.verb in ("", event.verb)
            and (self.start or day) <= day <= (self.end or day)
        )


def _filter(name: str) -> str | None:
    return request.args.get(f"filter[{name}]")


def _day(name: str) -> str | None:
    text = _filter(name)
    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError:
        raise Refused(400, {"errors": {f"filter[{name}]": ["is no date of the form yyyy-mm-dd"]}}) from None


def _paged(items: list[Any]) -> Response:
    page = page_of(len(items), 10, 100)
    return answer({"data": page.cut(items)}, 200, page.headers())
