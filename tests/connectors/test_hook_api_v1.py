import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import responses

from config.secrets import Secret
from connectors import catalogue, definition, hooks
from connectors.definition import Connector
from connectors.hook_api import Trigger, hook_api
from connectors.hook_api_v1 import HookApiV1
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls
from simulator.app import Running
from simulator.hooks import Hook, Scope
from simulator.table import ROWS
from tests.connectors.conftest import HOOK_SECRET, connector_to, procore_of
from tests.simulator.conftest import until

API = "https://api.procore.com/rest/v1.0/webhooks/hooks"
HOOK = {
    "id": 43593499,
    "api_version": "v2",
    "namespace": "tieback-acme",
    "destination_url": "https://t.example/1",
    "owned_by_project_id": 1,
}


def applied(procore: Procore, plan: hooks.Plan, secret: str = HOOK_SECRET) -> list[hooks.Done]:
    return list(hooks.apply(procore, plan.changes, lambda scope: Secret(secret)))


@pytest.fixture
def connector() -> Connector:
    config = {
        "format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "production", "client_id": "c", "company_id": "8",
        "webhooks": {"api": "v1.0", "payload_version": "v2.0"},
    }  # fmt: skip
    return definition.from_stored(config, {"client_secret": Secret("s")})


@pytest.fixture
def far() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post("https://login.procore.com/oauth/token", json={"access_token": "t", "expires_in": 5400})
        yield mock


def sent(far: responses.RequestsMock, method: str) -> list[tuple[str, Any]]:
    found = [call.request for call in far.calls if call.request.method == method and "webhooks" in str(call.request.url)]
    return [(str(one.url).removeprefix(API), json.loads(one.body) if one.body else None) for one in found]


def test_a_hook_and_its_triggers_are_spelled_the_older_way(far: responses.RequestsMock, connector: Connector) -> None:
    # Given a project without a hook
    far.get(API, json=[])
    far.post(API, json=HOOK, status=201)
    far.post(f"{API}/43593499/triggers/bulk", json={"success": []})
    far.get(API.removesuffix("hooks") + "resources", json=[{"tools": "RFIs", "except": ["delete"]}])
    one = procore_of(connector)
    # When two events are wanted there
    wanted = hooks.desired([("RFIs", "create"), ("RFIs", "update")], ["1"])
    done = applied(one, hooks.plan(one, wanted, lambda scope: "https://t.example/1"))
    # Then the scope stands in the bodies, as a number
    assert [(each.hook_id, each.error) for each in done] == [("43593499", None)]
    hook = {
        "api_version": "v2", "namespace": "tieback-acme", "destination_url": "https://t.example/1",
        "destination_headers": {"Authorization": HOOK_SECRET},
    }  # fmt: skip
    pairs = [{"resource_name": "RFIs", "event_type": verb} for verb in ("create", "update")]
    assert sent(far, "POST") == [
        ("", {"project_id": 1, "hook": hook}),
        ("/43593499/triggers/bulk", {"project_id": 1, "api_version": "v2", "triggers": pairs}),
    ]


def test_upper_case_verbs_are_what_is_there_already(far: responses.RequestsMock, connector: Connector) -> None:
    far.get(API, json=[HOOK])
    far.get(f"{API}/43593499/triggers", json=[{"id": 7, "resource_name": "RFIs", "event_type": "UPDATE"}])
    plan = hooks.plan(procore_of(connector), {"1": {("RFIs", "update")}}, lambda scope: "https://t.example/1", deletions=True)
    assert plan.changes == ()
    assert "project_id=1" in sent(far, "GET")[0][0]


def test_the_company_stands_in_the_query_of_a_deletion(far: responses.RequestsMock, connector: Connector) -> None:
    far.get(API, json=[HOOK])
    far.get(f"{API}/43593499/triggers", json=[])
    far.delete(f"{API}/43593499", status=200)
    one = procore_of(replace(connector))
    applied(one, hooks.plan(one, {"": ()}, lambda scope: "x", deletions=True))
    assert sent(far, "DELETE") == [("/43593499?company_id=8", None)]


# The same against a server that speaks the older API.


@pytest.fixture
def older(sim: Running, calls: MemoryCalls) -> Procore:
    made = connector_to(sim)
    return procore_of(replace(made, webhooks=replace(made.webhooks, api="v1.0", payload_version="v2.0")), calls=calls)


@pytest.fixture
def project(sim: Running) -> str:
    return str(sim.project_id)


def url_of(scope: str) -> str:
    return f"https://t.example/webhooks/{scope or 'company'}"


