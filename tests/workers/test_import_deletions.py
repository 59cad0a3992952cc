"""Deletions by evidence: what a list no longer shows is marked only when something proves it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from tests.workers.conftest import fault
from tests.workers.rig import Rig, rig
from tests.workers.test_importing import change, counts, import_, parts


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Any:
    with rig(engine, settings, far) as one:
        yield one


def gone(one: Rig, table: str) -> list[str]:
    return [str(found["id"]) for found in one.rows(f"SELECT id FROM {table} WHERE deleted_at IS NOT NULL ORDER BY id")]


def marked(one: Rig, resource: str) -> list[str]:
    rows = one.rows(f"SELECT record_id FROM tieback_records WHERE resource = '{resource}' AND deleted_at IS NOT NULL")
    return sorted(str(found["record_id"]) for found in rows)


def paths(far: Any, ending: str) -> int:
    return sum(call["count"] for call in far.world.calls.listed() if call["path"].endswith(ending))


def test_what_is_in_the_recycle_bin_is_marked_on_row_and_copy(site: Rig, far: Any) -> None:
    project = str(far.project_id)
    import_(site, "RFIs", projects=[project])
    (id,) = change(far, verb="delete")
    done = import_(site, "RFIs", projects=[project])
    assert counts(done, "RFIs")[3] == 1
    assert gone(site, "rfis") == marked(site, "RFIs") == [str(id)]
    assert paths(far, "recycle_bin") == 1
    # And a third import has nothing left to do
    assert counts(import_(site, "RFIs", projects=[project]), "RFIs")[1:] == (0, counts(done, "RFIs")[2], 0)


def test_lists_that_can_show_deleted_records_are_asked(site: Rig, far: Any) -> None:
    import_(site, "Change Events")
    (id,) = change(far, resource="Change Events", verb="delete")
    import_(site, "Change Events")
    assert gone(site, "change_events") == [str(id)]


def test_without_a_bin_two_404s_are_the_proof(site: Rig, far: Any) -> None:
    import_(site, "Observation Items")
    (id,) = change(far, resource="Observation Items", verb="delete")
    far.world.calls.forget()
    import_(site, "Observation Items")
    assert gone(site, "observation_items") == [str(id)]
    assert sum(call["count"] for call in far.world.calls.listed() if call["status"] == 404) == 2


def test_an_incremental_import_marks_nothing(site: Rig, far: Any) -> None:
    import_(site, "RFIs", mode="incremental")
    change(far, verb="delete")
    import_(site, "RFIs", mode="incremental")
    assert gone(site, "rfis") == []


def test_very_many_gone_at_once_are_not_believed(site: Rig, far: Any) -> None:
    import_(site, "RFIs", projects=[str(far.project_id)])
    change(far, verb="delete", count=25)
    done = import_(site, "RFIs", projects=[str(far.project_id)])
    assert done["state"] == "failed"
    assert gone(site, "rfis") == []
    assert "25 of 36 records are not in the list any more, more than a fifth" in parts(site)[-1][2]
    assert "Company Admin > App Management" in parts(site)[-1][2]


def test_very_many_that_a_person_has_confirmed_by_their_number_are_marked(site: Rig, far: Any) -> None:
    project = str(far.project_id)
    import_(site, "RFIs", projects=[project])
    ids = change(far, verb="delete", count=25)
    import_(site, "RFIs", projects=[project])
    assert f'tieback import acme "RFIs" --full --project {project} --confirm-deletions 25' in parts(site)[-1][2]
    # Another number confirms nothing
    done = import_(site, "RFIs", projects=[project], confirmed=24)
    assert (done["state"], gone(site, "rfis")) == ("failed", [])
    assert "24 deletions were confirmed, but 25 records are not in the list any more" in parts(site)[-1][2]
    # The right one does
    done = import_(site, "RFIs", projects=[project], confirmed=25)
    assert (done["state"], counts(done, "RFIs")[3]) == ("ok", 25)
    assert gone(site, "rfis") == sorted(map(str, ids))


def test_a_list_that_emptied_is_asked_record_by_record_once_its_number_is_confirmed(site: Rig, far: Any) -> None:
    project = str(far.project_id)
    import_(site, "Sub Jobs", projects=[project])
    known = len(far.world.shelves.of("Sub Jobs", far.project_id))
    ids = change(far, resource="Sub Jobs", verb="delete", count=known)
    # Given a list that emptied and a person who says that all were deleted
    done = import_(site, "Sub Jobs", projects=[project], confirmed=known)
    # Then each was asked for by itself
    assert (done["state"], len(gone(site, "sub_jobs"))) == ("ok", len(ids))
    assert sum(call["count"] for call in far.world.calls.listed() if call["status"] == 404) >= known


def test_an_empty_list_proves_nothing_by_itself(site: Rig, far: Any) -> None:
    project = str(far.project_id)
    import_(site, "Sub Jobs", projects=[project])
    known = len(far.world.shelves.of("Sub Jobs", far.project_id))
    change(far, resource="Sub Jobs", verb="delete", count=known)
    done = import_(site, "Sub Jobs", projects=[project])
    assert done["state"] == "ok"
    assert gone(site, "sub_jobs") == []
    assert "the list is empty" in parts(site)[-1][2]


def test_a_vanished_project_deletes_nothing(site: Rig, far: Any) -> None:
    import_(site, "RFIs", "Projects")
    fault(far, "project_removed", project_id=far.project_id)
    done = import_(site, "RFIs", "Projects")
    assert done["state"] == "ok"
    assert gone(site, "rfis") == gone(site, "projects") == []
    assert "never marked deleted" in parts(site)[-1][2]


def test_a_record_that_comes_back_is_no_longer_deleted(site: Rig, far: Any) -> None:
    project = str(far.project_id)
    import_(site, "RFIs", projects=[project])
    (id,) = change(far, verb="delete")
    import_(site, "RFIs", projects=[project])
    assert gone(site, "rfis") == [str(id)]
    record = far.world.shelves.find("RFIs", id)
    body = {**record.body, "updated_at": "2099-01-01T00:00:00Z", "deleted": False}
    record.now = type(record.now)(body)
    far.world.shelves.touch(record)
    import_(site, "RFIs", projects=[project])
    assert gone(site, "rfis") == []
    newest = "SELECT deleted_at FROM tieback_records WHERE record_id = '{}' ORDER BY id DESC LIMIT 1"
    assert site.rows(newest.format(id)) == [{"deleted_at": None}]


def test_a_child_is_asked_for_under_the_parent_that_it_names(site: Rig, far: Any) -> None:
    import_(site, "RFI Replies", projects=[str(far.project_id)])
    (reply,) = change(far, resource="RFI Replies", verb="delete")
    import_(site, "RFI Replies", projects=[str(far.project_id)])
    assert gone(site, "rfi_replies") == [str(reply)]


def test_what_nobody_can_be_asked_about_stays_and_is_said(site: Rig, far: Any) -> None:
    import_(site, "Drawing Sets", projects=[str(far.project_id)])
    change(far, resource="Drawing Sets", verb="delete")
    done = import_(site, "Drawing Sets", projects=[str(far.project_id)])
    assert done["state"] == "ok"
    assert gone(site, "drawing_sets") == []
    assert "1 records are not in the list any more, without proof that they were deleted" in parts(site)[-1][2]
