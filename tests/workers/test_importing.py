"""Imports against the simulator on real sockets: what lands, what a second one changes, and what breaks in between."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, text

from config.settings import Settings
from store import imports
from store.session import writing
from tests.workers.conftest import fault
from tests.workers.rig import Rig, rig
from workers import importing


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Any:
    with rig(engine, settings, far) as one:
        yield one


def import_(one: Rig, *resources: str, projects: list[str] | None = None, mode: str = "full", **more: Any) -> dict[str, Any]:
    """Do an import to its end, as the command line does; its row."""
    with writing(one.engine) as db:
        id = imports.add(db, "acme", resources, projects, mode, "test", **more)
    return go_on(one, id)


def go_on(one: Rig, id: int, times: int = 40) -> dict[str, Any]:
    for _ in range(times):
        one_row = row(one, id)
        if one_row["state"] != "waiting":
            break
        with writing(one.engine) as db:
            db.execute(text("UPDATE tieback_imports SET run_after = '2020-01-01 00:00:00.000000' WHERE id = :id"), {"id": id})
        importing.do(one.desk, id)
    return row(one, id)


def row(one: Rig, id: int) -> dict[str, Any]:
    (found,) = one.rows(f"SELECT * FROM tieback_imports WHERE id = {id}")
    counts = found["counts"]
    return {**found, "counts": json.loads(counts) if isinstance(counts, str) else counts or {}}


def counts(found: dict[str, Any], resource: str) -> tuple[int, ...]:
    """(new, changed, unchanged, deleted)"""
    done = found["counts"][resource]
    return tuple(done.get(key, 0) for key in ("new", "changed", "unchanged", "deleted"))


def parts(one: Rig) -> list[tuple[str, str, str]]:
    """(resource, state, reason) of every list of every import."""
    rows = one.rows("SELECT resource, state, reason FROM tieback_import_parts ORDER BY id")
    return [(found["resource"], found["state"], found["reason"] or "") for found in rows]


def change(far: Any, **wish: Any) -> list[int]:
    answer = requests.post(f"{far.url}/_sim/change", json={"resource": "RFIs", "project_id": far.project_id, **wish}, timeout=60)
    answer.raise_for_status()
    ids: list[int] = answer.json()["ids"]
    return ids


def there(far: Any, resource: str) -> dict[str, Any]:
    """What the far end has of a resource in its first company, by id as text."""
    shelves, world = far.world.shelves, far.world
    scopes = [far.company_id, *(project.id for project in world.projects(far.company_id))]
    return {str(one.id): one.body for scope in scopes for one in shelves.of(resource, scope) if one.live}


def test_a_full_import_brings_every_record_of_every_project(site: Rig, far: Any) -> None:
    done = import_(site, "RFIs", "Company Vendors")
    assert done["state"] == "ok", done
    for resource, table in (("RFIs", "rfis"), ("Company Vendors", "company_vendors")):
        wanted = there(far, resource)
        rows = site.rows(f"SELECT id, body, deleted_at, connector, run_id FROM {table}")
        assert {one["id"] for one in rows} == set(wanted)
        assert len(rows) == len(wanted) == counts(done, resource)[0]
        assert {one["connector"] for one in rows} == {"acme"}
    assert site.rows("SELECT * FROM tieback_events WHERE source <> 'config'") == []
    assert site.rows("SELECT * FROM tieback_runs") == []


def test_importing_twice_changes_nothing(site: Rig, far: Any) -> None:
    import_(site, "RFIs")
    before = site.rows("SELECT id, record_hash, fetched_at FROM rfis ORDER BY id")
    copies = site.rows("SELECT count(*) AS n FROM tieback_records")
    second = import_(site, "RFIs")
    assert counts(second, "RFIs") == (0, 0, len(before), 0)
    assert site.rows("SELECT id, record_hash, fetched_at FROM rfis ORDER BY id") == before
    assert site.rows("SELECT count(*) AS n FROM tieback_records") == copies


def test_only_what_changed_is_read_the_second_time(site: Rig, far: Any) -> None:
    import_(site, "RFIs", mode="incremental")
    (id,) = change(far, verb="update", fields={"subject": "Moved"})
    (new,) = change(far, verb="create")
    second = import_(site, "RFIs", mode="incremental")
    done = counts(second, "RFIs")
    assert done[:2] == (1, 1)
    assert second["counts"]["RFIs"]["read"] < len(there(far, "RFIs"))
    (kept,) = site.rows(f"SELECT body FROM rfis WHERE id = '{id}'")
    assert "Moved" in str(kept["body"])
    assert site.rows(f"SELECT id FROM rfis WHERE id = '{new}'")


def test_what_is_older_than_the_row_never_replaces_it(site: Rig, far: Any) -> None:
    import_(site, "RFIs")
    with writing(site.engine) as db:
        db.execute(text("UPDATE rfis SET updated_at = '2099-01-01 00:00:00.000000', record_hash = 'newer'"))
    done = import_(site, "RFIs")
    assert counts(done, "RFIs")[1] == 0
    assert {one["record_hash"] for one in site.rows("SELECT record_hash FROM rfis")} == {"newer"}


def test_a_thinner_list_takes_nothing_from_a_fuller_copy(site: Rig, far: Any) -> None:
    import_(site, "RFIs", projects=[str(far.project_id)])
    (first,) = site.rows("SELECT id, record_id, body FROM tieback_records ORDER BY id LIMIT 1")
    body = json.loads(first["body"]) if isinstance(first["body"], str) else first["body"]
    fuller = json.dumps({**body, "distribution_list": [{"id": 1}]})
    with writing(site.engine) as db:  # as a webhook's read of the record itself leaves it
        db.execute(
            text("UPDATE tieback_records SET body = :b, record_hash = 'show' WHERE id = :i"), {"b": fuller, "i": first["id"]}
        )
    change(far, verb="update", id=int(first["record_id"]), fields={"subject": "Moved"})
    import_(site, "RFIs", projects=[str(far.project_id)])
    (row_,) = site.rows(f"SELECT body FROM rfis WHERE id = '{first['record_id']}'")
    kept = json.loads(row_["body"]) if isinstance(row_["body"], str) else row_["body"]
    assert (kept["subject"], kept["distribution_list"]) == ("Moved", [{"id": 1}])


@pytest.mark.parametrize("name", ["error_500", "error_502_html", "rate_limit_429", "truncated"])
def test_a_fault_in_the_middle_loses_and_doubles_nothing(name: str, site: Rig, far: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.import_pages.PAGE", 7)
    with writing(site.engine) as db:
        id = imports.add(db, "acme", ["RFIs"], [str(far.project_id)], "full", "test")
    importing.do(site.desk, id, slice_s=0.0)  # one page
    more = {"retry_after": 1} if name == "rate_limit_429" else {}
    fault(far, name, count=2, path="/rfis", **more)
    done = go_on(site, id)
    assert done["state"] == "ok", done["reason"]
    wanted = {str(one.id) for one in far.world.shelves.of("RFIs", far.project_id) if one.live}
    rows = [one["id"] for one in site.rows("SELECT id FROM rfis")]
    assert sorted(rows) == sorted(wanted)
    assert counts(done, "RFIs")[0] == len(wanted)


def test_a_worker_does_a_slice_and_rings_for_the_rest(site: Rig, far: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.import_pages.PAGE", 10)
    with writing(site.engine) as db:
        id = imports.add(db, "acme", ["RFIs"], [str(far.project_id)], "full", "test")
    importing.do(site.desk, id, slice_s=0.0)
    assert row(site, id)["state"] == "waiting"
    assert site.bell.rung == [("import", id)]
    site.work()
    assert row(site, id)["state"] == "ok"


def test_the_relay_brings_an_import_whose_process_died_to_a_worker(site: Rig, far: Any) -> None:
    with writing(site.engine) as db:
        id = imports.add(db, "acme", ["RFIs"], None, "full", "test")
        assert imports.claim(db, id, "a process that died")
        db.execute(text("UPDATE tieback_imports SET lease_until = '2020-01-01 00:00:00.000000'"))
    site.relay.look()
    assert ("import", id) in site.bell.rung
    site.work()
    assert row(site, id)["state"] == "ok"


def test_a_tool_that_is_off_in_one_project_does_not_stop_the_others(site: Rig, far: Any) -> None:
    fault(far, "tool_disabled", resource="RFIs", project_id=far.project_id)
    done = import_(site, "RFIs", "Punch Items")
    assert done["state"] == "ok"
    skipped = [one for one in parts(site) if one[1] == "skipped"]
    assert [(one[0], "403" in one[2]) for one in skipped] == [("RFIs", True)]
    assert {one["project_id"] for one in site.rows("SELECT project_id FROM rfis")}
    assert str(far.project_id) not in {one["project_id"] for one in site.rows("SELECT project_id FROM rfis")}
    assert str(far.project_id) in {one["project_id"] for one in site.rows("SELECT project_id FROM punch_items")}
    (noted,) = site.rows("SELECT project_id, resource FROM tieback_unavailable")
    assert noted == {"project_id": str(far.project_id), "resource": "RFIs"}


def test_an_app_that_is_not_installed_ends_the_import_with_the_mend(site: Rig, far: Any) -> None:
    fault(far, "app_uninstalled")
    done = import_(site, "RFIs")
    assert done["state"] == "failed"
    assert "App Management" in done["reason"]


def test_a_list_that_always_breaks_fails_alone(site: Rig, far: Any) -> None:
    fault(far, "error_500", path="/punch_items")
    done = import_(site, "Punch Items", "Company Vendors", projects=[str(far.project_id)])
    assert done["state"] == "failed"
    assert [(name, state) for name, state, _ in parts(site)] == [("Punch Items", "failed"), ("Company Vendors", "ok")]
    assert "tried 3 times" in parts(site)[0][2]


def test_replies_are_read_under_each_rfi(site: Rig, far: Any) -> None:
    done = import_(site, "RFI Replies")
    assert done["state"] == "ok", done["reason"]
    assert {one["id"] for one in site.rows("SELECT id FROM rfi_replies")} == set(there(far, "RFI Replies"))
    second = import_(site, "RFI Replies")
    assert counts(second, "RFI Replies")[:2] == (0, 0)


def test_daily_logs_of_other_days_than_today_are_read(site: Rig, far: Any) -> None:
    done = import_(site, "Manpower Logs")
    wanted = {id for id, body in there(far, "Manpower Logs").items() if body["status"] == "approved"}
    assert len({far_body["date"] for far_body in there(far, "Manpower Logs").values()}) > 1
    assert {one["id"] for one in site.rows("SELECT id FROM manpower_logs")} == wanted
    assert done["state"] == "ok"


def test_grouped_meetings_and_text_ids_land_like_any_other(site: Rig, far: Any) -> None:
    done = import_(site, "Meetings", "Equipment")
    assert done["state"] == "ok", done["reason"]
    assert {one["id"] for one in site.rows("SELECT id FROM meetings")} == set(there(far, "Meetings"))
    assert {one["id"] for one in site.rows("SELECT id FROM equipment")} == set(there(far, "Equipment"))


def test_keys_with_spaces_and_signs_of_any_kind_are_kept_as_they_are(site: Rig, far: Any) -> None:
    odd = {"subject": "Größe ✓ \u0000 'quoted' \"; DROP TABLE rfis", "Cost to Date": "0.00", "priority": {"name": True}, "": []}
    (id,) = change(far, verb="update", fields=odd)
    import_(site, "RFIs")
    (found,) = site.rows(f"SELECT body FROM rfis WHERE id = '{id}'")
    body = json.loads(found["body"]) if isinstance(found["body"], str) else found["body"]
    assert (body["Cost to Date"], body["priority"], body[""]) == ("0.00", {"name": True}, [])
    assert body["subject"] == str(odd["subject"]).replace("\x00", "\N{REPLACEMENT CHARACTER}")


def test_times_and_ids_that_are_none_are_said_and_cost_no_other_record(site: Rig, far: Any) -> None:
    project = str(far.project_id)
    (id,) = change(far, verb="update", fields={"updated_at": "yesterday"})
    done = import_(site, "RFIs", projects=[project])
    assert done["state"] == "ok", done["reason"]
    assert site.rows(f"SELECT updated_at FROM rfis WHERE id = '{id}'") == [{"updated_at": None}]


def test_a_table_with_another_key_is_refused_with_the_mend(site: Rig, far: Any) -> None:
    with writing(site.engine) as db:
        db.execute(text("CREATE TABLE rfis (connector text, id text, body text)"))
    done = import_(site, "RFIs", projects=[str(far.project_id)])
    assert done["state"] == "failed"
    assert "is not unique by (connector, id)" in parts(site)[0][2]


def test_a_cancelled_import_stops_at_its_next_page(site: Rig, far: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.import_pages.PAGE", 10)
    with writing(site.engine) as db:
        id = imports.add(db, "acme", ["RFIs"], [str(far.project_id)], "full", "test")
    importing.do(site.desk, id, slice_s=0.0)
    with writing(site.engine) as db:
        assert imports.cancel(db, id, "enough")
    before = site.rows("SELECT count(*) AS n FROM rfis")
    assert not importing.do(site.desk, id)
    assert site.rows("SELECT count(*) AS n FROM rfis") == before
    assert row(site, id)["state"] == "cancelled"


def test_a_new_project_gets_one_backfill(site: Rig, far: Any) -> None:
    with writing(site.engine) as db:
        id = imports.start_backfill(db, "acme", str(far.project_id), ["RFIs"], "hooks")
        assert imports.start_backfill(db, "acme", str(far.project_id), ["RFIs"], "hooks") is None
    assert id is not None
    assert go_on(site, id)["state"] == "ok"
    assert {one["project_id"] for one in site.rows("SELECT project_id FROM rfis")} == {str(far.project_id)}


def test_no_project_at_all_is_an_error_and_deletes_nothing(site: Rig, far: Any) -> None:
    import_(site, "RFIs")
    before = site.rows("SELECT id FROM rfis WHERE deleted_at IS NULL")
    fault(far, "project_removed")
    done = import_(site, "RFIs")
    assert done["state"] == "failed"
    assert "shows no project" in done["reason"]
    assert site.rows("SELECT id FROM rfis WHERE deleted_at IS NULL") == before


def test_records_that_move_to_an_earlier_page_meanwhile_are_not_missed(
    site: Rig, far: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.import_pages.PAGE", 10)
    with writing(site.engine) as db:
        id = imports.add(db, "acme", ["RFIs"], [str(far.project_id)], "full", "test")
    # When the first records vanish after each page, so that all others move forward
    for _ in range(3):
        importing.do(site.desk, id, slice_s=0.0)
        first = min(one.id for one in far.world.shelves.of("RFIs", far.project_id) if one.live)
        change(far, verb="delete", id=first)
    assert go_on(site, id)["state"] == "ok"
    # Then every record that is left is here
    left = {str(one.id) for one in far.world.shelves.of("RFIs", far.project_id) if one.live}
    assert left <= {one["id"] for one in site.rows("SELECT id FROM rfis WHERE deleted_at IS NULL")}


def test_a_window_that_is_too_much_at_once_is_read_in_halves(site: Rig, far: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import_(site, "Submittals", mode="incremental", projects=[str(far.project_id)])
    (id,) = change(far, resource="Submittals", verb="update", fields={"title": "Moved"})
    monkeypatch.setattr("workers.import_pages.PAGE", 1)
    fault(far, "error_500", path="/submittals", count=1)
    with writing(site.engine) as db:  # as if the last import had been long ago
        db.execute(text("UPDATE tieback_cursors SET until = '2026-01-01 00:00:00.000000'"))
    done = import_(site, "Submittals", mode="incremental", projects=[str(far.project_id)])
    assert done["state"] == "ok"
    asked = site.rows("SELECT status FROM tieback_calls WHERE path LIKE '%submittals' ORDER BY id")
    assert 500 in {one["status"] for one in asked}
    (kept,) = site.rows(f"SELECT body FROM submittals WHERE id = '{id}'")
    assert "Moved" in str(kept["body"])


def test_reading_since_a_date_leaves_no_gap_behind_the_cursor(site: Rig, far: Any) -> None:
    long_ago, lately = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime.now(dt.UTC)
    # Given a list that was never read whole: nothing says that it was
    import_(site, "RFIs", mode="incremental", since=long_ago, projects=[str(far.project_id)])
    assert site.rows("SELECT * FROM tieback_cursors") == []
    # And one that was: reading from before its cursor moves it, reading from after it does not
    import_(site, "RFIs", projects=[str(far.project_id)])
    (first,) = site.rows("SELECT until FROM tieback_cursors")
    import_(site, "RFIs", mode="incremental", since=lately + dt.timedelta(hours=1), projects=[str(far.project_id)])
    assert site.rows("SELECT until FROM tieback_cursors") == [first]
    import_(site, "RFIs", mode="incremental", since=long_ago, projects=[str(far.project_id)])
    assert site.rows("SELECT until FROM tieback_cursors") != [first]
