"""What the quota decides, as functions of a value. The clock is a number."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.quota import Answer, State, blocked, decide, forecast, give_back, learn, sentence
from connectors.quota_state import LANES, Hour, Spike, as_json, current, from_json, reserve, shifted
from tests.connectors.far_end import FarEnd

NOW = 1_800_000_000.0
GOOD = Answer()


def shown(limit: int, remaining: int, reset_s: float | None) -> Answer:
    return Answer(limit=limit, remaining=remaining, reset_s=reset_s)


def spend(state: State, now: float, lane: str, most: int = 10_000) -> tuple[State, int]:
    """Let calls out and answer each at once without headers, until none is granted."""
    for count in range(most):
        state, verdict = decide(state, now, lane)
        if not verdict.granted:
            return state, count
        state = learn(state, now, GOOD)
    return state, most


def known(spike: int = 25, hourly: int = 600) -> State:
    state = learn(State(), NOW - 100, shown(spike, spike - 1, 10.0))
    return replace(learn(state, NOW - 100, shown(hourly, hourly, 3500.0)), spent=())


# Before anything is known, and learning


def test_before_anything_is_known_the_smallest_documented_limits_hold() -> None:
    _, count = spend(State(), NOW, "webhook")
    assert count == 24
    assert State().limits() == {"spike": 25, "hour": 600}


def test_a_larger_limit_is_used_as_soon_as_one_answer_shows_it() -> None:
    state, _ = decide(State(), NOW, "webhook")
    state = learn(state, NOW, shown(100, 99, 10.0))
    assert spend(state, NOW, "webhook")[1] == 97
    assert state.hour.limit == 2400  # by the ratio of the documented pairs, until an answer shows it


def test_a_guessed_hour_stops_nobody_while_answers_show_that_the_spike_is_nearer_to_its_end() -> None:
    state, now = State(), NOW
    for call in range(5000):
        state, verdict = decide(state, now, "webhook")
        assert verdict.granted, f"call {call} had to wait until {verdict.at - now} s later: {verdict.why}"
        state = learn(state, now, shown(100, 99, 10.0))
        now += 0.2


def test_the_two_windows_are_told_apart_although_the_header_names_none() -> None:
    state = known()
    state = learn(state, NOW, shown(600, 20, 1200.0))
    state = learn(state, NOW, shown(25, 19, 7.0))
    assert (state.hour.limit, state.hour.until) == (600, NOW + 1200)
    assert state.spike.limit == 25
    assert state.left()["hour"] <= 20


@pytest.mark.parametrize(
    ("answer", "hour", "spike"),
    [(shown(3600, 3000, 2000.0), 3600, 25), (shown(3600, 100, 4.0), 3600, 25), (shown(100, 80, 4.0), 600, 100),
     (shown(9000, 8999, 9.0), 600, 9000),
     (shown(600, 3, 5.0), 600, 25), (shown(25, 3, 5.0), 600, 25), (shown(300, 3, 900.0), 300, 25)],
)  # fmt: skip
def test_a_limit_that_procore_changes_is_put_to_its_window(answer: Answer, hour: int, spike: int) -> None:
    state = learn(known(), NOW, answer)
    assert (state.hour.limit, state.spike.limit) == (hour, spike)


def test_equal_limits_are_told_apart_by_the_reset() -> None:
    state = replace(known(), spike=Spike(600, sure=True), hour=Hour(600, True, 100, 0, NOW + 9, True, doubt=False))
    after = learn(state, NOW + 1, shown(600, 50, 8.0))
    assert after.left()["hour"] == 50
    assert after.spike.others == 0
    assert learn(state, NOW + 1, shown(600, 50, 2.0)).left() == {"spike": 50, "hour": 500}


def test_a_spike_window_of_a_minute_is_learned_and_unlearned() -> None:
    state = learn(known(), NOW, shown(25, 24, 60.0))
    assert state.spike.length_s == 60
    assert learn(state, NOW + 61, shown(25, 20, 3.0)).spike.length_s == 60
    assert learn(state, NOW + 61, shown(25, 24, 11.0)).spike.length_s == 10


def test_a_lower_remaining_than_ours_is_obeyed_until_its_reset() -> None:
    # Given a window that somebody else uses too
    state, _ = decide(known(), NOW, "webhook")
    state = learn(state, NOW, shown(25, 5, 8.0))
    after, count = spend(state, NOW, "webhook")
    assert count == 4
    assert not decide(after, NOW + 7.9, "webhook")[1].granted
    assert decide(after, NOW + 8.1, "webhook")[1].granted


def test_calls_under_way_are_taken_off_what_an_answer_shows() -> None:
    # Given three calls under way, when a fourth shows less than it could
    state = known()
    for _ in range(4):
        state, _ = decide(state, NOW, "webhook", holder="p")
    state = learn(state, NOW + 0.1, shown(25, 10, 8.0), holder="p")
    # Then those three may not be in what it shows
    assert state.left()["spike"] == 7


def test_without_others_answers_that_overtake_each_other_take_nothing_away() -> None:
    state = known()
    for _ in range(6):
        state, _ = decide(state, NOW, "webhook", holder="p")
    for remaining in (19, 24, 21, 20, 23, 22):
        aged = replace(shown(25, remaining, 10.0), sent_s=0.5)
        state = learn(state, NOW + 0.5, aged, holder="p")
    assert state.left()["spike"] == 19


def test_an_hour_that_has_more_left_than_we_think_is_believed() -> None:
    state = replace(known(), hour=Hour(600, True, 600, 0, NOW + 1000, True, doubt=False))
    assert not decide(state, NOW, "webhook")[1].granted
    assert learn(state, NOW, shown(600, 300, 1000.0)).left()["hour"] == 300


def test_an_answer_that_was_overtaken_does_not_bring_back_an_ended_hour() -> None:
    state = learn(known(), NOW, shown(600, 590, 3590.0))
    assert learn(state, NOW + 1, shown(600, 0, 1.0)).left()["hour"] > 500


def test_a_new_hour_begins_with_what_may_have_slipped_into_it() -> None:
    # Given three calls under way and two that have just ended when the hour does
    state = replace(known(), hour=Hour(600, True, 100, 0, NOW + 1, True, doubt=False))
    state, _ = decide(state, NOW, "webhook", holder="p", wanted=5)
    for _ in range(2):
        state = learn(state, NOW + 0.5, GOOD, holder="p")
    assert current(state, NOW + 0.9).hour.used == 105
    assert current(state, NOW + 1.1).hour.used == 5
    assert current(state, NOW + 1.1).left()["hour"] == 595


def test_an_hour_of_which_little_is_known_lets_out_what_an_answer_has_proven() -> None:
    # Given a spike window that is free again, and a last answer that showed two calls left in the nearer window
    state = replace(known(), hour=Hour(600, sure=True))
    state, verdict = decide(state, NOW, "webhook", holder="p", wanted=9)
    assert verdict.granted == 1
    state = learn(state, NOW, shown(25, 2, 1.0), holder="p")
    state, verdict = decide(state, NOW + 2, "webhook", holder="p", wanted=9)
    assert verdict.granted == 2
    # Then the next answer must come first
    after, verdict = decide(state, NOW + 2, "webhook", holder="p")
    assert (verdict.granted, verdict.why) == (0, "an answer must first show what is left of the hour")
    after = learn(after, NOW + 3, shown(25, 24, 9.0), holder="p")
    assert decide(after, NOW + 3, "webhook", wanted=9)[1].granted == 9


def test_answers_without_headers_keep_nobody_waiting() -> None:
    state, _ = decide(State(), NOW, "webhook", holder="p")
    assert decide(learn(state, NOW, GOOD, holder="p"), NOW, "webhook", wanted=9)[1].granted == 9


# Lanes


def test_a_lower_lane_leaves_its_reserve_to_the_higher_ones() -> None:
    state, used = known(), []
    for lane in reversed(LANES):
        state, count = spend(state, NOW, lane)
        used.append(count)
    assert used == [18, 3, 2, 1]


def test_the_reserve_of_the_hour_holds_as_well() -> None:
    state = replace(known(), hour=Hour(600, True, 450, 0, NOW + 1000, True, doubt=False))
    assert not decide(state, NOW, "backfill")[1].granted
    assert decide(state, NOW, "webhook")[1].granted


def test_a_lane_nobody_knows_has_the_reserve_of_schedules() -> None:
    assert reserve(100, "unheard-of") == reserve(100, "schedule") == 15
    assert reserve(1, "webhook") == 0


def test_several_calls_are_granted_together_only_down_to_the_reserve() -> None:
    state, verdict = decide(known(), NOW, "backfill", holder="p", wanted=100)
    assert verdict.granted == 18
    assert state.under_way() == 18
    assert give_back(state, NOW, "p", 18).left() == known().left()


# Pauses and trouble


def test_a_pause_holds_for_every_lane_and_ends() -> None:
    state = learn(known(), NOW, Answer(pause_s=30.0, why="Procore answered 429 and asked for a pause"))
    for lane in LANES:
        verdict = decide(state, NOW + 29, lane)[1]
        assert (verdict.granted, verdict.at) == (0, NOW + 30)
    assert blocked(state, NOW + 1) == (NOW + 30, "Procore answered 429 and asked for a pause")
    assert decide(state, NOW + 30, "backfill")[1].granted


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    state = learn(known(), NOW, Answer(pause_s=30.0, why="long"))
    assert blocked(learn(state, NOW, Answer(pause_s=1.0, why="short")), NOW)[0] == NOW + 30


def failing(times: int, trouble: str = "503: Procore is in trouble", of: State | None = None) -> State:
    state = of or known()
    for _ in range(times):
        state, _ = decide(state, NOW, "manual", holder="p")
        state = learn(state, NOW, Answer(trouble=trouble), holder="p")
    return replace(state, spent=())


def test_eight_failures_one_after_the_other_let_one_call_at_a_time_try() -> None:
    assert decide(failing(7), NOW, "webhook", wanted=5)[1].granted == 5
    state = failing(8)
    assert not decide(state, NOW + 4.9, "webhook")[1].granted
    state, probe = decide(state, NOW + 5.1, "webhook", holder="p", wanted=5)
    assert probe.granted == 1
    assert not decide(state, NOW + 6, "webhook")[1].granted
    assert not decide(state, NOW + 6, "manual")[1].granted
    # When the probe is answered, all go on
    assert decide(learn(state, NOW + 7, GOOD, holder="p"), NOW + 7, "backfill", wanted=5)[1].granted == 5


def test_a_person_need_not_wait_for_the_next_try() -> None:
    assert decide(failing(8), NOW, "manual")[1].granted == 1


def test_tries_become_rarer_and_never_rarer_than_a_minute_or_five_for_a_refusal() -> None:
    assert blocked(failing(9), NOW)[0] == NOW + 10
    assert blocked(failing(30), NOW)[0] == NOW + 60
    assert blocked(failing(30, "403: the app is not connected to this company"), NOW)[0] == NOW + 300


def test_one_good_answer_among_failures_keeps_the_circuit_closed() -> None:
    state = failing(7)
    state = failing(7, of=learn(state, NOW, GOOD))
    assert decide(state, NOW, "webhook", wanted=2)[1].granted == 2


def test_a_probe_whose_process_dies_does_not_stop_everybody_for_good() -> None:
    state, _ = decide(failing(8), NOW + 6, "webhook", holder="dies")
    assert not decide(state, NOW + 40, "webhook")[1].granted
    assert decide(state, NOW + 60, "webhook")[1].granted == 1


def test_silence_is_no_good_news() -> None:
    state, _ = decide(failing(8), NOW + 6, "webhook", holder="p")
    state = learn(state, NOW + 7, Answer(heard=False), holder="p")
    assert state.circuit.failures == 8
    assert not decide(state, NOW + 8, "webhook")[1].granted


def test_calls_of_a_process_that_died_count_until_they_must_have_ended() -> None:
    state, _ = decide(known(), NOW, "webhook", holder="dead", wanted=24)
    state, verdict = decide(state, NOW + 40, "webhook")
    assert (verdict.granted, state.under_way()) == (0, 24)
    state, _ = decide(state, NOW + 46, "webhook")
    assert decide(state, NOW + 57, "webhook", wanted=20)[1].granted == 20


# Forecast


@pytest.mark.parametrize(
    ("calls", "seconds"), [(0, 0.0), (18, 0.0), (19, 10.0), (412, 220.0), (450, 240.0), (451, 3600.0), (901, 7200.0)]
)
def test_a_forecast_counts_both_windows(calls: int, seconds: float) -> None:
    state = replace(known(), hour=Hour(600, True, 0, 0, 0.0))
    assert forecast(calls, state, "backfill", NOW) == seconds


@pytest.mark.parametrize(
    ("used", "calls", "lane"), [(0, 412, "backfill"), (300, 412, "backfill"), (0, 1300, "webhook"), (590, 5, "manual")]
)
def test_a_forecast_is_what_then_happens(used: int, calls: int, lane: str) -> None:
    state = replace(known(), hour=Hour(600, True, used, 0, NOW + 1800, True, doubt=False))
    expected, now, done = forecast(calls, state, lane, NOW), NOW, 0
    while done < calls:
        state, verdict = decide(state, now, lane)
        if verdict.granted:
            state, done = learn(state, now, GOOD), done + 1
        else:
            now = verdict.at
    assert abs(now - NOW - expected) <= 0.1 * expected + 1


def test_a_pause_delays_a_forecast() -> None:
    state = learn(known(), NOW, Answer(pause_s=30.0, why="x"))
    assert forecast(1, state, "backfill", NOW) == 30


def test_the_forecast_is_a_sentence() -> None:
    fresh = replace(known(), hour=Hour(600, True, 0, 0, 0.0))
    assert sentence(412, fresh, "backfill", NOW) == "412 calls; at 600 per hour, of which imports may use 450: about 4 min"
    half = replace(fresh, hour=Hour(600, True, 300, 0, NOW + 1800, True, doubt=False))
    assert sentence(1, half, "backfill", NOW) == (
        "1 call; at 600 per hour, of which imports may use 450 (150 of them now): no waiting"
    )
    assert "600 per hour (until Procore shows the limit)" in sentence(2000, State(), "backfill", NOW)
    assert sentence(2000, fresh, "backfill", NOW).endswith(": about 4.0 h")


# The value


def test_a_state_survives_being_written_and_read() -> None:
    state, _ = decide(learn(known(), NOW, Answer(pause_s=1.0, why="x", trouble="503")), NOW + 2, "webhook", holder="p")
    assert from_json(as_json(state)) == state


@pytest.mark.parametrize("odd", [None, {}, [], "x", {"spike": {"of_2031": 1}}, {**as_json(State()), "spent": 7}])
def test_what_cannot_be_read_is_a_fresh_state(odd: object) -> None:
    assert from_json(odd) == State()


def test_a_state_moves_to_a_place_with_another_clock() -> None:
    state, _ = decide(learn(known(), NOW, Answer(pause_s=30.0, why="x")), NOW + 31, "webhook", holder="p")
    moved = shifted(state, 3600)
    assert shifted(moved, -3600) == state
    assert decide(moved, NOW + 3632, "webhook", wanted=9)[1] == decide(state, NOW + 32, "webhook", wanted=9)[1]


# However many processes interleave


@dataclass
class Interleaved:
    """Processes that share a state and call one far end; `sent` are calls under way, each of which may arrive in any order."""

    far: FarEnd
    state: State
    now: float = NOW + 0.3
    sent: list[tuple[str, float]] = field(default_factory=list)

    def ask(self, process: int, lane: str, wanted: int) -> None:
        before = self.state
        self.state, verdict = decide(before, self.now, lane, holder=str(process), wanted=wanted)
        self.sent += [(str(process), self.now)] * verdict.granted
        kept = {name: reserve(limit, lane) for name, limit in self.state.limits().items()}
        assert not verdict.granted or all(self.state.left()[name] >= kept[name] for name in kept)

    def arrive(self, which: int) -> None:
        """One of those under way comes to Procore and is answered at once."""
        if not self.sent:
            return
        holder, at = self.sent.pop(which % len(self.sent))
        limit, remaining, reset_s = self.far.take(self.now)
        answer = Answer(sent_s=self.now - at, limit=limit, remaining=remaining, reset_s=reset_s)
        self.state = learn(self.state, self.now, answer, holder=holder)

    def wait(self, seconds: float) -> None:
        """Nothing stays under way for longer than a call can last."""
        while self.sent and self.now + seconds - self.sent[0][1] > 30:
            self.arrive(0)
        self.now += seconds


WAITS = st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.01, 0.3, 2.0, 8.0, 9.9, 10.0, 10.1, 25.0, 600.0, 3590.0])
STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(LANES), WAITS, st.integers(1, 12), st.lists(st.integers(0, 30), max_size=12)),
    max_size=60,
)
LIMITS = st.sampled_from([(25, 600), (10, 40), (10, 22), (100, 120)])


@settings(max_examples=400, deadline=None)
@given(STEPS, st.booleans(), LIMITS)
def test_however_processes_interleave_nothing_is_ever_refused(
    steps: list[tuple[int, str, float, int, list[int]]], by_the_clock: bool, limits: tuple[int, int]
) -> None:
    # Given a far end whose limits are known
    far = FarEnd(*limits, by_the_clock=by_the_clock)
    all_ = Interleaved(far, State(spike=Spike(limits[0], sure=True), hour=Hour(limits[1], True)))
    # When processes ask, send and wait in any order
    for process, lane, wait_s, wanted, arrivals in steps:
        all_.wait(wait_s)
        all_.ask(process, lane, wanted)
        for which in arrivals:
            all_.arrive(which)
    while all_.sent:
        all_.arrive(0)
    # Then Procore never has to refuse one
    assert far.refused == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 25), st.integers(0, 600), st.sampled_from(LANES), st.sampled_from(LANES))
def test_whatever_a_lower_lane_may_do_a_higher_one_may_too(spent: int, used: int, one: str, other: str) -> None:
    lower, higher = sorted((one, other), key=LANES.index, reverse=True)
    state = replace(known(), spent=((NOW, spent),), hour=Hour(600, True, used, 0, NOW + 500, True, doubt=False))
    mine, above = decide(state, NOW, lower, wanted=99)[1].granted, decide(state, NOW, higher, wanted=99)[1].granted
    assert above >= mine


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 25), st.integers(0, 600), st.integers(0, 8))
def test_a_learned_lower_remaining_is_obeyed_whatever_was_known(remaining: int, used: int, under_way: int) -> None:
    state = replace(known(), hour=Hour(600, True, used, 0, NOW + 500, True, doubt=False))
    state, _ = decide(state, NOW, "webhook", holder="p", wanted=under_way + 1)
    state = learn(state, NOW, shown(25, remaining, 9.0), holder="p")
    assert state.left()["spike"] <= remaining
    _, verdict = decide(state, NOW, "webhook", wanted=99)
    assert verdict.granted <= max(0, remaining - 1)


def test_a_wide_spike_window_is_believed_from_the_first_answer_that_shows_it() -> None:
    state, verdict = decide(State(), 100.0, "webhook")
    assert verdict.granted == 1
    state = learn(state, 100.1, Answer(limit=100_000, remaining=99_999, reset_s=10.0))
    for number in range(400):
        now = 100.2 + number / 1000
        state, verdict = decide(state, now, "backfill")
        assert verdict.granted == 1, number
        state = learn(state, now, Answer(limit=100_000, remaining=99_998 - number, reset_s=9.0))