def kept(procore: Procore, wanted: hooks.Wanted, deletions: bool = False) -> list[hooks.Done]:
    """Plan and apply."""
    return applied(procore, hooks.plan(procore, wanted, url_of, deletions=deletions))


def only_hook(sim: Running, project_id: int | None = None) -> Hook:
    (hook,) = sim.world.hooks.of(Scope(sim.company_id, project_id))
    return hook


def triggers(hook: Hook) -> set[Trigger]:
    return {(one.resource, one.verb) for one in hook.triggers.values()}


def test_hooks_of_company_and_project_are_made_once(sim: Running, older: Procore, project: str) -> None:
    assert isinstance(hook_api(older), HookApiV1)
    wanted = hooks.desired([("RFIs", "create"), ("RFIs", "update"), ("Company Users", "update")], [project])
    assert [(one.scope, one.error, one.adopted) for one in kept(older, wanted)] == [("", None, False), (project, None, False)]
    hook = only_hook(sim, sim.project_id)
    assert (hook.destination_url, hook.namespace, hook.payload_version) == (url_of(project), "tieback-acme", "v2.0")
    assert hook.destination_headers == {"Authorization": HOOK_SECRET}
    assert triggers(hook) == {("RFIs", "create"), ("RFIs", "update")}
    assert triggers(only_hook(sim)) == {("Company Users", "update")}
    assert hooks.plan(older, wanted, url_of, deletions=True).changes == ()


def test_a_hook_of_the_older_api_is_the_same_hook_in_the_newer(sim: Running, older: Procore, project: str) -> None:
    wanted = hooks.desired([("RFIs", "update")], [project])
    kept(older, wanted)
    made = connector_to(sim)
    newer = procore_of(replace(made, webhooks=replace(made.webhooks, payload_version="v2.0")))
    assert hooks.plan(newer, wanted, url_of, deletions=True).changes == ()


@pytest.mark.parametrize(("configured", "held"), [("v2.0", "v2.0"), ("v3.0", "v3.0"), ("v4.0", "v4.0")])
def test_every_payload_version_can_be_had_and_is_no_drift(
    sim: Running, older: Procore, project: str, configured: str, held: str
) -> None:
    connector = older.connector
    one = procore_of(replace(connector, webhooks=replace(connector.webhooks, payload_version=configured)))
    wanted = hooks.desired([("RFIs", "update")], [project])
    assert [done.error for done in kept(one, wanted)] == [None]
    assert only_hook(sim, sim.project_id).payload_version == held
    assert hooks.plan(one, wanted, url_of).changes == ()


def test_a_hook_whose_namespace_is_taken_is_adopted(sim: Running, older: Procore, project: str) -> None:
    # Given a plan that was made while there was no hook
    wanted = hooks.desired([("RFIs", "create"), ("RFIs", "update")], [project])
    plan = hooks.plan(older, wanted, url_of)
    # When another hand makes the hook first
    wish = {"namespace": "tieback-acme", "payload_version": "v4.0", "destination_url": "https://old.example"}
    hook = sim.world.hooks.create(Scope(sim.company_id, sim.project_id), wish)
    sim.world.hooks.add_trigger(hook, {"resource_name": "RFIs", "event_type": "create"})
    done = applied(older, plan)
    # Then it becomes what the plan wanted
    assert [(one.adopted, one.error, one.hook_id) for one in done] == [(True, None, str(hook.id))]
    assert (hook.destination_url, hook.payload_version) == (url_of(project), "v2.0")
    assert triggers(hook) == {("RFIs", "create"), ("RFIs", "update")}


def test_drift_is_mended_and_what_nobody_wants_is_taken_away(sim: Running, older: Procore, project: str) -> None:
    kept(older, hooks.desired([("RFIs", "update"), ("Submittals", "update")], [project]))
    hook = only_hook(sim, sim.project_id)
    sim.world.hooks.change(hook, {"destination_url": "https://old.example"})
    fewer = hooks.desired([("RFIs", "update")], [project])
    assert [change.kind for change in hooks.plan(older, fewer, url_of, deletions=True).changes] == [
        "update_hook",
        "remove_trigger",
    ]
    kept(older, fewer, deletions=True)
    assert (hook.destination_url, triggers(hook)) == (url_of(project), {("RFIs", "update")})
    assert [one.error for one in kept(older, {project: ()}, deletions=True)] == [None]
    assert sim.world.hooks.all() == []


