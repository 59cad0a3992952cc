import pytest

from config.errors import Transient
from connectors.quota import MemoryQuota


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quota(clock: Clock) -> MemoryQuota:
    return MemoryQuota(clock=clock, sleep=clock.sleep)


def test_nothing_is_known_before_the_first_answer_so_nothing_waits(quota: MemoryQuota, clock: Clock) -> None:
    quota.wait("acme", "backfill")
    assert clock.slept == []


def test_a_used_up_window_is_waited_for_until_its_reset(quota: MemoryQuota, clock: Clock) -> None:
    quota.seen("acme", 25, 1, 1007.0)
    quota.wait("acme", "webhook")
    assert clock.now == 1007.0


def test_backfill_leaves_a_reserve_that_webhooks_may_use(quota: MemoryQuota, clock: Clock) -> None:
    quota.seen("acme", 100, 20, 1007.0)
    quota.wait("acme", "webhook")
    assert clock.slept == []
    quota.wait("acme", "backfill")
    assert clock.now == 1007.0


def test_calls_that_are_under_way_count_before_their_answers_come(quota: MemoryQuota, clock: Clock) -> None:
    quota.seen("acme", 25, 4, 1007.0)
    for _ in range(3):
        quota.wait("acme", "webhook")
    assert clock.slept == []
    quota.wait("acme", "webhook")
    assert clock.now == 1007.0


def test_a_429_stops_every_lane_until_the_time_it_names(quota: MemoryQuota, clock: Clock) -> None:
    quota.blocked_until("acme", 1005.0)
    quota.wait("acme", "webhook")
    assert clock.now == 1005.0


def test_one_connectors_429_does_not_stop_another(quota: MemoryQuota, clock: Clock) -> None:
    quota.blocked_until("acme", 1005.0)
    quota.wait("other", "webhook")
    assert clock.slept == []


def test_a_long_wait_is_raised_so_that_the_worker_can_do_something_else(quota: MemoryQuota) -> None:
    quota.seen("acme", 600, 0, 2800.0)
    with pytest.raises(Transient, match="leaves nothing for webhook work during the next 1800 s") as raised:
        quota.wait("acme", "webhook")
    assert (raised.value.kind, raised.value.retry_after_s) == ("quota", 1800.0)


def test_both_windows_are_kept_although_one_answer_shows_one(quota: MemoryQuota, clock: Clock) -> None:
    # Given an hourly window that is nearly used up, and then an answer that shows the spike window
    quota.seen("acme", 600, 12, 2800.0)
    quota.seen("acme", 25, 20, 1007.0)
    # Then the hourly one still holds
    with pytest.raises(Transient):
        quota.wait("acme", "webhook")


def test_an_answer_that_was_overtaken_does_not_bring_back_an_ended_window(quota: MemoryQuota, clock: Clock) -> None:
    quota.seen("acme", 25, 20, 1017.0)
    quota.seen("acme", 25, 0, 1007.0)
    quota.wait("acme", "webhook")
    assert clock.slept == []


def test_a_burst_at_25_per_10_s_and_600_per_h_is_never_refused(clock: Clock) -> None:
    # Given a far end with both windows
    quota = MemoryQuota(clock=clock, sleep=clock.sleep, patience_s=4000)
    ends, left = {25: 0.0, 600: 0.0}, {25: 0, 600: 0}
    for _ in range(1500):
        quota.wait("acme", "webhook")
        for limit, length in ((25, 10.0), (600, 3600.0)):
            if clock.now >= ends[limit]:
                ends[limit], left[limit] = clock.now + length, limit
            left[limit] -= 1
            assert left[limit] >= 0
        shown = min(left, key=lambda limit: left[limit])
        quota.seen("acme", shown, left[shown], ends[shown])
        clock.now += 0.05
