import pytest
import responses

from config.errors import ConfigError, Permanent
from config.secrets import Secret
from connectors import definition, hooks
from connectors.hook_api import HookApi, verb_of
from connectors.hooks import Change, Wanted
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls
from simulator.app import Running
from simulator.hooks import Scope
from tests.connectors.conftest import HOOK_SECRET, connector_to, procore_of


def url_of(scope: str) -> str:
    return f"https://t.example/webhooks/{scope or 'company'}"


def kept(procore: Procore, wanted: Wanted, deletions: bool = False) -> list[hooks.Done]:
    """Plan and apply."""
    changes = hooks.plan(procore, wanted, url_of, deletions=deletions).changes
    return hooks.apply(procore, changes, lambda scope: Secret(HOOK_SECRET))


def kinds(procore: Procore, wanted: Wanted, **options: object) -> list[str]:
    return [change.kind for change in hooks.plan(procore, wanted, url_of, **options).changes]  # type: ignore[arg-type]


@pytest.fixture
def project(sim: Running) -> str:
    return str(sim.project_id)


def test_pairs_are_spread_over_the_company_and_every_project() -> None:
    wanted = hooks.desired([("rfis", "update"), ("Company Users", "create"), ("RFIs", "update")], ["1", "2"])
    assert wanted == {"": {("Company Users", "create")}, "1": {("RFIs", "update")}, "2": {("RFIs", "update")}}


