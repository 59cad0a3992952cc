"""No access now is not gone: nothing is deleted, the runs say what they wait for, and waiting costs no calls."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from sqlalchemy import update

from store import records, unavailable
from store.models import Fetch, Unavailable
from store.session import reading, writing
from store.types import now
from tests.workers.conftest import changed, fault
from tests.workers.rig import Rig, payload
from tests.workers.test_planner import calls, change
from workers import access, jobs


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    access.forget()


def arrive(one: Rig, far: Any, id: str, key: str = "A", **values: Any) -> None:
    one.deliver(payload(far, id, key=f"01J{key:0>23}") | values)
    one.work()


def mend(far: Any) -> None:
    requests.delete(f"{far.url}/_sim/faults", timeout=10)


def later(one: Rig) -> None:
    """The waits of reads are over; what is known of access is not older for that."""
    one.skip_ahead()
    one.relay.look()
    one.work()


def marks(one: Rig) -> list[tuple[str, str]]:
    with reading(one.engine) as db:
        return [(row.project_id, row.resource) for row in unavailable.listed(db)]


def copy_of(one: Rig, id: str) -> Any:
    with reading(one.engine) as db:
        return records.newest(db, "acme", "RFIs", id)


@pytest.mark.parametrize("status", [403, 404])
def test_a_tool_that_is_switched_off_deletes_nothing_and_its_events_wait_for_it(keeping: Rig, far: Any, status: int) -> None:
    # Given a record that we have, and its tool switched off
    id = changed(far)
    arrive(keeping, far, id)
    fault(far, "tool_disabled", resource="RFIs", status=status)
    # When it changes
    arrive(keeping, far, id, "B")
    later(keeping)
    later(keeping)
    # Then it is known that there is no access, and the run says so
    assert marks(keeping) == [(str(far.project_id), "RFIs")]
    (_, run) = keeping.runs()
    assert run["state"] == "waiting"
    assert run["reason"].startswith(f"no access to RFIs in project {far.project_id} now ({status}).")
    assert copy_of(keeping, id).deleted_at is None
    # And further events cost no calls
    requests.delete(f"{far.url}/_sim/calls", timeout=10)
    for number in range(5):
        arrive(keeping, far, id, f"C{number}")
        later(keeping)
    assert calls(far, "/rfis") == {}
    # When the tool is on again and it is time to look
    mend(far)
    with writing(keeping.engine) as db:
        db.execute(update(Unavailable).values(until=now(-1)))
    keeping.settle()
    # Then all of them go on
    assert marks(keeping) == []
    assert {run["state"] for run in keeping.runs()} == {"ok", "skipped"}


@pytest.mark.parametrize("status", [403, 404])
def test_a_project_that_is_no_longer_permitted_deletes_nothing(keeping: Rig, far: Any, status: int) -> None:
    id = changed(far)
    arrive(keeping, far, id)
    fault(far, "project_removed", project_id=far.project_id, status=status)
    arrive(keeping, far, id, "B")
    keeping.settle(6)
    assert marks(keeping) == [(str(far.project_id), "")]
    assert f"no access to project {far.project_id} now ({status})" in keeping.runs()[1]["reason"]
    assert copy_of(keeping, id).deleted_at is None


def test_an_app_that_is_not_connected_closes_the_whole_connector(keeping: Rig, far: Any) -> None:
    fault(far, "app_uninstalled")
    arrive(keeping, far, changed(far))
    assert marks(keeping) == [("", "")]
    assert "not installed in this company" in keeping.runs()[0]["reason"]


def test_a_burst_into_a_closed_tool_costs_a_handful_of_calls(keeping: Rig, far: Any) -> None:
    ids = change(far, "RFIs", 30)
    fault(far, "tool_disabled", resource="RFIs", status=403)
    requests.delete(f"{far.url}/_sim/calls", timeout=10)
    for number, id in enumerate(ids):
        keeping.deliver(payload(far, id, key=f"01JX{number:022d}"))
    keeping.work()
    later(keeping)
    assert sum(calls(far, "/rfis").values()) <= 2
    assert [run["state"] for run in keeping.runs()] == ["waiting"] * 30


def test_after_a_day_without_access_the_runs_are_told_so(keeping: Rig, far: Any) -> None:
    fault(far, "tool_disabled", resource="RFIs", status=403)
    arrive(keeping, far, changed(far))
    with writing(keeping.engine) as db:
        db.execute(update(Unavailable).values(since=now(-90_000)))
        db.execute(update(Fetch).values(run_after=now(-1)))
    keeping.settle(4)
    (run,) = keeping.runs()
    assert run["state"] == "skipped"
    assert run["reason"].endswith("It has been so for a day.")


def test_a_record_that_is_gone_for_a_minute_while_its_list_answers_is_marked_deleted(keeping: Rig, far: Any) -> None:
    id = changed(far)
    fault(far, "error_500", path="recycle_bin")  # else that tells it sooner
    arrive(keeping, far, id)
    change(far, "RFIs", verb="delete", id=int(id))
    arrive(keeping, far, id, "B")
    assert copy_of(keeping, id).deleted_at is None
    for _ in range(2):
        later(keeping)
        assert copy_of(keeping, id).deleted_at is None
    keeping.settle()
    assert copy_of(keeping, id).deleted_at is not None
    assert keeping.runs()[1]["reason"] == "the record is gone, or we may not see it (404)"


def test_a_record_that_was_restored_from_the_recycle_bin_is_alive_again(keeping: Rig, far: Any) -> None:
    # Given a record that a delete event told us is gone
    id = changed(far)
    arrive(keeping, far, id)
    arrive(keeping, far, id, "B", reason="delete", timestamp="2098-01-01T00:00:00Z")
    assert copy_of(keeping, id).deleted_at is not None
    # When a later event comes and the record is there
    change(far, "RFIs", verb="update", id=int(id), fields={"subject": "back"})
    arrive(keeping, far, id, "C", timestamp="2099-01-01T00:00:00Z")
    keeping.settle()
    assert copy_of(keeping, id).deleted_at is None
    assert keeping.runs()[-1]["state"] == "ok"


def test_a_stale_answer_does_not_raise_the_dead_at_once(keeping: Rig, far: Any) -> None:
    id = changed(far)
    arrive(keeping, far, id)
    arrive(keeping, far, id, "B", reason="delete", timestamp="2099-01-01T00:00:00Z")
    arrive(keeping, far, id, "C", timestamp="2098-01-01T00:00:00Z")
    later(keeping)
    assert copy_of(keeping, id).deleted_at is not None
    keeping.settle()  # after a minute the answer is the same, so it is true
    assert copy_of(keeping, id).deleted_at is None


def test_a_reply_whose_rfi_nobody_names_fails_with_what_can_be_done(keeping: Rig, far: Any) -> None:
    keeping.deliver(payload(far, "77"))
    while keeping.bell.rung[0][0] == "sort":
        actor, id = keeping.bell.rung.pop(0)
        jobs.one(actor, jobs.ACTORS[actor], keeping.desk, id)
    with writing(keeping.engine) as db:
        db.execute(update(Fetch).values(resource="RFI Replies"))
    keeping.work()
    (run,) = keeping.runs()
    assert run["state"] == "failed"
    assert "RFI Replies 77 cannot be read: its address needs rfi_id, which neither the event nor a copy tells" in run["reason"]


def test_a_reply_is_looked_for_under_the_few_rfis_that_we_know(keeping: Rig, far: Any) -> None:
    # Given two RFIs that we have copies of, one of them with a reply
    procore = keeping.desk.loaded.procore
    with reading(keeping.engine) as db:
        keeping.desk.loaded.fresh(db)
    rfis = [str(one["id"]) for one in procore("acme").pages("RFIs", str(far.project_id))]
    replies = {rfi: list(procore("acme").pages("RFI Replies", str(far.project_id), parent=rfi)) for rfi in rfis[:9]}
    answered = next(rfi for rfi, found in replies.items() if found)
    other = next(rfi for rfi in rfis if rfi != answered)
    for number, rfi in enumerate((answered, other)):
        arrive(keeping, far, rfi, f"{number}")
        keeping.settle()
    # When an event of the reply comes that names no RFI
    keeping.deliver(payload(far, replies[answered][0]["id"], key="01JZ"))
    while keeping.bell.rung[0][0] == "sort":
        actor, id = keeping.bell.rung.pop(0)
        jobs.one(actor, jobs.ACTORS[actor], keeping.desk, id)
    with writing(keeping.engine) as db:
        db.execute(update(Fetch).where(Fetch.state == "waiting").values(resource="RFI Replies"))
    keeping.settle()
    # Then it is found
    assert keeping.runs()[-1]["state"] == "ok"
    with reading(keeping.engine) as db:
        assert records.newest(db, "acme", "RFI Replies", str(replies[answered][0]["id"])) is not None
