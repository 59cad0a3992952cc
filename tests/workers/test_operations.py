"""Operations by the worker: chunk by chunk, a trial first, at a rate, taken back; killed in the middle, nothing is done twice."""

from __future__ import annotations

import os
import signal
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, update

from config import failpoints
from config.errors import ConfigError
from config.settings import Settings
from console.verbs import operating
from console.verbs.at_hand import AtHand, NotThere
from console.verbs.operating import Pace
from store import definitions, events
from store.models import Operation, Run
from store.session import open_engine, writing
from store.types import now
from tests.store import samples
from tests.workers.rig import Rig
from workers import bulk

RULE = """
    format: 1
    id: rule
    stage: live
    when: [{manual: {}}]
    do: [{id: keep, use: set, with: {n: "${int(event.body.n)}"}}]
"""


@pytest.fixture
def one(engine: Engine, settings: Settings) -> Iterator[Rig]:
    """A worker and one automation in force, which fails when `n` is no number."""
    with writing(engine) as db:
        definitions.activate(db, "rule", "automations/rule.yaml", textwrap.dedent(RULE))
    rig = Rig(engine, settings)
    yield rig
    rig.close()


@pytest.fixture
def here(engine: Engine, settings: Settings) -> AtHand:
    return AtHand(settings, engine, "user:ana")


def failed(one: Rig, count: int, n: str = "1", connector: str = "acme") -> list[int]:
    """Runs that failed for a cause that is gone, or is not when `n` is no number."""
    ids = []
    with writing(one.engine) as db:
        (version,) = [active.version_id for active in definitions.active(db)]
        first = len(one.rows("SELECT id FROM tieback_events"))
        for number in range(first, first + count):
            event = samples.event(db, f"e{number}", source="manual", body={"body": {"n": n}}, connector=connector)
            row = {"event_id": event, "automation": "rule", "version_id": version, "trigger": "manual", "stage": "live"}
            id = events.add_run(db, {**row, "connector": connector, "lane": "webhook"}, due=False)
            assert id is not None
            ids.append(id)
        error = {"step": "keep", "kind": "http_429", "message": "asked to wait"}
        db.execute(update(Run).where(Run.id.in_(ids)).values(state="failed", error=error, finished_at=now(-60), attempt=2))
    return ids


def let_time_pass(one: Rig) -> None:
    with writing(one.engine) as db:
        due = update(Operation).where(Operation.state == "waiting", Operation.run_after.is_not(None))
        db.execute(due.values(run_after=now(-1), paced_at=now(-3600)))


def slices(one: Rig, count: int = 20) -> None:
    """A worker looks at what is due again and again; runs are left to wait."""
    for _ in range(count):
        let_time_pass(one)
        for row in one.rows("SELECT id FROM tieback_operations WHERE state = 'waiting' AND run_after IS NOT NULL ORDER BY id"):
            one.bell.rung = [("operation", row["id"])]
            one.work()


def do_runs(one: Rig) -> None:
    for row in one.rows("SELECT id FROM tieback_runs WHERE state = 'waiting' ORDER BY id"):
        one.bell.rung = [("run", row["id"])]
        one.work()


def states(one: Rig) -> list[str]:
    return [row["state"] for row in one.runs()]


def marks(one: Rig) -> list[int]:
    """How often each run was made due again."""
    counted = "SELECT run_id, count(*) AS n FROM tieback_steps WHERE path = '~failed' GROUP BY run_id ORDER BY run_id"
    return [row["n"] for row in one.rows(counted)]


def seen(here: AtHand, id: int) -> tuple[str, int, int, int]:
    row = operating.shown(here, id)
    return row["state"], row["total"], row["done"], row["skipped"]


def test_all_that_a_filter_finds_is_due_again_in_chunks(one: Rig, here: AtHand) -> None:
    failed(one, 250)
    id = operating.start(here, "retry", {"where": {"state": "failed"}}, why="the far end is back")
    assert seen(here, id) == ("waiting", 250, 0, 0)
    slices(one)
    assert seen(here, id) == ("done", 250, 250, 0)
    assert marks(one) == [1] * 250
    lanes = {row["lane"] for row in one.rows("SELECT lane FROM tieback_runs")}
    assert lanes == {"backfill"}, "many old runs do not stand before what comes in now"
    do_runs(one)
    assert operating.shown(here, id)["outcomes"] == {"ok": 250}


def test_what_fails_while_it_goes_on_is_not_retried_a_second_time(one: Rig, here: AtHand) -> None:
    failed(one, 3, n="no number")
    id = operating.start(here, "retry", {"where": {"state": "failed"}})
    slices(one)
    do_runs(one)
    slices(one)
    assert states(one) == ["failed"] * 3
    assert marks(one) == [1] * 3
    assert operating.shown(here, id)["outcomes"] == {"failed": 3}


