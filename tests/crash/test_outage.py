"""Thirteen hours in which Procore cannot reach us: afterwards nothing is missing, and no effect was made twice.

Procore gives a queue up after twelve hours; the simulator's sender does so after a second. Besides what its log has,
some events are lost without a trace, so that only sweeps and the comparison of ids can find them.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from config.settings import Settings
from simulator.app import serve
from store import imports
from store.session import reading, writing
from tests.workers.rig import Rig
from tests.workers.served import served
from workers import comparing, importing, repair, sweeps
from workers.hooks import Hooks

TABLES = {"RFIs": "rfis", "Punch Items": "punch_items"}
PROJECTS = 5
MIRROR = """
    format: 1
    id: mirror-{table}
    stage: live
    when:
      - webhook: {{connector: acme, resource: {resource}, actions: [create, update]}}
    do:
      - id: write
        use: db.upsert
        with: {{table: {table}, row: "${{record}}"}}
      - id: tell
        use: http.call
        with: {{to: http:sink, path: /changed, json: {{of: {table}, id: "${{event.resource_id}}", at: "${{record.updated_at}}"}}}}
"""
GONE = """
    format: 1
    id: gone-{table}
    stage: live
    when:
      - webhook: {{connector: acme, resource: {resource}, actions: [delete]}}
    do:
      - id: mark
        use: db.mark_deleted
        with: {{table: {table}, key: {{project_id: "${{event.project_id}}", id: "${{event.resource_id}}"}}}}
      - id: tell
        use: http.call
        with: {{to: http:sink, path: /gone, json: {{of: {table}, id: "${{event.resource_id}}", gone: "yes"}}}}