def test_every_trigger_of_a_project_is_read_although_the_older_lists_have_no_pages(
    sim: Running, older: Procore, calls: MemoryCalls, project: str
) -> None:
    pairs = [
        (one.name, action)
        for one in catalogue.subscribables()
        if one.scope == "project"
        for action in one.actions
        if action not in one.retired
    ]
    assert [one.error for one in kept(older, hooks.desired(pairs, [project]))] == [None]
    assert len(triggers(only_hook(sim, sim.project_id))) == len(pairs) > 200
    before = len(calls.calls)
    assert hooks.plan(older, hooks.desired(pairs, [project]), url_of, deletions=True).changes == ()
    assert len(calls.calls) - before == 2


def test_triggers_that_are_there_or_refused_do_not_stop_the_others(sim: Running, older: Procore, project: str) -> None:
    kept(older, {project: {("RFIs", "create")}})
    hook = only_hook(sim, sim.project_id)
    refused = HookApiV1(older).add(project, str(hook.id), [("RFIs", "create"), ("RFIs", "update"), ("Nonsense", "create")])
    assert list(refused) == [("Nonsense", "create")]
    assert triggers(hook) == {("RFIs", "create"), ("RFIs", "update")}


def test_a_new_secret_is_written_and_never_read(sim: Running, older: Procore, project: str) -> None:
    wanted = hooks.desired([("RFIs", "update")], [project])
    kept(older, wanted)
    plan = hooks.plan(older, wanted, url_of, rewrite={project: "its secret is renewed"})
    applied(older, plan, "another-" * 5)
    assert only_hook(sim, sim.project_id).destination_headers == {"Authorization": "another-" * 5}
    assert HOOK_SECRET not in repr(plan)


def test_a_hook_that_is_gone_already_is_no_trouble_to_delete(sim: Running, older: Procore, project: str) -> None:
    kept(older, hooks.desired([("RFIs", "update")], [project]))
    plan = hooks.plan(older, {project: ()}, url_of, deletions=True)
    sim.world.drop_hook(only_hook(sim, sim.project_id))
    assert [one.error for one in applied(older, plan)] == [None]


def test_a_list_of_exactly_one_page_is_asked_for_the_next(far: responses.RequestsMock, connector: Connector) -> None:
    def listed(request: Any) -> tuple[int, dict[str, str], str]:
        page = int(request.params["page"])
        numbers = range(100) if page == 1 else range(100, 103) if page == 2 else ()
        return 200, {}, json.dumps([{"id": n, "resource_name": f"Thing {n}", "event_type": "UPDATE"} for n in numbers])

    far.get(API, json=[HOOK])
    far.add_callback("GET", f"{API}/43593499/triggers", listed, content_type="application/json")
    (hook,) = HookApiV1(procore_of(connector)).hooks("1", "tieback-acme")
    assert len(hook.triggers) == 103


def test_what_the_account_does_not_offer_is_told_and_not_asked_for(older: Procore, project: str) -> None:
    offered = HookApiV1(older).offered(project)
    assert offered is not None
    assert len(offered) == 96
    assert (offered["project users"], offered["rfis"]) == ({"create", "delete"}, {"create", "update", "delete"})


def test_the_log_of_the_older_api_says_what_was_missed(start: Callable[..., Running], older: Procore) -> None:
    # Given a receiver that cannot be reached: twelve hours take a tenth of a second
    sim = start(time_scale=12 * 3600 * 10)
    one = procore_of(replace(older.connector, api_host=sim.url, login_host=sim.url))
    project = str(sim.project_id)
    kept(one, hooks.desired([("RFIs", "update")], [project]))
    api, hook_id = HookApiV1(one), str(only_hook(sim, sim.project_id).id)
    assert list(api.missed(project, hook_id, None)) == []
    sim.world.faults.add({"name": "unreachable"})
    # When more events than one page of the log are given up
    row, scope = ROWS["RFIs"], sim.project_id
    ids = [record.id for record in sim.world.some(row, scope, 250)]
    for record in sim.world.some(row, scope, 250):
        sim.world.update(record, {}, sim.world.person(scope))
    until(lambda: len(list(api.missed(project, hook_id, None))) == 250)
    until(lambda: {each.status for each in api.missed(project, hook_id, None)} == {"discarded"})
    # Then each is told once, with its event
    told = list(api.missed(project, hook_id, None))
    assert sorted(each.payload["resource_id"] for each in told if each.payload) == sorted(ids)


def test_a_disabled_hook_cannot_be_told_from_an_active_one(sim: Running, older: Procore, project: str) -> None:
    wanted = hooks.desired([("RFIs", "update")], [project])
    kept(older, wanted)
    sim.world.hooks.change(only_hook(sim, sim.project_id), {"status": "disabled"})
    plan = hooks.plan(older, wanted, url_of)
    assert ([one.status for one in plan.hooks], plan.changes) == (["active"], ())