@pytest.mark.parametrize("what", [{}, {"where": {}}, {"where": {"state": ""}}, {"ids": []}])
def test_without_a_filter_nothing_is_done_unless_all_are_said(one: Rig, here: AtHand, what: dict[str, Any]) -> None:
    failed(one, 2)
    with pytest.raises(ConfigError, match="no filter was given, and that would be all runs"):
        operating.start(here, "retry", what)
    assert one.rows("SELECT id FROM tieback_operations") == []
    operating.start(here, "retry", {**what, "everything": True})
    slices(one)
    assert states(one) == ["waiting"] * 2


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"where": {"stat": "failed"}}, 'runs have no "stat"; did you mean "state"'),
        ({"where": {"state": "ok"}}, 'a run that is "ok" is nothing to retry'),
        ({"where": {"since": "last week"}}, '"last week" is no moment'),
        ({"where": {"state": "failed"}, "ids": [1]}, "not both"),
        ({"where": {"automation": "nobody"}}, "nothing fits that"),
    ],
)
def test_a_wish_that_cannot_be_understood_begins_nothing(one: Rig, here: AtHand, what: dict[str, Any], said: str) -> None:
    failed(one, 1)
    with pytest.raises(ConfigError) as refused:
        operating.start(here, "retry", what)
    assert said.lower() in str(refused.value).lower()
    assert one.rows("SELECT id FROM tieback_operations") == []


def test_a_run_that_is_not_there_or_not_theirs_is_not_chosen(one: Rig, here: AtHand) -> None:
    (id,) = failed(one, 1)
    for who, chosen in ((here, 999), (replace(here, only=frozenset({"north"})), id)):
        with pytest.raises(NotThere, match=f"there is no run {chosen}"):
            operating.start(who, "retry", {"ids": [chosen]})


def test_who_sees_some_companies_retries_theirs_alone(one: Rig, here: AtHand) -> None:
    failed(one, 2)
    theirs = failed(one, 2, connector="north")
    nora = replace(here, actor="user:nora", only=frozenset({"north"}))
    id = operating.start(nora, "retry", {"where": {"state": "failed"}})
    slices(one)
    assert [row["id"] for row in one.runs() if row["state"] == "waiting"] == theirs
    assert operating.shown(nora, id)["done"] == 2
    with pytest.raises(NotThere):
        operating.shown(replace(here, actor="user:nick", only=frozenset({"north"})), id)


def test_the_first_ones_are_tried_and_the_rest_follows_when_they_end_well(one: Rig, here: AtHand) -> None:
    ids = failed(one, 12)
    id = operating.start(here, "retry", {"where": {"state": "failed"}}, pace=Pace(canary=2))
    slices(one, 3)
    assert seen(here, id) == ("canary", 12, 2, 0)
    assert [row["id"] for row in one.runs() if row["state"] == "waiting"] == ids[-2:], "the newest"
    assert operating.shown(here, id)["reason"] == "waits for 2 of the 2 runs tried first to end"
    do_runs(one)
    slices(one, 3)
    assert seen(here, id) == ("done", 12, 12, 0)


def test_a_trial_that_fails_stops_it_with_the_reason_and_a_person_may_go_on(one: Rig, here: AtHand) -> None:
    failed(one, 8)
    ids = failed(one, 2, n="no number")
    id = operating.start(here, "retry", {"where": {"state": "failed"}}, pace=Pace(canary=2))
    slices(one, 2)
    do_runs(one)
    slices(one, 5)
    assert seen(here, id) == ("stopped", 10, 2, 0)
    said = operating.shown(here, id)["reason"]
    assert said.startswith(f"2 of the 2 tried first did not end well: run {ids[-1]} failed: `int(event.body.n)`")
    operating.resume(here, id)
    slices(one)
    assert seen(here, id) == ("done", 10, 10, 0)


def test_a_rate_lets_so_many_go_in_a_second(one: Rig, here: AtHand) -> None:
    failed(one, 30)
    id = operating.start(here, "retry", {"where": {"state": "failed"}}, pace=Pace(rate=10))
    counts = []
    for _ in range(4):
        slices(one, 1)
        counts.append(seen(here, id)[2])
    assert counts == [10, 20, 30, 30]


def test_until_its_window_is_over_it_is_withdrawn_and_nothing_has_happened(one: Rig, here: AtHand) -> None:
    failed(one, 3)
    id = operating.start(here, "retry", {"where": {"state": "failed"}}, pace=Pace(window_s=60))
    one.bell.rung = [("operation", id)]
    one.work()
    assert seen(here, id) == ("waiting", 3, 0, 0)
    operating.cancel(here, id)
    slices(one)
    assert (seen(here, id), states(one)) == (("cancelled", 3, 0, 0), ["failed"] * 3)


