"""The relay over time: which chore comes with which pass, what it tells of itself, and that no error ends it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from config.settings import Settings
from store import beats, drains
from store.models import Run
from store.session import reading, writing
from store.types import now
from tests.store import samples
from tests.workers.rig import Rig
from workers.relay import BEAT_S, Relay, memory_bytes


@pytest.fixture
def rig(engine: Engine, settings: Settings) -> Iterator[Rig]:
    one = Rig(engine, settings)
    yield one
    one.close()


def _alive(engine: Engine) -> list[str]:
    with reading(engine) as db:
        return [one["holder"] for one in beats.alive(db)]


class Passes:
    """The stop of a relay that makes so many passes; `after` is called with the number of those that are over."""

    def __init__(self, passes: int, after: Callable[[int], None] = lambda over: None):
        self.waits: list[float] = []
        self._passes, self._after = passes, after

    def wait(self, seconds: float) -> bool:
        self._after(len(self.waits))
        self.waits.append(seconds)
        return len(self.waits) > self._passes


def test_each_chore_comes_at_its_own_times_and_the_look_at_every_pass(engine: Engine, rig: Rig) -> None:
    # Given a relay that looks twice a second, and a chore for every third pass
    relay = Relay(engine, rig.bell, "r", every_s=0.5, again_s=60.0)
    seen: list[int] = []
    beaten: list[bool] = []
    relay.also(1.5, lambda: seen.append(len(beaten)))

    def after(over: int) -> None:
        beaten.append(bool(_alive(engine)))
        with writing(engine) as db:
            beats.gone(db, "relay:r")

    # When it makes seven passes
    passes = Passes(7, after)
    relay.run(passes)  # type: ignore[arg-type]
    # Then the chore ran with the first, the fourth and the seventh, and the sign of life came each three seconds
    assert passes.waits == [0.5] * 8
    assert seen == [1, 4, 7]
    assert BEAT_S == 3.0
    assert beaten == [False, True, False, False, False, False, False, True]
    assert _alive(engine) == []


def test_a_pass_of_a_running_relay_rings(engine: Engine, rig: Rig) -> None:
    with writing(engine) as db:
        run = samples.run(db, samples.event(db))
        db.execute(update(Run).values(run_after=now(-60)))
    rung: list[list[Any]] = []
    relay = Relay(engine, rig.bell, "r", every_s=1.0, again_s=0.0)
    relay.run(Passes(2, lambda over: rung.append(list(rig.bell.rung))))  # type: ignore[arg-type]
    assert [len(one) for one in rung] == [0, 1, 2]
    assert set(rig.bell.rung) == {("run", run)}


def test_who_ended_is_drained_no_more_and_a_live_process_tells_what_it_needs(engine: Engine, rig: Rig) -> None:
    with writing(engine) as db:
        drains.put(db, "gone", "it moves", "ana", ends=True)
    told: list[Any] = []

    def after(over: int) -> None:
        with reading(engine) as db:
            told.extend(beats.alive(db))

    Relay(engine, rig.bell, "r", every_s=1.0, again_s=0.0).run(Passes(1, after))  # type: ignore[arg-type]
    assert [(one["holder"], one["role"]) for one in told] == [("relay:r", "relay")]
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmRSS:")]
    assert told[0]["about"]["memory_bytes"] == pytest.approx(int(line.split()[1]) * 1024, rel=0.1)
    with reading(engine) as db:
        assert drains.every(db) == {}


def test_a_chore_that_breaks_is_in_the_log(engine: Engine, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    relay = Relay(engine, rig.bell, "r", every_s=1.0, again_s=0.0)
    relay.also(1.0, lambda: (_ for _ in ()).throw(RuntimeError("a chore that breaks")))
    relay.run(Passes(1))  # type: ignore[arg-type]
    (line,) = [one for one in caplog.records if one.name == "tieback.relay"]
    assert (line.getMessage(), line.levelno) == ("relay.failed", logging.ERROR)
    assert "a chore that breaks" in str(line.exc_info)


@pytest.mark.parametrize("error", [OSError("no such file"), ValueError("no number")])
def test_a_system_that_does_not_say_how_much_memory_is_used_costs_no_sign_of_life(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*about: Any) -> str:
        raise error

    monkeypatch.setattr(Path, "read_text", refuse)
    assert memory_bytes() == 0


def test_an_answer_of_the_system_that_is_too_short_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *about: "7")
    assert memory_bytes() == 0
