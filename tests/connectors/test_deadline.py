from __future__ import annotations

import threading
import time

from config.errors import Transient
from connectors.deadline import InLine, together
from connectors.ports import MemoryQuota
from connectors.quota import Answer
from tests.console.conftest import wait_until


def test_what_is_done_in_time_is_given_and_the_rest_is_left_to_itself() -> None:
    never = threading.Event()
    found = together({"quick": lambda: 1, "hangs": lambda: int(never.wait(60)), "also quick": lambda: 2}, time.monotonic() + 0.3)
    assert found == {"quick": 1, "also quick": 2}
    never.set()


def test_they_run_at_once() -> None:
    met = threading.Barrier(3)
    found = together({name: lambda: met.wait(10) for name in "abc"}, time.monotonic() + 10)
    assert set(found) == set("abc")


def test_who_stands_in_line_for_the_quota_is_seen_until_it_is_his_turn() -> None:
    line = InLine(MemoryQuota(patience_s=30))
    with line.call("acme", "manual") as told:
        assert not line.waits()
        told(Answer(pause_s=1.0))
    called: list[str] = []
    waiting = threading.Thread(target=lambda: called.append(one_call(line)))
    waiting.start()
    wait_until(line.waits, 5, "standing in line")
    waiting.join()
    assert (called, line.waits()) == (["called"], False)


def test_who_gives_up_waiting_no_longer_stands_in_line() -> None:
    line = InLine(MemoryQuota(patience_s=0))
    with line.call("acme", "manual") as told:
        told(Answer(pause_s=60.0))
    assert (one_call(line), line.waits()) == ("quota", False)


def one_call(line: InLine) -> str:
    try:
        with line.call("acme", "manual") as told:
            told(Answer())
            return "called"
    except Transient as error:
        return error.kind