def test_what_nobody_has_begun_with_is_taken_back(one: Rig, here: AtHand) -> None:
    ids = failed(one, 5)
    before = one.rows("SELECT * FROM tieback_runs ORDER BY id")
    id = operating.start(here, "retry", {"where": {"state": "failed"}})
    slices(one)
    one.bell.rung = [("run", ids[0])]
    one.work()
    operating.take_back(here, id)
    slices(one)
    found = operating.shown(here, id)
    assert (found["state"], found["taken_back"]) == ("cancelled", 4)
    assert found["reason"] == "taken back: 4 of 5; 1 had begun already and go on"
    assert [row["state"] for row in one.rows("SELECT state FROM tieback_runs ORDER BY id")] == ["ok"] + ["failed"] * 4
    assert one.rows("SELECT * FROM tieback_runs ORDER BY id")[1:] == before[1:], "they are what they were"
    with pytest.raises(ConfigError, match=r"take back does not fit\. There is nothing left to do with it\."):
        operating.take_back(here, id)


def test_it_is_paused_and_goes_on_where_it_was(one: Rig, here: AtHand) -> None:
    failed(one, 30)
    id = operating.start(here, "retry", {"where": {"state": "failed"}}, pace=Pace(rate=10))
    slices(one, 1)
    operating.pause(here, id, "the far end is slow")
    slices(one, 3)
    assert seen(here, id) == ("paused", 30, 10, 0)
    operating.resume(here, id)
    slices(one, 5)
    assert seen(here, id) == ("done", 30, 30, 0)


def test_a_bulk_cancel_ends_what_waits_and_cannot_be_taken_back(one: Rig, here: AtHand) -> None:
    ids = failed(one, 4)
    operating.start(here, "retry", {"ids": ids[:3]})
    slices(one)
    id = operating.start(here, "cancel", {"where": {"automation": "rule"}}, why="not needed")
    slices(one)
    assert seen(here, id) == ("done", 3, 3, 0)
    assert [(row["state"], row["reason"]) for row in one.runs()][:3] == [("cancelled", "not needed")] * 3
    with pytest.raises(ConfigError, match="take back does not fit"):
        operating.take_back(here, id)


def test_stored_events_come_once_more_as_runs_that_can_be_taken_back(one: Rig, here: AtHand) -> None:
    failed(one, 3)
    id = operating.start(here, "replay", {"rule": "rule", "where": {"state": "failed"}})
    slices(one)
    assert seen(here, id) == ("done", 3, 3, 0)
    assert states(one) == ["failed"] * 3 + ["waiting"] * 3
    operating.take_back(here, id)
    slices(one)
    assert states(one) == ["failed"] * 3 + ["cancelled"] * 3


def test_a_backtest_keeps_what_it_found(one: Rig, here: AtHand) -> None:
    failed(one, 3)
    text = textwrap.dedent(RULE)
    id = operating.start(here, "backtest", {"automation": "rule", "since": "1d", "source": text, "file": "rule.yaml"})
    slices(one)
    found = operating.shown(here, id)
    assert (found["state"], found["done"], found["result"]["automation"]) == ("done", 3, "rule")
    assert "source" not in found["what"]


def test_an_operation_is_written_into_the_audit(one: Rig, here: AtHand) -> None:
    failed(one, 2)
    id = operating.start(here, "retry", {"where": {"state": "failed"}}, pace=Pace(window_s=60), why="it is back")
    operating.pause(here, id)
    operating.cancel(here, id)
    rows = one.rows("SELECT actor, verb, subject FROM tieback_audit WHERE verb LIKE 'operation%' ORDER BY id")
    assert [row["verb"] for row in rows] == ["operation started", "operation paused", "operation cancelled"]
    assert {(row["actor"], row["subject"]) for row in rows} == {("user:ana", str(id))}


def test_two_operations_over_the_same_runs_do_each_of_them_once(one: Rig, here: AtHand) -> None:
    failed(one, 250)
    first = operating.start(here, "retry", {"where": {"state": "failed"}}, pace=Pace(rate=20))
    second = operating.start(here, "retry", {"where": {"automation": "rule"}}, pace=Pace(rate=20))
    slices(one)
    assert seen(here, first)[2] + seen(here, second)[2] == 250
    assert marks(one) == [1] * 250


@pytest.mark.parametrize("point", ["operation.before_commit", "operation.after_commit"])
def test_killed_in_the_middle_it_goes_on_and_does_nothing_twice(
    one: Rig, here: AtHand, settings: Settings, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    failed(one, 95)
    id = operating.start(here, "retry", {"where": {"state": "failed"}})
    monkeypatch.setattr(bulk, "CHUNK", 10)
    for nth in (2, 3, 1):
        assert killed_at(settings, id, f"{point}:kill@{nth}"), "it was to die in the middle"
        with writing(one.engine) as db:
            db.execute(update(Operation).where(Operation.state == "running").values(lease_until=now(-1)))
        one.relay.look()
    slices(one)
    assert seen(here, id) == ("done", 95, 95, 0)
    assert marks(one) == [1] * 95
    assert len(one.rows("SELECT subject_id FROM tieback_operation_items")) == 95


def killed_at(settings: Settings, id: int, armed: str) -> bool:
    """A worker process that works on the operation until it is ended by SIGKILL at this place."""
    pid = os.fork()
    if pid == 0:
        try:
            child = Rig(open_engine(settings), settings)
            failpoints.arm(armed, testing=True)
            child.bell.rung = [("operation", id)]
            child.work()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
