"""Changes that no webhook told of are found by `updated_at`, become events once, and never flood a new connector."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from config.settings import Settings
from store import cursors, timers
from store.session import reading, writing
from tests.workers.conftest import KEEP, changed, fault
from tests.workers.rig import Rig, rig
from workers import sweeps
from workers.repair import Report

MEETINGS = """
    format: 1
    id: keep-meetings
    stage: live
    when:
      - webhook: {connector: acme, resource: Meetings, actions: [create, update]}
      - webhook: {connector: acme, resource: RFI Replies, actions: [create]}
    do:
      - id: write
        use: db.upsert
        with: {table: meetings, row: "${record}"}
"""


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    with rig(engine, settings, far, keep=KEEP) as one:
        with reading(engine) as db:
            one.desk.loaded.fresh(db)
        yield one


def change(far: Any, verb: str, project_id: int | None = None, **fields: Any) -> str:
    wish = {"resource": "RFIs", "verb": verb, "project_id": project_id or far.project_id, "fields": fields}
    return str(requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).json()["ids"][0])


def calls(far: Any, part: str) -> int:
    return sum(one["count"] for one in requests.get(f"{far.url}/_sim/calls", timeout=10).json() if part in one["path"])


def events(site: Rig) -> list[tuple[str, str]]:
    query = "SELECT action, resource_id FROM tieback_events WHERE source = 'sweep' ORDER BY id"
    return [(row["action"], row["resource_id"]) for row in site.rows(query)]


def swept(site: Rig, **about: Any) -> Report:
    report = sweeps.sweep(site.desk, "acme", **about)
    site.work()
    site.settle()
    return report


def test_a_first_sweep_of_a_world_that_was_there_before_makes_no_event(site: Rig) -> None:
    report = swept(site)
    assert (report.found, events(site), site.runs()) == (0, [], [])


def test_missed_creates_and_updates_become_events_once_and_run_the_automation(site: Rig, far: Any) -> None:
    # Given a record that was created and one that was changed, while nobody listened
    made, touched = change(far, "create", subject="new"), changed(far, subject="edited")
    # When two sweeps look
    first, second = swept(site), swept(site)
    # Then each was found once, by what it is
    assert set(events(site)) == {("create", made), ("update", touched)}
    assert (first.found, first.repaired, second.found) == (2, 2, 0)
    assert [run["state"] for run in site.runs()] == ["ok", "ok"]
    assert {row["id"] for row in site.rows("SELECT id FROM rfis")} == {made, touched}


def test_a_change_that_a_webhook_has_brought_is_no_news_although_the_list_is_thinner(site: Rig, far: Any) -> None:
    from tests.workers.rig import payload

    site.deliver(payload(far, changed(far, subject="told")))
    site.work()
    site.settle()
    assert swept(site).found == 0


def test_a_webhook_that_comes_after_the_sweep_runs_nothing_twice(site: Rig, far: Any) -> None:
    from tests.workers.rig import payload

    id = changed(far, subject="both")
    swept(site)
    site.deliver(payload(far, id))
    site.work()
    site.settle()
    assert [(run["state"], run["reason"]) for run in site.runs()] == [("ok", None), ("skipped", "unchanged since run 1")]


def test_there_and_back_again_is_news_each_time(site: Rig, far: Any) -> None:
    second = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"  # Procore's updated_at says nothing of a second change in it
    id = changed(far, subject="one", updated_at=second)
    for subject in ("two", "one", "two"):
        swept(site)
        wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "id": int(id),
                "fields": {"subject": subject, "updated_at": second}}  # fmt: skip
        requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).raise_for_status()
    swept(site)
    assert events(site) == [("update", id)] * 4


def test_what_changed_a_moment_ago_is_left_to_its_webhook(site: Rig, far: Any) -> None:
    changed(far, subject="just now")
    assert swept(site, in_flight=dt.timedelta(minutes=2)).found == 0
    assert swept(site).found == 1  # and the cursor has not passed it


def test_a_cursor_moves_only_when_the_whole_window_was_read(site: Rig, far: Any) -> None:
    changed(far, subject="edited")
    sweeps.sweep(site.desk, "acme")
    with reading(site.engine) as db:
        before = cursors.get(db, "sweep", "acme", "RFIs", str(far.project_id))
    fault(far, "truncated", path="/rfis", count=50)
    with pytest.raises(Exception, match="rfis"):
        sweeps.sweep(site.desk, "acme")
    with reading(site.engine) as db:
        assert cursors.get(db, "sweep", "acme", "RFIs", str(far.project_id)) == before


def test_a_list_that_is_refused_is_named_and_let_alone_for_an_hour(site: Rig, far: Any) -> None:
    fault(far, "tool_disabled", resource="RFIs", project_id=far.project_id, status=404)
    first = sweeps.sweep(site.desk, "acme")
    (left,) = first.items
    assert (first.found, first.unrepairable, left["what"]) == (0, 1, f"RFIs in project {far.project_id}")
    assert "404" in left["reason"]
    assert sweeps.sweep(site.desk, "acme").unrepairable == 0


def test_resources_that_cannot_be_swept_are_named_with_the_reason(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, meetings=MEETINGS) as one:
        with reading(engine) as db:
            one.desk.loaded.fresh(db)
        said = {item["what"]: item["reason"] for item in sweeps.sweep(one.desk, "acme").items}
    assert "has no updated_at filter: only a full comparison (--ids) or a full import" in said["Meetings"]
    assert "is listed only under its rfi_id" in said["RFI Replies"]


def test_one_look_reads_so_many_lists_and_the_next_one_the_others(site: Rig, far: Any) -> None:
    projects = far.world.projects(far.company_id)
    for project in projects[:3]:
        change(far, "update", project_id=project.id, subject="edited")
    found = [swept(site, most=1).found for _ in projects]
    assert sum(found) == 3
    assert max(found) == 1


def test_a_sweep_since_a_day_brings_older_changes_of_what_we_know(site: Rig, far: Any) -> None:
    id = changed(far, subject="known")
    swept(site)
    wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "id": int(id), "fields": {"subject": "missed"}}
    requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).raise_for_status()
    with writing(site.engine) as db:
        cursors.move(db, "sweep", "acme", "RFIs", str(far.project_id), dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    assert swept(site).found == 0
    assert swept(site, since=dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).found == 1


def test_a_sweep_that_became_due_while_nothing_ran_waits_for_an_interval(
    site: Rig, far: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "_STARTED", time.monotonic())  # this process may have run for longer than an interval
    requests.delete(f"{far.url}/_sim/calls", timeout=10)
    with writing(site.engine) as db:
        timers.arm(db, "sweep", "acme", in_s=-100_000, every_s=900)
    sweeps.by_itself(site.desk, "acme")
    assert calls(far, "/rest/") == 0
    with reading(site.engine) as db:
        assert timers.late_s(db, "sweep", "acme") < 0


def test_a_paused_connector_is_not_swept(site: Rig, far: Any) -> None:
    from store import connectors, definitions

    with writing(site.engine) as db:
        connectors.set_state(db, "acme", "paused", "at night")
        definitions.changed(db)
    with reading(site.engine) as db:
        site.desk.loaded.fresh(db)
    requests.delete(f"{far.url}/_sim/calls", timeout=10)
    sweeps.by_itself(site.desk, "acme")
    assert calls(far, "/rest/") == 0
