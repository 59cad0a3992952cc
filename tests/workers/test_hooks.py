"""Our hooks at a pretend Procore: planned, applied, drifted, doubled, taken away, and what our side remembers of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import ConfigError
from config.settings import Settings
from connectors.hook_api import Hook, hook_api
from store import connectors, hooks
from store.session import reading, writing
from tests.workers.conftest import KEEP
from tests.workers.rig import Rig, rig
from workers.hooks import Hooks, keep_in_order, secret_of

URL = "https://tieback.example"


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    with rig(engine, dataclasses.replace(settings, public_url=URL), far, keep=KEEP) as one:
        fresh(one)
        yield one


def fresh(site: Rig) -> None:
    with reading(site.engine) as db:
        site.desk.loaded.fresh(db)


def hooks_of(site: Rig) -> Hooks:
    return Hooks(site.engine, site.box, site.settings, site.desk.loaded, "acme")


def rows(site: Rig) -> dict[str, str]:
    with reading(site.engine) as db:
        return {row.project_id: row.status for row in hooks.of_connector(db, "acme")}


def there(site: Rig, scope: str) -> list[Hook]:
    mine = hooks_of(site)
    return list(hook_api(mine.procore).hooks(scope, mine.connector.webhooks.namespace))


def applied(site: Rig, *, deletions: bool = False) -> list[str]:
    mine = hooks_of(site)
    plan = mine.plan(deletions=deletions)
    assert all(one.error is None for one in mine.apply(plan.changes, "cli:ana"))
    return [change.kind for change in plan.changes]


def without_rules(site: Rig) -> None:
    (site.settings.site / "automations/keep.yaml").unlink()
    site.load_site()
    fresh(site)


def test_every_project_gets_its_hook_and_the_second_plan_is_empty(site: Rig, far: Any) -> None:
    projects = {str(project["id"]) for project in hooks_of(site).procore.projects()}
    assert set(applied(site)) == {"create_hook", "add_trigger"}
    assert hooks_of(site).plan().changes == ()
    assert rows(site) == dict.fromkeys(projects, "active")
    (hook,) = there(site, str(far.project_id))
    assert hook.url == hooks_of(site).url_of(str(far.project_id))


def test_a_plan_alone_changes_nothing_at_procore(site: Rig, far: Any) -> None:
    assert hooks_of(site).plan().changes
    assert there(site, str(far.project_id)) == []
    assert set(rows(site).values()) == {"missing"}


def test_a_hook_that_somebody_deleted_is_noticed_and_brought_back_by_the_timer(site: Rig, far: Any) -> None:
    applied(site)
    scope = str(far.project_id)
    (hook,) = there(site, scope)
    hook_api(hooks_of(site).procore).delete(scope, hook.id)
    hooks_of(site).plan()
    assert rows(site)[scope] == "missing"
    keep_in_order(site.desk, "acme")
    assert (rows(site)[scope], len(there(site, scope))) == ("active", 1)


def test_the_timer_takes_nothing_away(site: Rig, far: Any) -> None:
    applied(site)
    without_rules(site)
    keep_in_order(site.desk, "acme")
    assert len(there(site, str(far.project_id))) == 1


def test_hooks_that_nobody_needs_go_only_when_deletions_are_wanted(site: Rig, far: Any) -> None:
    applied(site)
    without_rules(site)
    assert applied(site) == []
    assert set(applied(site, deletions=True)) == {"delete_hook"}
    assert (rows(site), there(site, str(far.project_id))) == ({}, [])
    with reading(site.engine) as db:
        assert {hook.removed for hook in hooks.open_hooks(db, site.box)} == {True}  # a day's grace for what is under way


def test_a_namespace_that_is_taken_since_the_plan_is_adopted_and_led_to_us(site: Rig, far: Any) -> None:
    # Given a plan to create, and a hook of our namespace that appeared after it (such as from a database that was lost)
    scope, mine = str(far.project_id), hooks_of(site)
    plan = mine.plan()
    hook_api(mine.procore).create(scope, mine.connector.webhooks.namespace, f"{URL}/webhooks/stray", "v4.0", "s" * 40)
    # When the plan is applied
    done = {one.scope: one for one in mine.apply(plan.changes, "cli:ana")}
    # Then there is one hook, and it calls us
    assert (done[scope].adopted, done[scope].error) == (True, None)
    assert [hook.url for hook in there(site, scope)] == [mine.url_of(scope)]
    assert (rows(site)[scope], hooks_of(site).plan().changes) == ("active", ())


def test_without_a_public_url_or_with_a_plain_one_nothing_is_planned(site: Rig, settings: Settings) -> None:
    mine = Hooks(site.engine, site.box, settings, site.desk.loaded, "acme")
    with pytest.raises(ConfigError, match="TIEBACK_PUBLIC_URL is not set"):
        mine.plan()
    keep_in_order(dataclasses.replace(site.desk, settings=settings), "acme")
    assert rows(site) == {}


def test_the_secret_we_made_stays_the_same_and_is_stored_sealed(site: Rig) -> None:
    with writing(site.engine) as db:
        connector = site.desk.loaded.connector("acme")
        first, second = secret_of(db, site.box, connector), secret_of(db, site.box, connector)
        row = connectors.get(db, "acme")
    assert first == second
    assert len(first.reveal()) >= 32
    assert first.reveal() not in str(row)


def test_what_was_done_is_in_the_audit_without_a_secret(site: Rig) -> None:
    applied(site)
    with writing(site.engine) as db:
        secret = secret_of(db, site.box, site.desk.loaded.connector("acme")).reveal()
    said = site.rows("SELECT actor, detail FROM tieback_audit WHERE verb = 'hooks applied'")
    assert {row["actor"] for row in said} == {"cli:ana"}
    assert secret not in str(said)


def test_hooks_in_place_are_looked_after_soon_when_the_rules_change(site: Rig) -> None:
    applied(site)
    (site.settings.site / "automations/keep.yaml").write_text(KEEP.replace("update]", "update, delete]").replace("\n    ", "\n"))
    assert site.load_site() == []
    fresh(site)
    assert {change.kind for change in hooks_of(site).plan().changes} == {"add_trigger"}
    (timer,) = site.rows("SELECT state, every_s FROM tieback_timers WHERE kind = 'hooks'")
    assert timer == {"state": "waiting", "every_s": 900}


def test_hooks_that_procore_disabled_are_enabled_by_the_timer_and_told_as_an_event(site: Rig, far: Any) -> None:
    applied(site)
    for hook in far.world.hooks.all():
        far.world.hooks.change(hook, {"status": "disabled"})
    keep_in_order(site.desk, "acme")
    assert {hook.status for hook in far.world.hooks.all()} == {"active"}
    (told,) = [row for row in site.rows("SELECT body FROM tieback_events") if "hooks.changed" in str(row["body"])]
    assert "it is disabled" in str(told)
    keep_in_order(site.desk, "acme")
    assert len([row for row in site.rows("SELECT body FROM tieback_events") if "hooks.changed" in str(row["body"])]) == 1


def test_a_look_at_many_projects_costs_one_call_for_each_and_no_more_than_the_quota_can_bear(site: Rig, far: Any) -> None:
    applied(site)
    keep_in_order(site.desk, "acme")
    far.world.calls.forget()
    keep_in_order(site.desk, "acme")
    made = {one["path"]: one["count"] for one in far.world.calls.listed() if one["path"].startswith("/rest")}
    assert made == {
        "/rest/v1.1/projects": 1,
        "/rest/v2.0/companies/{company_id}/projects/{project_id}/webhooks/hooks": len(far.world.projects(far.company_id)),
    }
    far.world.calls.forget()
    looked_at = hooks_of(site).plan(permitted=list(rows(site)), most=2).hooks
    assert len(looked_at) == 2


def test_looks_that_take_a_part_of_the_projects_come_round_to_all_of_them(site: Rig, far: Any) -> None:
    applied(site)
    scopes = list(rows(site))
    seen = {hook.scope for _ in scopes for hook in hooks_of(site).plan(permitted=scopes, most=1).hooks}
    assert seen == set(scopes)


def test_what_an_automation_needs_anew_is_looked_at_first(site: Rig, far: Any) -> None:
    applied(site)
    scope = str(far.project_id)
    far.world.drop_hook(next(hook for hook in far.world.hooks.all() if hook.scope.project_id == far.project_id))
    hooks_of(site).plan()
    assert {change.scope for change in hooks_of(site).plan(permitted=list(rows(site)), most=0).changes} == {scope}


def test_what_an_account_does_not_offer_is_asked_for_by_the_timer_once_a_day(site: Rig, far: Any) -> None:
    # Given an account that offers no update of RFIs
    applied(site)
    mine = hooks_of(site)
    mine._withhold([("RFIs", "update")])
    far.world.hooks.all()[0].triggers.clear()
    # When the timer plans, then it is left out; a person's plan asks again
    assert {change.action for change in mine.plan(permitted=list(rows(site)), most=30).changes} == {"create"}
    assert {change.action for change in mine.plan().changes} == {"create", "update"}