"""


@pytest.fixture
def far() -> Iterator[Any]:
    """Twelve hours are 1.1 seconds for its sender."""
    with serve(seed=7, spike=590, hourly=1_000_000, time_scale=40_000) as running:
        wish = {"resource": "Projects", "verb": "create", "company_id": running.company_id}
        while len(running.world.projects(running.company_id)) < PROJECTS:
            requests.post(f"{running.url}/_sim/change", json=wish, timeout=10).raise_for_status()
        yield running


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    """Everything imported, and hooks in place."""
    rules = {f"mirror_{table}": MIRROR.format(resource=name, table=table) for name, table in TABLES.items()}
    rules |= {f"gone_{table}": GONE.format(resource=name, table=table) for name, table in TABLES.items()}
    with served(engine, settings, far, **rules) as one:
        with reading(engine) as db:
            one.desk.loaded.fresh(db)
        import_all(one)
        mine = Hooks(engine, one.box, one.settings, one.desk.loaded, "acme")
        assert all(done.error is None for done in mine.apply(mine.plan().changes, "test"))
        yield one


def import_all(site: Rig) -> dict[str, dict[str, int]]:
    with writing(site.engine) as db:
        id = imports.add(db, "acme", list(TABLES), None, "full", "test")
    importing.do(site.desk, id)
    with reading(site.engine) as db:
        row = imports.get(db, id)
    assert row is not None
    assert (row.state, row.reason) == ("ok", None)
    return {name: {key: done.get(key, 0) for key in ("new", "changed", "deleted")} for name, done in row.counts.items()}


def projects(far: Any) -> list[int]:
    found = [project.id for project in far.world.projects(far.company_id)][:PROJECTS]
    assert len(found) == PROJECTS
    return found


def change(far: Any, verb: str, resource: str, project: int, **about: Any) -> list[str]:
    wish = {"resource": resource, "verb": verb, "project_id": project, **about}
    answer = requests.post(f"{far.url}/_sim/change", json=wish, timeout=10)
    answer.raise_for_status()
    return [str(id) for id in answer.json()["ids"]]


def busy_day(far: Any, what: str) -> None:
    """Creates, updates (some records twice) and deletes in all five projects."""
    for resource in TABLES:
        for project in projects(far):
            change(far, "create", resource, project, count=2)
            first, *others = change(far, "update", resource, project, count=4, fields={"description": what})
            change(far, "update", resource, project, id=int(first), fields={"description": f"{what}, again"})
            change(far, "delete", resource, project, id=int(others[-1]))


def fault(far: Any, name: str, **about: Any) -> None:
    requests.post(f"{far.url}/_sim/faults", json={"name": name, **about}, timeout=10).raise_for_status()


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)


def log(far: Any) -> Counter[str]:
    return Counter(one["status"] for one in requests.get(f"{far.url}/_sim/deliveries", timeout=10).json())


def work(site: Rig) -> None:
    """What a worker does with all that is waiting."""
    site.settle()


def live_rows(site: Rig) -> dict[str, set[tuple[str, str]]]:
    """Of each table the records that are not deleted, with what tells their state."""
    found = {}
    for name, table in TABLES.items():
        rows = site.rows(f"SELECT id, body FROM {table} WHERE deleted_at IS NULL")
        bodies = [json.loads(row["body"]) if isinstance(row["body"], str) else row["body"] for row in rows]
        found[name] = {(str(body["id"]), f"{body['updated_at']} {body.get('description')}") for body in bodies}
    return found


def there(far: Any) -> dict[str, set[str]]:
    """The ids of the live records at Procore."""
    world = far.world
    return {
        name: {
            str(record.id)
            for project in world.projects(far.company_id)
            for record in world.shelves.of(name, project.id)
            if record.live
        }
        for name in TABLES
    }


def effects(far: Any) -> Counter[str]:
    return Counter(json.dumps(one["body"], sort_keys=True) for one in far.world.sinks.listed("erp"))


def test_after_thirteen_hours_out_of_reach_the_tables_equal_a_full_import_and_no_effect_ran_twice(site: Rig, far: Any) -> None:
    # Given a day that Procore tells of
    busy_day(far, "before")
    wait_until(lambda: set(log(far)) == {"delivered"}, "the deliveries of the day before")
    work(site)
    # When for thirteen hours nobody can be reached, and some events are lost without a trace
    fault(far, "unreachable")
    busy_day(far, "meanwhile")
    fault(far, "drop")
    busy_day(far, "unheard")
    wait_until(lambda: not {"retrying", "enqueued"} & set(log(far)), "the end of Procore's patience")
    assert log(far)["discarded"] > 0
    requests.delete(f"{far.url}/_sim/faults", timeout=10)
    # And then Procore reaches us again
    busy_day(far, "after")
    wait_until(lambda: not {"retrying", "enqueued"} & set(log(far)), "the deliveries of the day after")
    work(site)
    assert {name: {id for id, _ in rows} for name, rows in live_rows(site).items()} != there(far)
    # Then the three looks bring in everything
    for look in (repair.look, sweeps.sweep, comparing.compare):
        assert look(site.desk, "acme").repaired > 0  # type: ignore[operator]
        work(site)
    repaired = live_rows(site)
    assert {name: {id for id, _ in rows} for name, rows in repaired.items()} == there(far)
    # As a full import finds: nothing is new, changed or deleted by it
    nothing = {"new": 0, "changed": 0, "deleted": 0}
    assert import_all(site) == dict.fromkeys(TABLES, nothing)
    assert live_rows(site) == repaired
    # And what was done in the outside world was done once
    assert set(effects(far).values()) == {1}
    for look in (repair.look, sweeps.sweep, comparing.compare):
        assert look(site.desk, "acme").found == 0  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["create", "update", "delete"])
def test_a_webhook_that_comes_after_the_looks_have_found_its_change_does_nothing_twice(site: Rig, far: Any, kind: str) -> None:
    # Given a change whose webhook is held up
    fault(far, "sender_pause")
    project = projects(far)[0]
    change(far, kind, "RFIs", project, **({"fields": {"description": "late"}} if kind != "delete" else {}))
    # When sweep and comparison find it before the webhook comes
    sweeps.sweep(site.desk, "acme")
    work(site)
    comparing.compare(site.desk, "acme")
    work(site)
    requests.delete(f"{far.url}/_sim/faults", timeout=10)
    wait_until(lambda: set(log(far)) == {"delivered"}, "the delivery that was held up")
    work(site)
    # Then its effect was made once
    assert list(effects(far).values()) == [1]
