"""One quota for all processes: in rows, in Redis, and from one to the other when a server goes away.

Processes are played by governors of their own, and once by real ones.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, text

from bench.quota_burst import burst
from config.errors import Transient
from config.settings import Settings
from connectors.governor import Governor
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls, MemoryTokens
from connectors.quota import Answer
from connectors.quota_state import from_json
from simulator.app import Running, serve
from store.session import writing
from tests.connectors.conftest import connector_to
from tests.connectors.test_governor import settled
from tests.services import Server
from workers import quota

Make = Callable[[], Governor]


@pytest.fixture(params=["rows", pytest.param("redis", marks=pytest.mark.services)])
def shared(request: pytest.FixtureRequest, settings: Settings, engine: Engine) -> Settings:
    """Settings whose quota is in rows of either database, or in Redis."""
    if request.param == "rows":
        return settings
    server: Server = request.getfixturevalue("redis_server")
    redis.Redis.from_url(server.url).flushall()
    return replace(settings, broker_url=server.url)


@pytest.fixture
def make(shared: Settings, engine: Engine) -> Make:
    """Makes the governor of one more process, with little patience."""

    def made() -> Governor:
        one = quota.governor(engine, shared)
        one._patience_s = 1.0
        return one

    return made


def call(quota: Governor, lane: str = "webhook", answer: Answer | None = None) -> None:
    with quota.call("acme", lane) as told:
        told(answer or Answer())


def spend(quotas: list[Governor], lane: str) -> int:
    """Calls of all in turn until one would have to wait."""
    for count in range(1000):
        try:
            call(quotas[count % len(quotas)], lane)
        except Transient:
            return count
    return 1000


def test_processes_share_one_window_and_leave_the_reserve(make: Make) -> None:
    mine = [make() for _ in range(3)]
    assert spend(mine, "backfill") == 18
    assert spend(mine, "webhook") == 6


def test_what_one_process_learns_the_others_know(make: Make) -> None:
    one, other = make(), make()
    call(one, answer=Answer(limit=100, remaining=99, reset_s=9.0, pause_s=0.0))
    assert other.state("acme")[0].spike.limit == 100


def test_a_pause_that_one_process_was_told_of_holds_for_the_others(make: Make) -> None:
    one, other = make(), make()
    call(one, answer=Answer(pause_s=600.0, why="Procore answered 429 and asked for a pause"))
    with pytest.raises(Transient, match="Procore answered 429") as told:
        call(other)
    assert told.value.retry_after_s is not None
    assert 590 < told.value.retry_after_s <= 600
    with other.call("elsewhere", "webhook"):
        pass


def test_one_process_at_a_time_tries_whether_procore_is_back(make: Make) -> None:
    one, other = make(), make()
    for _ in range(8):
        call(one, "manual", Answer(trouble="503: Procore is in trouble"))
    with one.call("acme", "manual"), pytest.raises(Transient, match="503: Procore is in trouble"):
        call(other, "manual")


# Servers that go away


def test_a_database_that_is_away_fails_no_call_and_forgets_nothing(engine: Engine, settings: Settings) -> None:
    mine = quota.governor(engine, settings)
    call(mine, answer=Answer(limit=100, remaining=50, reset_s=9.0, pause_s=0.0))
    with writing(engine) as db:
        db.execute(text("ALTER TABLE tieback_quota RENAME TO away"))
    call(mine)
    call(mine, answer=Answer(pause_s=600.0, why="x"))
    with pytest.raises(Transient, match="calls pause for"):
        call(mine)
    assert mine.state("acme")[0].spike.limit == 100


@pytest.fixture
def doomed() -> Iterator[Server]:
    """A Redis of this test alone."""
    from tests import services

    with services.redis_server() as server:
        yield server


@pytest.mark.services
def test_without_redis_the_rows_go_on_where_it_was_and_back(doomed: Server, engine: Engine, settings: Settings) -> None:
    mine = [quota.governor(engine, replace(settings, broker_url=doomed.url)) for _ in range(2)]
    for one in mine:
        one._patience_s = 1.0
    assert spend(mine, "backfill") == 18
    # When Redis is gone, the window is still used up for both
    doomed.kill()
    assert spend(mine, "backfill") == 0
    call(mine[0], answer=Answer(limit=100, remaining=90, reset_s=9.0))
    call(mine[1])
    # And a Redis that comes back without its memory learns what is in the rows
    doomed.start()
    assert settled(lambda: _known_to(doomed, mine[1]))


def _known_to(server: Server, mine: Governor) -> bool:
    """Look at the state, and see whether Redis has what the rows had."""
    mine.state("acme")
    kept = redis.Redis.from_url(server.url, decode_responses=True).get("tieback:quota:acme")
    return kept is not None and from_json(json.loads(str(kept))).spike.limit == 100


@pytest.mark.services
def test_what_cannot_be_read_in_redis_is_replaced(redis_server: Server, engine: Engine, settings: Settings) -> None:
    client = redis.Redis.from_url(redis_server.url, decode_responses=True)
    client.set("tieback:quota:acme", "{half")
    call(quota.governor(engine, replace(settings, broker_url=redis_server.url)))
    assert '"spent"' in str(client.get("tieback:quota:acme"))
    assert 0 < int(client.ttl("tieback:quota:acme")) <= quota.KEPT_S  # type: ignore[arg-type]


# Against the simulator


def procore(far: Running, quota: Governor, lane: str = "webhook", calls: MemoryCalls | None = None) -> Procore:
    return Procore(connector_to(far), MemoryTokens(), calls or MemoryCalls(), quota, lane)


def statuses(calls: MemoryCalls) -> list[int | None]:
    return [one.status for _, one in calls.calls if one.path.startswith("/rest")]


def test_a_clock_that_is_an_hour_off_delays_nothing_and_refuses_nothing(make: Make) -> None:
    with serve(spike=100, hourly=3600) as far:
        far.world.faults.add({"name": "clock_skew", "seconds": -3600})
        calls = MemoryCalls()
        one = procore(far, make(), calls=calls)
        for _ in range(60):
            one.request("GET", "/rest/v1.0/me")
    assert statuses(calls) == [200] * 60


def test_a_429_with_a_clock_an_hour_off_is_waited_for_no_longer_than_it_says(make: Make) -> None:
    with serve(spike=100, hourly=3600) as far:
        far.world.faults.add({"name": "clock_skew", "seconds": 3600})
        far.world.faults.add({"name": "rate_limit_429", "count": 1, "retry_after": 600})
        mine = make()
        with pytest.raises(Transient) as raised:
            procore(far, mine).request("GET", "/rest/v1.0/me")
        state, now = mine.state("acme")
    assert raised.value.kind == "http_429"
    assert 590 < state.blocked_until - now <= 601


def test_trap_17_a_disconnected_app_costs_a_handful_of_calls_however_many_work_items_want_it(make: Make) -> None:
    with serve(spike=100, hourly=3600) as far:
        far.world.faults.add({"name": "app_uninstalled"})
        calls = MemoryCalls()
        sides = [procore(far, make(), calls=calls) for _ in range(3)]
        kinds = []
        for count in range(60):
            try:
                sides[count % 3].projects()
            except Exception as error:
                kinds.append(getattr(error, "kind", ""))
    assert kinds == ["disconnected"] * 8 + ["quota"] * 52
    assert statuses(calls) == [403] * 8


def test_a_first_call_that_died_with_its_process_holds_nobody_up(shared: Settings, engine: Engine) -> None:
    # Given a quota of which nothing is known, and a call that ended with its process
    one = quota.governor(engine, shared)
    died = subprocess.Popen(["true"])
    died.wait()
    one._holder = f"{socket.gethostname()}/{died.pid}/1/aa"
    one.call("acme", "webhook").__enter__()
    assert one.shared.change("acme", lambda state, now: (None, state)).under_way() == 0
    # When another process calls, then it need not wait, and the lost call counts as made
    other = quota.governor(engine, shared)
    other._patience_s = 0.0
    call(other)
    assert settled(lambda: (other.state("acme")[0].hour.used, other.state("acme")[0].under_way()) == (2, 0))


def test_a_connector_that_leads_elsewhere_now_begins_with_a_quota_of_which_nothing_is_known(
    shared: Settings, engine: Engine
) -> None:
    places = {"acme": "here"}
    one = quota.governor(engine, shared, places.get)
    call(one, answer=Answer(limit=3600, remaining=3000, reset_s=1800.0))
    assert settled(lambda: one.state("acme")[0].hour.sure)
    # When it is moved, as this process and others know
    places["acme"] = "there"
    for side in (one, quota.governor(engine, shared, places.get)):
        assert not side.state("acme")[0].hour.sure
        call(side)
    # Then who does not know where it leads sees what the others have learnt there
    assert quota.governor(engine, shared).state("acme")[0].place == "there"


def test_calls_are_logged_with_their_lane(make: Make) -> None:
    with serve() as far:
        calls = MemoryCalls()
        procore(far, make(), "backfill", calls).request("GET", "/rest/v1.0/me")
    assert {one.lane for _, one in calls.calls} == {"backfill"}


# There is a spike window of seconds, and the header may show either.
def test_real_processes_in_all_lanes_cause_no_429_and_use_the_window(shared: Settings, tmp_path: Path, capsys: Any) -> None:
    env = {"TIEBACK_DATABASE_URL": shared.database_url, "TIEBACK_BROKER_URL": shared.broker_url}
    with serve(spike=25, hourly=600) as far:
        found = burst(far, env, tmp_path, processes=3, seconds=12)
    with capsys.disabled():
        sys.stdout.write(
            f"\n  3 processes, {shared.broker_url.partition(':')[0]}: {found['served']} of {found['possible']} calls\n"
        )
    assert found["refused"] == 0
    assert found["fewest_left"] in (1, 2)
    assert all(set(one) <= {"200"} for one in found["lanes"].values())
    assert found["lanes"]["webhook"]["200"] >= found["lanes"]["backfill"]["200"]


def test_the_hour_is_shared_too(make: Make) -> None:
    with serve(spike=25, hourly=16) as far:
        calls = MemoryCalls()
        one, other = (procore(far, make(), "backfill", calls) for _ in range(2))
        for side in (one, other) * 6:
            side.request("GET", "/rest/v1.0/me")
        with pytest.raises(Transient) as raised:
            one.request("GET", "/rest/v1.0/me")
        procore(far, make(), "webhook", calls).request("GET", "/rest/v1.0/me")
    assert raised.value.retry_after_s is not None
    assert 3500 < raised.value.retry_after_s < 3605
    assert statuses(calls) == [200] * 13
