"""Many changed records cost few calls, and what cannot be read together is read alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from sqlalchemy import Engine, update

from config import failpoints
from config.settings import Settings
from store.models import Delivery, Fetch
from store.session import reading, writing
from store.types import now
from tests.workers.conftest import fault
from tests.workers.rig import Rig, payload, rig
from tests.workers.served import served
from workers import copying, jobs, planner
from workers.hooks import Hooks

WHOLE = """
    format: 1
    id: keep-{stem}
    stage: live
    when:
      - webhook: {{connector: acme, resource: {resource}, actions: [create, update]}}
    do:
      - id: write
        use: db.upsert
        with: {{table: {stem}, row: "${{record}}"}}
"""
NAMED = """
    format: 1
    id: name-rfis
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [create, update]}
    do:
      - id: write
        use: db.upsert
        with: {table: names, row: {id: "${record.id}", subject: "${record.subject}"}, key: [id]}
"""


@contextmanager
def site(engine: Engine, settings: Settings, far: Any, *rules: str) -> Iterator[Rig]:
    with rig(engine, settings, far, **{f"rule{n}": text for n, text in enumerate(rules)}) as one:
        one.work()
        requests.delete(f"{far.url}/_sim/calls", timeout=10)
        yield one


def change(far: Any, resource: str, count: int = 1, verb: str = "create", **about: Any) -> list[str]:
    wish = {"resource": resource, "verb": verb, "project_id": far.project_id, "count": count, **about}
    reply = requests.post(f"{far.url}/_sim/change", json=wish, timeout=60)
    assert reply.ok, reply.text
    return [str(id) for id in reply.json()["ids"]]


def arrive(one: Rig, far: Any, ids: list[str], resource: str, action: str = "update", mark: str = "", **values: Any) -> None:
    """One delivery each, all sorted; nothing but the first of them is read yet."""
    for number, id in enumerate(ids):
        said = payload(far, id, resource=resource, action=action, key=f"01J{mark}{number:0{23 - len(mark)}d}")
        one.deliver(said | values)


def calls(far: Any, path: str) -> dict[str, int]:
    """Count by the last part of the path, of the paths that have `path` in them."""
    told = requests.get(f"{far.url}/_sim/calls", timeout=10).json()
    found: dict[str, int] = {}
    for call in told:
        if path in call["path"] and call["method"] == "GET":
            found[call["path"].rpartition("/")[2]] = found.get(call["path"].rpartition("/")[2], 0) + call["count"]
    return found


def states(one: Rig) -> list[str]:
    return [run["state"] for run in one.runs()]


def count(one: Rig, table: str) -> int:
    return int(one.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def test_a_burst_on_a_list_as_full_as_show_costs_a_call_for_each_hundred_and_two(
    engine: Engine, settings: Settings, far: Any
) -> None:
    ids = change(far, "Punch Items", 120)
    with site(engine, settings, far, WHOLE.format(stem="punch_items", resource="Punch Items")) as one:
        arrive(one, far, ids, "Punch Items", "create")
        one.work()
        one.settle()
        assert states(one) == ["ok"] * 120
        assert count(one, "punch_items") == 120
        assert sum(calls(far, "/punch_items").values()) <= 2 + 2


def test_a_hundred_events_on_five_records_cost_five_calls_at_most(engine: Engine, settings: Settings, far: Any) -> None:
    ids = change(far, "Punch Items", 5)
    with site(engine, settings, far, WHOLE.format(stem="punch_items", resource="Punch Items")) as one:
        for turn in range(20):
            arrive(one, far, ids, "Punch Items", mark=f"{turn:02d}")
        one.work()
        one.settle()
        assert len(states(one)) == 100
        assert set(states(one)) == {"ok", "skipped"}
        assert sum(calls(far, "/punch_items").values()) <= 5


def test_a_hundred_events_on_five_records_that_are_read_alone_cost_five_calls_and_no_sixth(
    engine: Engine, settings: Settings, far: Any
) -> None:
    ids = change(far, "RFIs", 5)
    with site(engine, settings, far, WHOLE.format(stem="rfis", resource="RFIs")) as one:
        # Given the first event, sorted already and about to be read, when the others come
        arrive(one, far, ids[:1], "RFIs", mark="FF")
        jobs.one(*_next(one))
        assert [actor for actor, _ in one.bell.rung] == ["fetch"]
        for turn in range(20):
            arrive(one, far, ids if turn else ids[1:], "RFIs", mark=f"{turn:02d}")
        with writing(engine) as db:  # however slow the machine: they came within the two seconds
            db.execute(update(Delivery).values(received_at=now(-1)))
        one.work()
        one.settle()
        assert len(states(one)) == 100
        assert set(states(one)) == {"ok", "skipped"}
        assert calls(far, "/rfis") == {"{id}": 5}


def test_a_record_that_is_read_alone_is_read_at_once_when_nothing_follows(engine: Engine, settings: Settings, far: Any) -> None:
    with site(engine, settings, far, WHOLE.format(stem="rfis", resource="RFIs")) as one:
        arrive(one, far, change(far, "RFIs"), "RFIs")
        one.work()
        assert states(one) == ["ok"]


def test_a_flow_that_is_sorted_slowly_is_not_torn_into_small_batches(engine: Engine, settings: Settings, far: Any) -> None:
    ids = change(far, "Punch Items", 130)
    with site(engine, settings, far, WHOLE.format(stem="punch_items", resource="Punch Items")) as one:
        arrive(one, far, ids, "Punch Items")
        # When each ten take longer to be sorted than a batch gathers
        waiting = list(one.bell.rung)
        one.bell.rung.clear()
        for start in range(0, len(waiting), 10):
            one.bell.rung += waiting[start : start + 10]
            one.work()
            one.let_pass(3.0)
            one.relay.look()
            one.bell.rung = [asked for asked in one.bell.rung if asked[0] != "sort"]
            one.work()
        one.settle()
        assert states(one) == ["ok"] * 130
        assert sum(calls(far, "/punch_items").values()) <= 2 + 2


def test_a_directory_edit_that_is_told_very_often_costs_a_call_for_each_record(
    engine: Engine, settings: Settings, far: Any
) -> None:
    rule = WHOLE.format(stem="company_users", resource="Company Users")
    requests.post(f"{far.url}/_sim/fill", json={"resource": "Company Users", "count": 15}, timeout=10).raise_for_status()
    with served(engine, settings, far, users=rule) as one:
        one.work()
        with reading(engine) as db:
            one.desk.loaded.fresh(db)
        mine = Hooks(engine, one.box, one.settings, one.desk.loaded, "acme")
        mine.apply(mine.plan().changes, "test")
        requests.delete(f"{far.url}/_sim/calls", timeout=10).raise_for_status()
        # When one edit of fifteen people is told a hundred and twenty times, and read while it is still being told
        wish = {"resource": "Company Users", "events": 120, "records": 15}
        requests.post(f"{far.url}/_sim/fanout", json=wish, timeout=60).raise_for_status()
        told = "SELECT count(*) AS n FROM tieback_events WHERE source = 'webhook'"
        while one.rows(told)[0]["n"] < 120:
            one.relay.look()
            one.work()
        one.settle()
        # Then nobody was asked about more than once
        assert sum(calls(far, "/users").values()) == 15
        assert states(one).count("ok") == 15


def test_rules_that_name_only_fields_of_the_list_are_served_by_it(engine: Engine, settings: Settings, far: Any) -> None:
    ids = change(far, "RFIs", 12)
    with site(engine, settings, far, NAMED) as one:
        arrive(one, far, ids, "RFIs", "create")
        one.work()
        one.settle()
        assert count(one, "names") == 12
        assert calls(far, "/rfis")["rfis"] <= 2
        assert calls(far, "/rfis").get("{id}", 0) <= 1


def test_a_rule_that_wants_the_whole_record_has_each_shown(engine: Engine, settings: Settings, far: Any) -> None:
    ids = change(far, "RFIs", 5)
    with site(engine, settings, far, NAMED, WHOLE.format(stem="rfis", resource="RFIs")) as one:
        arrive(one, far, ids, "RFIs", "create")
        one.work()
        one.settle()
        assert calls(far, "/rfis") == {"{id}": 5}
        bodies = one.rows("SELECT body FROM rfis")
        assert len(bodies) == 5
        assert all("drawing_ids" in str(row["body"]) for row in bodies)


def test_what_a_list_does_not_tell_stays_as_it_was_last_seen(engine: Engine, settings: Settings, far: Any) -> None:
    both = [NAMED, WHOLE.format(stem="rfis", resource="RFIs").replace("[create, update]", "[create]")]
    ids = change(far, "RFIs", 3)
    with site(engine, settings, far, *both) as one:
        arrive(one, far, ids, "RFIs", "create")
        one.work()
        one.settle()
        copies = count(one, "tieback_records")
        # When they are read by the list, unchanged
        arrive(one, far, ids, "RFIs", "update", mark="B")
        one.work()
        one.settle()
        # Then the content is the same, and a run that saw it does not run again
        assert calls(far, "/rfis")["rfis"] >= 1
        assert count(one, "tieback_records") == copies
        named = [run["reason"] or "" for run in one.runs() if run["state"] == "skipped"]
        assert len(named) == 3
        assert all(reason.startswith("unchanged since run") for reason in named)


def test_a_record_that_the_list_does_not_show_is_looked_for_alone_and_keeps_its_time(
    engine: Engine, settings: Settings, far: Any
) -> None:
    ids = change(far, "Punch Items", 3)
    with site(engine, settings, far, WHOLE.format(stem="punch_items", resource="Punch Items")) as one:
        arrive(one, far, [ids[0], "5", *ids[1:]], "Punch Items")
        one.work()
        one.skip_ahead()
        one.relay.look()
        one.work()
        assert sorted(states(one)) == ["ok", "ok", "ok", "waiting"]
        one.settle()
        gone = [run["reason"] for run in one.runs() if run["state"] == "skipped"]
        assert gone == ["the record is gone, or we may not see it (404)"]


def test_many_records_that_are_not_there_yet_are_looked_for_together(engine: Engine, settings: Settings, far: Any) -> None:
    with site(engine, settings, far, WHOLE.format(stem="punch_items", resource="Punch Items")) as one:
        fault(far, "read_lag", seconds=600)
        ids = change(far, "Punch Items", 40)
        arrive(one, far, ids, "Punch Items", "create")
        one.work()
        for _ in range(2):
            one.skip_ahead()
            one.relay.look()
            one.work()
        assert sum(calls(far, "/punch_items").values()) <= 8
        requests.delete(f"{far.url}/_sim/faults", timeout=10)
        one.settle()
        assert states(one) == ["ok"] * 40


def test_an_outage_in_the_middle_puts_the_whole_batch_back_and_it_goes_together_later(
    engine: Engine, settings: Settings, far: Any
) -> None:
    ids = change(far, "Punch Items", 30)
    with site(engine, settings, far, WHOLE.format(stem="punch_items", resource="Punch Items")) as one:
        arrive(one, far, ids, "Punch Items")
        fault(far, "outage", count=3)
        one.work()
        one.settle()
        assert states(one) == ["ok"] * 30
        assert sum(calls(far, "/punch_items").values()) <= 6


def test_one_change_told_for_many_projects_is_read_once(engine: Engine, settings: Settings, far: Any) -> None:
    (id,) = change(far, "Punch Items")
    with site(engine, settings, far, WHOLE.format(stem="punch_items", resource="Punch Items")) as one:
        for turn in range(50):
            arrive(one, far, [id], "Punch Items", mark=f"{turn:02d}", timestamp="2026-03-01T10:00:00.123456Z")
        one.work()
        one.settle()
        assert sum(calls(far, "/punch_items").values()) == 1
        assert states(one).count("ok") == 1


def test_a_worker_that_ends_between_the_parts_of_a_batch_loses_and_doubles_nothing(
    engine: Engine, settings: Settings, far: Any
) -> None:
    ids = change(far, "Punch Items", 60)
    with site(engine, settings, far, WHOLE.format(stem="punch_items", resource="Punch Items")) as one:
        arrive(one, far, ids, "Punch Items", "create")
        failpoints.arm("fetch.before_commit:raise@2", testing=True)
        try:
            one.work()
        finally:
            failpoints.arm("", testing=False)
        assert states(one).count("ok") == copying.AT_ONCE
        one.settle()
        assert states(one) == ["ok"] * 60
        assert count(one, "tieback_records") == count(one, "punch_items") == 60


def test_a_row_of_a_batch_that_passed_to_another_worker_is_left_to_it(engine: Engine, settings: Settings, far: Any) -> None:
    ids = change(far, "Punch Items", 4)
    with site(engine, settings, far, WHOLE.format(stem="punch_items", resource="Punch Items")) as one:
        arrive(one, far, ids, "Punch Items", "create")
        while one.bell.rung[0][0] == "sort":
            jobs.one(*_next(one))
        # Given a batch of four, of which somebody else took one over
        with writing(engine) as db:
            batch = planner.take(one.desk, db, one.bell.rung[0][1])
            assert batch is not None
            assert len(batch.taken) == 4
            db.execute(update(Fetch).where(Fetch.id == batch.taken[1].row.id).values(fence=Fetch.fence + 1))
        # When all four are kept
        bodies = one.desk.loaded.procore("acme").many("Punch Items", ids, str(far.project_id))
        copying.keep(one.desk, batch, [(taken, bodies[taken.row.record_id]) for taken in batch.taken], listed=True)
        # Then three are, and the other one has the fourth to itself
        assert count(one, "tieback_records") == 3
        one.settle()
        assert states(one) == ["ok"] * 4


def test_a_batch_whose_events_name_no_project_fails_each_run_with_that_reason(
    engine: Engine, settings: Settings, far: Any
) -> None:
    ids = change(far, "Punch Items", 3)
    with site(engine, settings, far, WHOLE.format(stem="punch_items", resource="Punch Items")) as one:
        arrive(one, far, ids, "Punch Items", project_id="")
        one.work()
        one.settle()
        assert states(one) == ["failed"] * 3
        assert all("belongs to a project: give project_id" in run["reason"] for run in one.runs())


def _next(one: Rig) -> tuple[Any, ...]:
    actor, id = one.bell.rung.pop(0)
    return actor, jobs.ACTORS[actor], one.desk, id
