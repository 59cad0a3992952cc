"""Where callers wait: threads of one process, with a clock that only sleeping moves, or real threads and a small patience."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from config.errors import Transient
from connectors.governor import Change, Governor, MemoryQuota, MemoryShared, T
from connectors.quota import Answer, State, learn
from tests.connectors.far_end import FarEnd


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quota(clock: Clock) -> MemoryQuota:
    return MemoryQuota(clock=clock, sleep=clock.sleep)


def call(quota: Governor, lane: str = "webhook", answer: Answer | None = None, connector: str = "acme") -> None:
    with quota.call(connector, lane) as told:
        told(answer or Answer())


def shown(limit: int, remaining: int, reset_s: float) -> Answer:
    return Answer(limit=limit, remaining=remaining, reset_s=reset_s)


def test_the_first_call_waits_for_nothing(quota: MemoryQuota, clock: Clock) -> None:
    call(quota, "backfill")
    assert clock.slept == 0


def test_a_used_up_spike_is_waited_for(quota: MemoryQuota, clock: Clock) -> None:
    call(quota, answer=shown(25, 0, 7.0))
    call(quota)
    assert 7 <= clock.slept < 8


def test_a_pause_stops_every_lane_of_this_connector_and_no_other(quota: MemoryQuota, clock: Clock) -> None:
    call(quota, "backfill", Answer(pause_s=5.0, why="Procore answered 429 and asked for a pause"))
    call(quota, "backfill", connector="other")
    assert clock.slept == 0
    call(quota)
    assert clock.slept == 5


def test_a_long_wait_is_raised_so_that_the_worker_can_do_something_else(quota: MemoryQuota, clock: Clock) -> None:
    call(quota, answer=shown(600, 0, 1800.0))
    with pytest.raises(Transient, match="acme: Procore's quota leaves nothing for webhook work during the next 1800 s") as raised:
        call(quota)
    assert (raised.value.kind, raised.value.retry_after_s) == ("quota", 1800.0)
    assert clock.slept == 0


def test_a_pause_says_why(quota: MemoryQuota) -> None:
    call(quota, answer=Answer(pause_s=60.0, why="Procore answered 503 and asked for a pause"))
    with pytest.raises(Transient, match="calls pause for 60 s: Procore answered 503 and asked for a pause"):
        call(quota)


def test_a_call_that_breaks_counts_and_is_no_longer_under_way(quota: MemoryQuota) -> None:
    with pytest.raises(ZeroDivisionError), quota.call("acme", "webhook"):
        raise ZeroDivisionError
    state, _ = quota.state("acme")
    assert (state.under_way(), state.left()["spike"]) == (0, 24)


def test_a_burst_at_25_per_10_s_and_600_per_h_is_never_refused_and_uses_the_windows(clock: Clock) -> None:
    quota, far = MemoryQuota(clock=clock, sleep=clock.sleep, patience_s=4000), FarEnd()
    for _ in range(1500):
        with quota.call("acme", "webhook") as told:
            told(shown(*far.take(clock.now)))
        clock.now += 0.05
    assert (far.refused, far.served) == (0, 1500)
    # Two hours are used up to the reserve of webhooks, the third one holds the rest
    assert clock.now - 1000 < 2 * 3600 + 200


def test_a_clock_that_is_an_hour_off_changes_nothing(clock: Clock) -> None:
    quota, far = MemoryQuota(clock=clock, sleep=clock.sleep, patience_s=4000), FarEnd(skew_s=-3600.0)
    for _ in range(100):
        with quota.call("acme", "webhook") as told:
            told(shown(*far.take(clock.now)))
    assert far.refused == 0
    assert clock.now - 1000 < 45


# Threads


def test_of_those_who_wait_the_higher_lane_goes_first() -> None:
    # Given a pause after which two calls of webhooks fit, or one of a lower lane and one of webhooks
    quota, went, refused = MemoryQuota(), [], []
    call(quota, answer=replace(shown(25, 3, 60.0), pause_s=0.6, why="x"))

    def work(lane: str) -> None:
        try:
            call(quota, lane)
            went.append(lane)
        except Transient:
            refused.append(lane)

    # When the lower lanes have waited longest
    started = [threading.Thread(target=work, args=(lane,)) for lane in ("manual", "webhook", "webhook")]
    for one in started:
        one.start()
        time.sleep(0.05)
    for one in started:
        one.join()
    assert (went, refused) == (["webhook", "webhook"], ["manual"])


class Looks(MemoryShared):
    """Counts how often the state is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def change(self, connector: str, how: Change[T]) -> T:
        self.count += 1
        return super().change(connector, how)


def settled(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def test_calls_that_follow_each_other_share_a_look_and_what_is_not_used_is_given_back() -> None:
    shared = Looks()
    quota = Governor(shared, at_once=4)
    for _ in range(9):
        call(quota)
    assert shared.count <= 6
    assert settled(lambda: quota.state("acme")[0].under_way() == 0)
    state, _ = quota.state("acme")
    assert state.left() == {"spike": 25 - 9, "hour": 600 - 9}


def test_calls_taken_together_leave_the_reserve_to_webhooks() -> None:
    quota = Governor(MemoryShared(), at_once=4, patience_s=0.05)
    with pytest.raises(Transient):
        for _ in range(30):
            call(quota, "backfill")
    assert quota.state("acme")[0].left()["spike"] == 7


def test_a_429_is_told_at_once_and_the_calls_in_hand_are_not_sent() -> None:
    shared = MemoryShared()
    one, other = Governor(shared, at_once=4), Governor(shared, patience_s=0.05)
    for _ in range(2):
        call(one)
    call(one, answer=Answer(pause_s=30.0, why="Procore answered 429 and asked for a pause"))
    for quota in (one, other):
        with pytest.raises(Transient, match="429"):
            call(quota)
    assert other.state("acme")[0].under_way() == 0


def test_many_threads_never_have_more_calls_than_the_window() -> None:
    quota, going, most = MemoryQuota(patience_s=0.2), threading.Semaphore(0), []
    call(quota, answer=shown(600, 599, 3500.0))

    def work() -> None:
        try:
            with quota.call("acme", "webhook") as told:
                most.append(quota.state("acme")[0].under_way())
                going.acquire(timeout=5)
                told(Answer())
        except Transient:
            pass

    threads = [threading.Thread(target=work) for _ in range(40)]
    for one in threads:
        one.start()
    assert settled(lambda: sum(one.is_alive() for one in threads) == 23)
    for _ in threads:
        going.release()
    for one in threads:
        one.join()
    assert len(most) == 23


def test_a_shared_state_is_learned_by_whoever_comes_next() -> None:
    shared = MemoryShared()
    shared.change("acme", lambda state, now: (learn(State(), now, shown(100, 10, 9.0)), None))
    quota = Governor(shared, patience_s=0.05)
    with pytest.raises(Transient):
        for _ in range(20):
            call(quota)
    assert quota.state("acme")[0].left()["spike"] == 2
