"""The part of a process's threads that was at work."""

from __future__ import annotations

from workers.load import SAMPLES, Load


def test_what_was_worked_is_a_part_of_all_that_could_have_been() -> None:
    moment = [0.0]
    load = Load(4, lambda: moment[0])
    with load.working():
        with load.working():
            moment[0] = 5.0
            assert load.busy == 2
        moment[0] = 10.0
    assert load.sample() == [round(100 * 15 / 40)]
    moment[0] = 20.0
    assert load.sample() == [38, 0]


def test_only_the_last_minutes_are_remembered() -> None:
    moment = [0.0]
    load = Load(1, lambda: moment[0])
    for number in range(SAMPLES + 5):
        moment[0] = number + 1.0
        parts = load.sample()
    assert len(parts) == SAMPLES
