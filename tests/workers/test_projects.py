"""Projects come and go without a word from Procore: new ones get hook and history, vanished ones are named and kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from config.settings import Settings
from connectors.hook_api import hook_api
from store import hooks, imports, projects
from store.session import reading
from tests.workers.conftest import KEEP, fault
from tests.workers.rig import Rig, rig
from workers.hooks import Hooks, keep_in_order
from workers.projects import troubles

URL = "https://tieback.example"
COMPANY_ONLY = """
    format: 1
    id: users
    stage: live
    when:
      - webhook: {connector: acme, resource: Company Users, actions: [create, update]}
    do:
      - id: write
        use: set
        with: {seen: "${event.resource_id}"}
"""


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    with rig(engine, dataclasses.replace(settings, public_url=URL), far, keep=KEEP) as one:
        fresh(one)
        yield one


def fresh(site: Rig) -> None:
    with reading(site.engine) as db:
        site.desk.loaded.fresh(db)


def look(site: Rig) -> None:
    fresh(site)
    keep_in_order(site.desk, "acme")


def remove(far: Any, *ids: str) -> None:
    for id in ids:
        fault(far, "project_removed", project_id=int(id))


def bring_back(far: Any) -> None:
    requests.delete(f"{far.url}/_sim/faults", timeout=10)


def ids(far: Any) -> list[str]:
    return [str(project.id) for project in far.world.projects(far.company_id)]


def statuses(site: Rig) -> dict[str, str]:
    with reading(site.engine) as db:
        return {row.project_id: row.status for row in hooks.of_connector(db, "acme")}


def states(site: Rig) -> dict[str, str]:
    with reading(site.engine) as db:
        return {row.project_id: row.state for row in projects.every(db, "acme")}


def backfills(site: Rig) -> list[tuple[str, list[str]]]:
    with reading(site.engine) as db:
        return [(row.projects[0], row.resources) for row in imports.open_of(db, "acme") if row.mode == "backfill"]


def told(site: Rig, kind: str) -> list[str]:
    rows = site.rows("SELECT body FROM tieback_events WHERE source = 'config' ORDER BY id")
    return [str(row["body"]) for row in rows if kind in str(row["body"])]


def sentences(site: Rig) -> list[str]:
    with reading(site.engine) as db:
        return troubles(db, "acme")


def test_the_first_look_makes_hooks_and_backfills_nothing(site: Rig, far: Any) -> None:
    look(site)
    assert statuses(site) == dict.fromkeys(ids(far), "active")
    assert states(site) == dict.fromkeys(ids(far), "permitted")
    assert (backfills(site), told(site, "projects.changed")) == ([], [])


def test_a_project_that_is_permitted_later_gets_its_hook_and_its_backfill_once(site: Rig, far: Any) -> None:
    new, *others = ids(far)
    remove(far, new)
    look(site)
    assert set(statuses(site)) == set(others)
    bring_back(far)
    for _ in range(2):
        look(site)
    assert statuses(site)[new] == "active"
    assert backfills(site) == [(new, ["RFIs"])]
    assert len(told(site, "projects.changed")) == 1


def test_applying_hooks_by_hand_backfills_nothing_and_hides_no_new_project_from_the_timer(site: Rig, far: Any) -> None:
    new, *_ = ids(far)
    remove(far, new)
    look(site)
    bring_back(far)
    mine = Hooks(site.engine, site.box, site.settings, site.desk.loaded, "acme")
    mine.apply(mine.plan().changes, "cli:ana")
    assert (statuses(site)[new], backfills(site)) == ("active", [])
    look(site)
    assert backfills(site) == [(new, ["RFIs"])]


def test_a_project_that_vanishes_is_named_once_keeps_its_hook_and_is_asked_for_nothing(site: Rig, far: Any) -> None:
    gone, *_ = ids(far)
    look(site)
    remove(far, gone)
    for _ in range(2):
        look(site)
    assert (statuses(site)[gone], states(site)[gone]) == ("vanished", "vanished")
    (warning,) = Hooks(site.engine, site.box, site.settings, site.desk.loaded, "acme").plan(deletions=True).warnings
    assert f"project {gone} not permitted any more" in warning
    assert len(told(site, "projects.changed")) == 1
    assert "Company Admin > App Management > Permissions" in sentences(site)[0]
    requests.delete(f"{far.url}/_sim/calls", timeout=10)
    look(site)
    assert gone not in str(requests.get(f"{far.url}/_sim/calls", timeout=10).json())


def test_a_project_that_comes_back_gets_its_hook_and_its_backfill(site: Rig, far: Any) -> None:
    gone, *_ = ids(far)
    look(site)
    remove(far, gone)
    look(site)
    mine = Hooks(site.engine, site.box, site.settings, site.desk.loaded, "acme")
    bring_back(far)
    for hook in hook_api(mine.procore).hooks(gone, mine.connector.webhooks.namespace):
        hook_api(mine.procore).delete(gone, hook.id)
    look(site)
    assert (statuses(site)[gone], states(site)[gone], backfills(site)) == ("active", "permitted", [(gone, ["RFIs"])])
    assert sentences(site) == []


def test_all_projects_vanishing_at_once_is_told_as_an_app_that_was_installed_anew_and_deletes_nothing(
    site: Rig, far: Any
) -> None:
    look(site)
    remove(far, *ids(far))
    look(site)
    (sentence,) = sentences(site)
    count = len(ids(far))
    assert sentence.startswith(f"{count} of {count} projects vanished at once")
    assert "when an app is updated or installed anew, its permitted projects must be chosen again" in sentence
    assert set(statuses(site).values()) == {"vanished"}
    assert len(far.world.hooks.all()) == count


def test_a_list_of_projects_that_cannot_be_read_changes_nothing(site: Rig, far: Any) -> None:
    look(site)
    fault(far, "outage", path="/projects")
    with pytest.raises(Exception, match="503"):
        look(site)
    assert set(states(site).values()) == {"permitted"}


def test_company_resources_alone_need_no_list_of_projects(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, dataclasses.replace(settings, public_url=URL), far, users=COMPANY_ONLY) as one:
        look(one)
        assert (statuses(one), states(one)) == ({"": "active"}, {})


AT_SEVEN = """
    format: 1
    id: morning
    when:
      - schedule: {at: "07:00", timezone: project, connector: acme}
    do:
      - use: set
        with: {seen: "${event.project_id}"}
"""


@pytest.mark.parametrize("url", [URL, ""])
def test_rules_at_project_time_get_their_schedules_from_the_first_look(
    engine: Engine, settings: Settings, far: Any, url: str
) -> None:
    # Given a new site, of whose projects nothing is known yet and where nobody has applied hooks
    with rig(engine, dataclasses.replace(settings, public_url=url), far, morning=AT_SEVEN) as one:
        # When it has begun
        one.settle()
        # Then there is a schedule for each zone that its projects are in
        zones = {project["zone"] for project in one.rows("SELECT zone FROM tieback_projects")}
        assert {row["zone"] for row in one.rows("SELECT zone FROM tieback_schedules")} == zones != set()
        assert hooked(far) == []


def hooked(far: Any) -> list[Any]:
    return list(requests.get(f"{far.url}/_sim/state", timeout=10).json()["hooks"])
