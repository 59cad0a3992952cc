"""The v1.0 webhook endpoints, over the same hooks as v2.0. Deprecated, and still what the tutorial teaches.

The scope is `company_id` or `project_id`, one of the two, in the query or in the body; answers are bare, ids are
numbers, verbs come back in upper case, a hook has neither status nor times, and no list is paged.
Source: Procore documentation and REST reference, webhooks v1.0.
"""

from __future__ import annotations

from typing import Any

from flask import Response, g, request

from simulator.answers import Refused, answer, body_of_call
from simulator.deliveries import Delivery
from simulator.hooks import VERSIONS, Hook, HookRefused, Scope, Trigger, offered
from simulator.records import Json
from simulator.routing import Router, View
from simulator.webhooks_bodies import bulk, refusal
from simulator.world import World

_ROOT = "/rest/v1.0/webhooks"
_SPELLED = {"payload_version": "api_version"}
_OUTCOMES = {"delivered": "ok", "retrying": "retried", "failed": "failed", "discarded": "discarded"}
_FILTERS = {
    "any": ("delivered", "retrying", "failed", "discarded"),
    "successful": ("delivered",),
    "failing": ("retrying", "failed"),
    "discarded": ("discarded",),
}
_HISTORIC_NAMESPACE = "procore"
_SCOPE = ("company_id", "project_id")


def install(router: Router, world: World) -> None:
    at = _WebhooksV1(world)
    hook = "/hooks/{hook_id}"
    table: dict[str, dict[str, View]] = {
        "/hooks": {"GET": at.list_hooks, "POST": at.create_hook},
        hook: {"PATCH": at.update_hook, "DELETE": at.delete_hook},
        hook + "/triggers": {"GET": at.list_triggers, "POST": at.create_trigger},
        hook + "/triggers/{id}": {"DELETE": at.delete_trigger},
        hook + "/triggers/bulk": {"POST": at.create_triggers, "DELETE": at.delete_triggers},
        hook + "/deliveries": {"GET": at.list_deliveries},
        "/resources": {"GET": at.list_resources},
        "/resources/api_versions": {"GET": at.list_versions},
    }
    for path, verbs in table.items():
        router.add(_ROOT + path, verbs)


