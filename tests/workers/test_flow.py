"""Flow control over the real store: events that gather, runs that keep out of each other's way, rates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from store import runs
from store.session import writing
from tests.workers.rig import Rig, payload, rig

HEAD = """
    format: 1
    id: rule
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [create, update, delete]}
"""
WRITE = """
    do:
      - id: note
        use: db.upsert
        with: {table: seen, key: [id], row: {id: "${event.resource_id}", n: "${size(events)}", key: "${event.key}"}}
"""
PLAIN = WRITE.replace("${size(events)}", "1")
WAITS = """
    do:
      - id: pause
        use: wait.for
        with: {duration: 1h}
"""
KEY = "event.project_id"


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Any:
    @contextmanager
    def one(flow: str, do: str) -> Iterator[Rig]:
        with rig(engine, settings, far, rule=HEAD + flow + do) as made:
            yield made

    return one


def arrive(one: Rig, far: Any, count: int, *, start: int = 0, action: str = "update", id: str = "7") -> None:
    for number in range(start, start + count):
        one.deliver(payload(far, id, action=action, key=f"01J{number:023d}"))
    one.work()


def states(one: Rig) -> list[str]:
    return [run["state"] for run in one.runs()]


GATHER = "    flow: {coalesce: {key: event.project_id, quiet: 3s, max_wait: 30s, max_events: 5, keep: all}}\n"


def test_events_of_one_key_become_one_run_with_all_of_them(site: Any, far: Any) -> None:
    with site(GATHER, WRITE) as one:
        # Given three events within the quiet time
        arrive(one, far, 3)
        assert states(one) == ["waiting"]
        # When it has passed
        one.settle()
        # Then one run saw all three, and is about the last
        assert states(one) == ["ok"]
        (row,) = one.rows("SELECT n, key FROM seen")
        assert (row["n"], row["key"]) == (3, f"01J{2:023d}")
        # And each event but the first says where it went
        reasons = [
            event["reasons"] for event in one.rows("SELECT reasons FROM tieback_events WHERE source = 'webhook' ORDER BY id")
        ]
        assert reasons[0] is None
        assert "gathered into run 1, which has 3 events now" in str(reasons[2])


def test_a_full_group_is_due_at_once_and_the_next_event_begins_another(site: Any, far: Any) -> None:
    with site(GATHER, WRITE) as one:
        arrive(one, far, 6)
        assert [run["state"] for run in one.runs()] == ["ok", "waiting"]
        assert [row["n"] for row in one.rows("SELECT n FROM seen")] == [5]


def test_an_event_that_comes_while_its_group_runs_begins_a_new_one(site: Any, far: Any) -> None:
    with site(GATHER, WRITE) as one:
        arrive(one, far, 1)
        one.settle()
        arrive(one, far, 1, start=1)
        one.settle()
        assert states(one) == ["ok", "ok"]


def test_the_record_of_a_group_is_read_once_after_it_has_gathered(site: Any, far: Any) -> None:
    write = """
    do:
      - id: write
        use: db.upsert
        with: {table: rfis, row: "${record}"}
    """
    with site(GATHER, write) as one:
        id = str(next(one.desk.loaded.procore("acme").pages("RFIs", str(far.project_id)))["id"])
        calls = len(one.rows("SELECT id FROM tieback_calls"))
        arrive(one, far, 4, id=id)
        assert len(one.rows("SELECT id FROM tieback_calls")) == calls
        one.settle()
        assert states(one) == ["ok"]
        assert len(one.rows(f"SELECT id FROM tieback_calls WHERE path LIKE '%rfis/{id}'")) == 1


def overlap(policy: str, limit: int | None = None) -> str:
    more = f", limit: {limit}" if limit else ""
    return f"    flow: {{overlap: {{key: {KEY}, policy: {policy}{more}}}}}\n"


def test_a_queue_lets_runs_of_one_key_go_on_one_after_the_other(site: Any, far: Any) -> None:
    with site(overlap("queue"), WAITS) as one:
        arrive(one, far, 3)
        reasons = [run["reason"] for run in one.runs()]
        assert reasons[0].startswith("pause waits until")
        assert reasons[1:] == ["waits for its turn: before it is run 1", "waits for its turn: before it is run 1, 2"]
        # When the first one ends, the second begins by itself
        with writing(one.engine) as db:
            runs.due_now(db, 1)
        one.bell.ring("run", [1])
        one.work()
        assert states(one)[0] == "ok"
        assert one.runs()[1]["reason"].startswith("pause waits until")
        assert [run["state"] for run in one.runs()] == ["ok", "waiting", "waiting"]


def test_a_full_queue_says_so(site: Any, far: Any) -> None:
    with site(overlap("queue", 1), WAITS) as one:
        arrive(one, far, 3)
        assert states(one) == ["waiting", "waiting", "skipped"]
        assert one.runs()[2]["reason"] == "the queue is full: 1 runs with the same key wait, limit: 1"


def test_skip_leaves_alone_what_comes_while_one_is_under_way(site: Any, far: Any) -> None:
    with site(overlap("skip"), WAITS) as one:
        arrive(one, far, 2)
        assert states(one) == ["waiting", "skipped"]
        assert one.runs()[1]["reason"] == "run 1 with the same key is under way"


def test_of_those_that_wait_only_the_latest_goes_on(site: Any, far: Any) -> None:
    with site(overlap("latest"), WAITS) as one:
        arrive(one, far, 4)
        assert states(one) == ["waiting", "skipped", "skipped", "waiting"]
        assert one.runs()[1]["reason"] == "overtaken by run 3"


def test_replace_ends_the_one_that_waits_and_goes_on_itself(site: Any, far: Any) -> None:
    with site(overlap("replace"), WAITS) as one:
        arrive(one, far, 2)
        assert states(one) == ["cancelled", "waiting"]
        assert one.runs()[0]["reason"] == "replaced by run 2"
        assert one.runs()[1]["reason"].startswith("pause waits until")


def test_parallel_runs_keep_to_their_limit(site: Any, far: Any) -> None:
    with site(overlap("parallel", 2), WAITS) as one:
        arrive(one, far, 3)
        assert [run["reason"][:9] for run in one.runs()] == ["pause wai", "pause wai", "waits for"]


def test_a_cancelled_run_gives_its_turn_to_the_next(site: Any, far: Any) -> None:
    from workers import finishing

    with site(overlap("queue"), WAITS) as one:
        arrive(one, far, 2)
        with writing(one.engine) as db:
            assert runs.cancel(db, 1, "enough")
            rings = finishing.wake(db, 1, "rule")
        assert rings == [("run", 2, "webhook")]


def throttle(over: str) -> str:
    return f"    flow: {{throttle: {{key: {KEY}, rate: 2/1h, over: {over}}}}}\n"


def test_beyond_the_rate_runs_are_skipped_with_the_rate(site: Any, far: Any) -> None:
    with site(throttle("skip"), PLAIN) as one:
        arrive(one, far, 3)
        assert states(one) == ["ok", "ok", "skipped"]
        assert one.runs()[2]["reason"] == "2 runs in 1h are the most (throttle)"


def test_beyond_the_rate_runs_wait_until_the_oldest_falls_out(site: Any, far: Any) -> None:
    with site(throttle("wait"), PLAIN) as one:
        arrive(one, far, 3)
        assert states(one) == ["ok", "ok", "waiting"]
        (left,) = one.rows("SELECT run_after, created_at FROM tieback_runs WHERE id = 3")
        assert str(left["run_after"]) > str(left["created_at"])


def test_a_digest_lets_them_go_on_with_their_messages_gathered(site: Any, far: Any) -> None:
    tell = """
    do:
      - id: tell
        use: notify.send
        with: {to: "http:sink", text: "RFI ${event.resource_id} moved", once: "${event.key}"}
    """
    with site(throttle("digest"), tell) as one:
        arrive(one, far, 4)
        assert states(one) == ["ok"] * 4
        assert len(one.rows("SELECT id FROM tieback_gathered")) == 2


def test_what_its_if_lines_refuse_does_not_count_against_the_rate(site: Any, far: Any) -> None:
    with site("    if: event.action == 'delete'\n" + throttle("skip"), PLAIN) as one:
        arrive(one, far, 3)
        arrive(one, far, 1, start=3, action="delete", id="8")
        arrive(one, far, 1, start=4, action="delete", id="9")
        assert [run["state"] for run in one.runs()] == ["ok", "ok"]


def test_a_run_that_comes_back_has_its_place_already(site: Any, far: Any) -> None:
    with site(throttle("skip"), WAITS) as one:
        arrive(one, far, 2)
        one.settle()
        assert states(one) == ["ok", "ok"]
