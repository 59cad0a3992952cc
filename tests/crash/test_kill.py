"""kill -9 of any process of `tieback up` in the middle of a burst: every row is right afterwards, and the tree is whole."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.crash.tree import Tree, eventually, tree
from tests.workers.test_path import KEEP_RFIS, TELL_ERP

BURST = 200


def rows(one: Tree) -> dict[str, str]:
    """Record id to the hash of what stands in the user's table."""
    with closing(sqlite3.connect(f"file:{one.folder}/var/tieback.db?mode=ro", uri=True, timeout=30)) as db:
        try:
            return dict(db.execute("SELECT id, json_extract(body, '$.subject') FROM rfis").fetchall())
        except sqlite3.OperationalError:
            return {}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("victim", ["child", "supervisor"])
def test_a_burst_survives_the_death_of(victim: str, tmp_path: Path) -> None:
    # Given a tree with hooks
    with tree(tmp_path, keep=KEEP_RFIS, tell=TELL_ERP) as one:
        one.start("up")
        one.wait_ready()
        one.cli("hooks", "apply", "acme")
        # When 200 records change and one process is killed as soon as the first rows are there
        ids = one.change(BURST, fields={"subject": "changed"})
        assert eventually(lambda: len(rows(one)) > 20, True, 60), one.log()
        pid = one.child() if victim == "child" else one.supervisor()
        os.kill(pid, signal.SIGKILL)
        assert len(rows(one)) < BURST, "the burst was over before the kill"
        # Then every row is right in the end
        expected = dict.fromkeys(ids, "changed")
        found = eventually(lambda: {id: text for id, text in rows(one).items() if id in expected}, expected, 240)
        assert {id: found.get(id) for id in expected if found.get(id) != expected[id]} == {}, one.log()
        # And the tree is whole: a supervisor with its child, ready, and nothing lost its effect or made it twice
        one.wait_ready()
        assert len(one.pids()) == 2
        assert one.child() != one.supervisor()
        told = requests.get(f"{one.far.url}/_sim/sink/erp", timeout=30).json()
        applied = [call["headers"].get("Idempotency-Key") for call in told if call["applied"]]
        assert len(applied) == len(set(applied))
        states = eventually(
            lambda: {row["state"] for row in one.cli("runs", "list", "--json", "--limit", "3000")} <= {"ok", "skipped"}, True, 120
        )
        assert states is True


def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    with tree(tmp_path, keep=KEEP_RFIS) as one:
        started = one.start("up")
        one.wait_ready()
        started.send_signal(signal.SIGINT)
        assert started.wait(timeout=40) == 0
        time.sleep(0.5)
        assert one.pids() == []


def test_a_child_that_is_told_to_end_while_it_is_frozen_ends_once_it_thaws(tmp_path: Path) -> None:
    """Whichever of its threads took the signal, the one that waits for it was not woken, and it stayed for ever."""
    with tree(tmp_path, keep=KEEP_RFIS) as one:
        one.start("up")
        one.wait_ready()
        for _ in range(3):
            child = one.child()
            os.kill(child, signal.SIGSTOP)
            time.sleep(0.3)
            os.kill(child, signal.SIGTERM)
            os.kill(child, signal.SIGCONT)
            assert eventually(partial(_lives, one, child), False, 40) is False, "it does not end"
            one.wait_ready()


def _lives(one: Tree, pid: int) -> bool:
    return pid in one.pids()