@pytest.mark.parametrize(
    "name,action,said",
    [
        ("Project Users", "update", "stopped sending Project Users update on 2026-06-30. Subscribe to Company Users update"),
        ("Project Vendors", "update", "Subscribe to Company Vendors update"),
        ("RFI", "update", 'no events of "RFI"; did you mean "RFIs"'),
        ("Projects", "delete", "sends no delete of Projects, only create, update"),
        ("Requisitions", "create", "no events of"),
    ],
)
def test_an_event_that_procore_does_not_send_is_refused_with_what_to_use(name: str, action: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        hooks.desired([(name, action)], ["1"])


def test_hooks_are_created_with_their_triggers_and_the_same_again_does_nothing(
    sim: Running, procore: Procore, project: str
) -> None:
    wanted = hooks.desired([("RFIs", "create"), ("RFIs", "update"), ("Company Users", "update")], [project])
    done = kept(procore, wanted)
    assert [(one.scope, one.error, one.adopted) for one in done] == [("", None, False), (project, None, False)]
    hook = sim.world.hooks.of(Scope(sim.company_id, sim.project_id))[0]
    assert (hook.destination_url, hook.namespace, hook.payload_version) == (url_of(project), "tieback-acme", "v4.0")
    assert hook.destination_headers == {"Authorization": HOOK_SECRET}
    assert {(one.resource, one.verb) for one in hook.triggers.values()} == {("RFIs", "create"), ("RFIs", "update")}
    assert kinds(procore, wanted, deletions=True) == []


def test_a_plan_that_is_applied_twice_adopts_the_hook_that_is_there(sim: Running, procore: Procore, project: str) -> None:
    wanted = hooks.desired([("RFIs", "create"), ("RFIs", "update")], [project])
    first = hooks.plan(procore, wanted, url_of)
    hooks.apply(procore, first.changes, lambda scope: Secret(HOOK_SECRET))
    again = hooks.apply(procore, first.changes, lambda scope: Secret("another-" * 5))
    assert [(one.adopted, one.error) for one in again] == [(True, None)]
    hook = sim.world.hooks.of(Scope(sim.company_id, sim.project_id))[0]
    assert hook.destination_headers == {"Authorization": "another-" * 5}
    assert len(hook.triggers) == 2


def test_a_hook_that_was_created_although_its_answer_was_lost_is_adopted(sim: Running, procore: Procore, project: str) -> None:
    procore.sign_in()
    plan = hooks.plan(procore, hooks.desired([("RFIs", "create")], [project]), url_of)
    sim.world.faults.add({"name": "truncated", "count": 1})
    done = hooks.apply(procore, plan.changes, lambda scope: Secret(HOOK_SECRET))
    assert [(one.adopted, one.error) for one in done] == [(True, None)]
    assert len(sim.world.hooks.all()) == 1


def test_many_triggers_are_one_call(procore: Procore, calls: MemoryCalls, project: str) -> None:
    pairs = [
        (name, action) for name in ("RFIs", "Submittals", "Punch Items", "Drawings") for action in ("create", "update", "delete")
    ]
    kept(procore, hooks.desired(pairs, [project]))
    assert sum(call.path.endswith("/triggers/bulk") for _, call in calls.calls) == 1
    assert sum(call.path.endswith("/triggers") and call.method == "POST" for _, call in calls.calls) == 0


def test_triggers_go_one_by_one_where_the_bulk_call_refuses_some(procore: Procore, project: str) -> None:
    api = HookApi(procore)
    kept(procore, {project: {("RFIs", "create")}})
    hook = api.hooks(project, "tieback-acme")[0]
    refused = api.add(project, hook.id, [("RFIs", "create"), ("RFIs", "update"), ("Nonsense", "create")])
    assert list(refused) == [("Nonsense", "create")]
    assert set(api.hooks(project, "tieback-acme")[0].triggers) == {("rfis", "create"), ("rfis", "update")}


def test_drift_is_found_and_mended(sim: Running, procore: Procore, project: str) -> None:
    wanted = hooks.desired([("RFIs", "update")], [project])
    kept(procore, wanted)
    hook = sim.world.hooks.of(Scope(sim.company_id, sim.project_id))[0]
    for drift, reason in (({"status": "disabled"}, "it is disabled"), ({"payload_version": "v2.0"}, "it sends payload v2.0"),
                          ({"destination_url": "https://old.example"}, "it calls https://old.example")):  # fmt: skip
        sim.world.hooks.change(hook, dict(drift))
        assert [change.reason for change in hooks.plan(procore, wanted, url_of).changes] == [reason]
        kept(procore, wanted)
        assert kinds(procore, wanted) == []
    assert hook.status == "active"


def test_a_deleted_hook_is_made_again(sim: Running, procore: Procore, project: str) -> None:
    wanted = hooks.desired([("RFIs", "update")], [project])
    kept(procore, wanted)
    for hook in sim.world.hooks.all():
        sim.world.drop_hook(hook)
    assert kinds(procore, wanted) == ["create_hook", "add_trigger"]


def test_the_masked_secret_is_never_taken_for_drift_and_rotation_writes_it_anew(
    sim: Running, procore: Procore, project: str
) -> None:
    wanted = hooks.desired([("RFIs", "update")], [project])
    kept(procore, wanted)
    assert kinds(procore, wanted) == []
    assert kinds(procore, wanted, rewrite={project: "its secret is renewed"}) == ["update_hook"]


def test_nothing_is_taken_away_unless_deletions_are_asked_for(sim: Running, procore: Procore, project: str) -> None:
    kept(procore, hooks.desired([("RFIs", "update"), ("Submittals", "update")], [project]))
    fewer = hooks.desired([("RFIs", "update")], [project])
    assert kinds(procore, fewer) == []
    assert kinds(procore, fewer, deletions=True) == ["remove_trigger"]
    kept(procore, fewer, deletions=True)
    assert kinds(procore, fewer, deletions=True) == []
    assert kinds(procore, {}, deletions=True, also_look_at=["", project]) == ["delete_hook"]


def test_a_trigger_that_somebody_else_removed_already_is_fine(sim: Running, procore: Procore, project: str) -> None:
    kept(procore, hooks.desired([("RFIs", "update"), ("Submittals", "update")], [project]))
    plan = hooks.plan(procore, {project: {("RFIs", "update")}}, url_of, deletions=True)
    for _ in range(2):
        assert [one.error for one in hooks.apply(procore, plan.changes, lambda scope: Secret(HOOK_SECRET))] == [None]


def test_a_hook_of_another_namespace_is_left_alone(sim: Running, procore: Procore, project: str) -> None:
    wish = {"namespace": "other", "payload_version": "v4.0", "destination_url": "https://other.example"}
    sim.world.hooks.create(Scope(sim.company_id, sim.project_id), wish)
    kept(procore, {project: ()}, deletions=True)
    assert [hook.namespace for hook in sim.world.hooks.all()] == ["other"]


def test_one_project_without_access_does_not_stop_the_others(sim: Running, procore: Procore, project: str) -> None:
    other = str(sim.world.projects(sim.company_id)[1].id)
    sim.world.faults.add({"name": "project_removed", "project_id": int(other)})
    plan = hooks.plan(procore, hooks.desired([("RFIs", "update")], [other, project]), url_of)
    assert list(plan.problems) == [other]
    assert {change.scope for change in plan.changes} == {project}


def test_a_missing_webhook_permission_is_told_for_each_scope_and_a_dead_app_stops_all(
    sim: Running, procore: Procore, project: str
) -> None:
    wanted = hooks.desired([("RFIs", "update")], [project])
    plan = hooks.plan(procore, wanted, url_of)
    sim.world.faults.add({"name": "webhooks_forbidden"})
    assert "403" in str(hooks.apply(procore, plan.changes, lambda scope: Secret(HOOK_SECRET))[0].error)
    sim.world.faults.clear()
    sim.world.faults.add({"name": "app_uninstalled"})
    with pytest.raises(Permanent) as raised:
        hooks.plan(procore, wanted, url_of)
    assert raised.value.kind == "disconnected"


def test_a_plan_survives_json_and_holds_no_secret(procore: Procore, project: str) -> None:
    changes = hooks.plan(procore, hooks.desired([("RFIs", "update")], [project]), url_of).changes
    assert tuple(Change.from_json(change.as_json()) for change in changes) == changes
    assert HOOK_SECRET not in repr(changes)


@pytest.mark.parametrize("said", ["create", "CREATE", "Created", "CREATED"])
def test_verbs_compare_in_every_spelling(said: str) -> None:
    assert verb_of(said) == "create"


def test_a_hook_list_longer_than_one_page_is_read_whole(sim: Running, project: str) -> None:
    one = procore_of(connector_to(sim))
    names = ("RFIs", "Submittals", "Punch Items", "Drawings", "Incidents", "Forms", "Meetings", "Images")
    pairs = [(name, action) for name in names for action in ("create", "update", "delete")]
    kept(one, hooks.desired(pairs, [project]))
    assert len(HookApi(one).hooks(project, "tieback-acme")[0].triggers) == len(pairs)


def test_a_retired_event_is_told_with_what_to_use_and_stops_no_other() -> None:
    kept, refused = hooks.sent([("Project Users", "update"), ("RFIs", "update")])
    assert kept == {("RFIs", "update")}
    assert "Subscribe to Company Users update instead" in refused["Project Users", "update"]


def test_what_this_account_does_not_offer_is_not_subscribed_and_told() -> None:
    # Given an account that is offered RFIs alone
    config = {
        "format": 1,
        "kind": "procore_dmsa",
        "name": "acme",
        "environment": "production",
        "client_id": "c",
        "company_id": "8",
    }
    procore = procore_of(definition.from_stored(config, {"client_secret": Secret("s")}))
    at = "https://api.procore.com/rest/v2.0/companies/8/projects/1/webhooks"
    with responses.RequestsMock() as far:
        far.post("https://login.procore.com/oauth/token", json={"access_token": "t", "expires_in": 5400})
        far.get(f"{at}/hooks", json={"data": []})
        far.get(f"{at}/resources", json={"data": [{"name": "RFIs", "actions": ["create", "update"]}]})
        # When a hook for more is planned
        plan = hooks.plan(procore, {"1": {("RFIs", "update"), ("Submittals", "update")}}, url_of)
    # Then only RFIs is subscribed, and the sentence says what finds the other changes
    assert [change.resource for change in plan.changes if change.kind == "add_trigger"] == ["RFIs"]
    (warning,) = plan.warnings
    assert "Procore offers no Submittals update to hooks of this account (payload v4.0)" in warning
    assert "tieback deliveries repair --sweep" in warning


def test_the_offers_are_asked_for_once_and_only_when_something_is_added(
    sim: Running, procore: Procore, calls: MemoryCalls
) -> None:
    wanted = hooks.desired([("RFIs", "update")], [str(one.id) for one in sim.world.projects(sim.company_id)])

    def asked() -> int:
        return sum(call.path.endswith("/webhooks/resources") for _, call in calls.calls)

    kept(procore, wanted)
    assert asked() == 1
    kept(procore, wanted)
    assert asked() == 1


def test_a_mixed_answer_names_each_refused_trigger_and_costs_no_second_call(
    procore: Procore, calls: MemoryCalls, project: str
) -> None:
    kept(procore, {project: {("RFIs", "create")}})
    hook = HookApi(procore).hooks(project, "tieback-acme")[0]
    before = len(calls.calls)
    refused = HookApi(procore).add(project, hook.id, [("RFIs", "create"), ("RFIs", "update"), ("Nonsense", "create")])
    assert refused == {("Nonsense", "create"): "resource_name is not included in the list"}
    assert len(calls.calls) == before + 1


def test_triggers_that_are_believed_are_read_again_when_their_number_differs(
    sim: Running, procore: Procore, calls: MemoryCalls, project: str
) -> None:
    wanted = hooks.desired([("RFIs", "update"), ("RFIs", "create")], [project])
    kept(procore, wanted)

    def reads() -> int:
        return sum(call.method == "GET" and call.path.endswith("/triggers") for _, call in calls.calls)

    before = reads()
    assert kinds(procore, wanted, believed=[project]) == []
    assert reads() == before
    hook = sim.world.hooks.of(Scope(sim.company_id, sim.project_id))[0]
    hook.triggers.pop(next(iter(hook.triggers)))
    assert kinds(procore, wanted, believed=[project]) == ["add_trigger"]
    assert reads() == before + 1