class _WebhooksV1:
    def __init__(self, world: World) -> None:
        self.world = world

    def list_hooks(self) -> Response:
        hooks, version = self.world.hooks.of(_scope()), request.args.get("api_version")
        namespace = request.args.get("namespace", _HISTORIC_NAMESPACE)
        return answer(
            [
                self._hook(hook)
                for hook in hooks
                if namespace in ("*", hook.namespace) and VERSIONS.get(version or "") in (None, hook.payload_version)
            ]
        )

    def create_hook(self) -> Response:
        try:
            hook = self.world.hooks.create(_scope(), _wish("hook"))
        except HookRefused as problem:
            raise refusal(problem, _SPELLED) from None
        return answer(self._hook(hook), 201)

    def update_hook(self, hook_id: int) -> Response:
        hook = self._find(hook_id)
        # This API knows no status, so it can neither disable a hook nor bring one back.
        wish = {name: value for name, value in _wish("hook").items() if name != "status"}
        try:
            self.world.hooks.change(hook, wish)
        except HookRefused as problem:
            raise refusal(problem, _SPELLED) from None
        self.world.sender.send_now(hook)
        return answer(self._hook(hook))

    def delete_hook(self, hook_id: int) -> Response:
        self.world.drop_hook(self._find(hook_id))
        return Response(status=200)

    def list_triggers(self, hook_id: int) -> Response:
        hook = self._find(hook_id)
        return answer([self._trigger(hook, trigger) for trigger in list(hook.triggers.values())])

    def create_trigger(self, hook_id: int) -> Response:
        hook = self._find(hook_id)
        try:
            trigger = self.world.hooks.add_trigger(hook, _wish("trigger"))
        except HookRefused as problem:
            raise refusal(problem) from None
        return answer(self._trigger(hook, trigger), 201)

    def delete_trigger(self, hook_id: int, id: int) -> Response:
        if self._find(hook_id).triggers.pop(id, None) is None:
            raise Refused(404, {"errors": ["Not Found"]})
        return Response(status=200)

    def create_triggers(self, hook_id: int) -> Response:
        hook = self._find(hook_id)
        made, failed = [], []
        for wish in bulk():
            try:
                made.append(self._trigger(hook, self.world.hooks.add_trigger(hook, wish)))
            except HookRefused as problem:
                errors = {name: texts[0] for name, texts in problem.errors.items()}
                failed.append({"code": "400", "message": "Bad Request", "trigger": wish, "errors": errors})
        return _mixed(made, failed)

    def delete_triggers(self, hook_id: int) -> Response:
        hook = self._find(hook_id)
        gone: list[int] = []
        failed = []
        for wish in bulk("ids", "trigger_ids"):
            number = wish.get("id") if isinstance(wish, dict) else wish
            if str(number).isdecimal() and hook.triggers.pop(int(str(number)), None) is not None:
                gone.append(int(str(number)))
            else:
                failed.append({"code": "403", "trigger": number})
        return _mixed(gone, failed)

    def list_deliveries(self, hook_id: int) -> Response:
        log = self.world.sender.log(self._find(hook_id))
        if not log:
            raise Refused(404, {"errors": ["Not Found"]})
        wanted = request.args.get("filter[status]") or request.args.get("filters[status]") or "any"
        if wanted not in _FILTERS:
            raise Refused(400, {"errors": {"filters[status]": ["is not included in the list"]}})
        size, start = _whole("page_size", 100), _whole("page_start", 0)
        kept = [one for one in log if one.status in _FILTERS[wanted] and one.id > start]
        return answer([_delivery(one) for one in kept[: max(1, size)]])

    def list_resources(self) -> Response:
        version = VERSIONS.get(request.args.get("api_version", "v2"))
        if version is None:
            raise Refused(400, {"errors": {"api_version": ["is not included in the list"]}})
        return answer(
            [
                {
                    "api_version": _spelled(version),
                    "product_category": one.category,
                    "tools": one.name,
                    "except": [verb for verb in ("create", "update", "delete") if verb not in one.verbs],
                    **dict.fromkeys(("create", "update", "delete")),
                }
                for one in offered(_scope(), version)
            ]
        )

    def list_versions(self) -> Response:
        _scope()
        return answer(sorted({_spelled(version) for version in VERSIONS.values()}))

    def _find(self, hook_id: int) -> Hook:
        hook = self.world.hooks.get(_scope(), hook_id)
        if hook is None:
            raise Refused(404, {"errors": ["Not Found"]})
        return hook

    def _hook(self, hook: Hook) -> Json:
        company = hook.scope.project_id is None
        return {
            "id": hook.id,
            "api_version": _spelled(hook.payload_version),
            "destination_headers": hook.masked_headers(),
            "destination_url": hook.destination_url,
            "owned_by_company_id": hook.scope.company_id if company else None,
            "owned_by_project_id": hook.scope.project_id,
            "owned_by_user_id": self.world.user_id,
            "namespace": hook.namespace,
        }

    def _trigger(self, hook: Hook, trigger: Trigger) -> Json:
        return {
            "id": trigger.id,
            "webhook_hook_id": hook.id,
            "resource_name": trigger.resource,
            "resource_id": None,
            "event_type": trigger.verb.upper(),
            "company_id": hook.scope.company_id if hook.scope.project_id is None else None,
            "project_id": hook.scope.project_id,
            "user_id": self.world.user_id,
        }


def _scope() -> Scope:
    """The one of company and project that the call names. The header does not count."""
    body = request.get_json(silent=True) if request.is_json else None
    told = {name: request.args.get(name) or (body.get(name) if isinstance(body, dict) else None) for name in _SCOPE}
    named = [name for name in _SCOPE if told[name]]
    if len(named) != 1:
        problem = "param is missing or the value is empty: company_id or project_id"
        raise Refused(400, {"errors": ["Give company_id or project_id, not both" if named else problem]})
    return Scope(g.company_id, g.project_id)


def _wish(word: str) -> Json:
    """What stands under the word, in the words of v2.0."""
    inner = body_of_call().get(word)
    if not isinstance(inner, dict):
        raise Refused(400, {"errors": [f"param is missing or the value is empty: {word}"]})
    found: Json = {"payload_version" if name == "api_version" else name: value for name, value in inner.items()}
    return found


def _mixed(done: list[Any], failed: list[Json]) -> Response:
    return answer({"success": done} | ({"failed": failed} if failed else {}), 207 if failed else 200)


def _delivery(one: Delivery) -> Json:
    """A delivery with the answer to its last attempt; one of a discarded queue may have had none."""
    last = one.attempts[-1] if one.attempts else None
    return {
        "id": one.id,
        "event_id": one.event.id,
        "outcome": _OUTCOMES[one.status],
        "started_at": last.started_at if last else None,
        "completed_at": last.completed_at if last else None,
        "response_status": last.response_status if last else None,
        "response_headers": last.response_headers if last else {},
        "response_body": last.response_body if last else None,
        "response_error": last.error if last else None,
        "event": one.payload,
    }


def _whole(name: str, default: int) -> int:
    text = request.args.get(name) or str(default)
    if not text.isdecimal():
        raise Refused(400, {"errors": [f"{name} is invalid"]})
    return int(text)


def _spelled(version: str) -> str:
    """`v2` for v2.0, as this API writes it."""
    return version.removesuffix(".0")
