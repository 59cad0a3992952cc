"""PostgreSQL dies and its standby takes its place: with `synchronous_commit = remote_apply` nothing acknowledged is lost.

The standby is told nothing for a while before the primary dies. Whatever were acknowledged meanwhile would be lost with the old
disk, so nothing may be.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import requests

from tests.crash.lab.proxy import Proxies
from tests.crash.sweep import simulator
from tests.crash.test_power import BURST, TELL, answered, begin, done, family, signal_all, states, tables, wrong_rows
from tests.crash.tree import Tree, eventually
from tests.services import Server, free_port, postgresql, program, wait_until
from tests.workers.rig import write_site
from tests.workers.test_path import KEEP_RFIS

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]


@contextmanager
def standby_of(primary: Server) -> Iterator[Server]:
    """A copy of the primary that follows it; `start` makes it the primary."""
    bin_ = Path(program("pg_ctl", "/usr/lib/postgresql/*/bin/pg_ctl")).parent
    folder = Path(tempfile.mkdtemp(prefix="tieback-pg-"))
    user, port = _owner_of(primary), free_port()
    shutil.chown(folder, user)
    run = {"user": user, "cwd": "/", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    copy = [bin_ / "pg_basebackup", "-D", folder / "data", "-d", primary.url, "-R", "-X", "stream", "-c", "fast"]
    subprocess.run(copy, check=True, **run)  # type: ignore[call-overload]
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    process = subprocess.Popen([bin_ / "postgres", "-D", folder / "data", "-p", str(port), *options], **run)  # type: ignore[call-overload]

    def promote() -> None:
        subprocess.run([bin_ / "pg_ctl", "promote", "-w", "-D", folder / "data"], check=True, **run)  # type: ignore[call-overload]

    def kill() -> None:
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=30)

    try:
        wait_until(lambda: following(primary), 120, "the standby")
        yield Server(primary.url.replace(f":{primary.port}/", f":{port}/"), port, promote, kill, lambda: process.pid)
    finally:
        kill()
        shutil.rmtree(folder)


def _owner_of(server: Server) -> int:
    return Path(f"/proc/{server.pid()}").stat().st_uid


def following(primary: Server) -> bool:
    with psycopg.connect(primary.url) as db:
        return db.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'").fetchone() is not None


def sender_of(primary: Server) -> int:
    """The process that tells the standby what was written. (A frozen standby would find it all in its socket.)"""
    with psycopg.connect(primary.url) as db:
        ((pid,),) = db.execute("SELECT pid FROM pg_stat_replication").fetchall()
    return int(pid)


def wait_for_the_standby(primary: Server) -> None:
    """From here on a commit counts once the standby has it; set after the copy was made, which has nobody to wait for."""
    with psycopg.connect(primary.url, autocommit=True) as db:
        db.execute("ALTER SYSTEM SET synchronous_commit = 'remote_apply'")
        db.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        db.execute("SELECT pg_reload_conf()")
    wait_until(lambda: _is_synchronous(primary), 60, "a standby that is waited for")


def _is_synchronous(primary: Server) -> bool:
    with psycopg.connect(primary.url) as db:
        return db.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'").fetchone() is not None


@contextmanager
def through(edge: str, proxies: Proxies, folder: Path) -> Iterator[Tree]:
    with simulator() as far:
        site = type("Site", (), {"site": folder / "site"})
        write_site(site, far, keep=KEEP_RFIS, tell=TELL)  # type: ignore[arg-type]
        port = proxies.edges[edge].port
        one = Tree(folder, far, {"TIEBACK_DATABASE_URL": f"postgresql://tieback@127.0.0.1:{port}/postgres"})
        try:
            yield one
        finally:
            one.stop()
            proxies.close()


def test_a_standby_that_takes_over_has_all_that_was_acknowledged(tmp_path: Path) -> None:
    proxies = Proxies()
    with postgresql() as primary, standby_of(primary) as standby:
        edge = proxies.open("db", primary.port)
        wait_for_the_standby(primary)
        with through("db", proxies, tmp_path) as one:
            begin(one)
            one.cli("hooks", "apply", "acme")
            changed = dict.fromkeys(one.change(BURST, fields={"subject": "before"}), "before")
            assert eventually(lambda: len(answered(one.far)) >= BURST // 2, True, 120), one.log()
            # Given a standby that is told nothing any more, and changes that go on
            os.kill(sender_of(primary), signal.SIGSTOP)
            changed |= dict.fromkeys(one.change(BURST, fields={"subject": "meanwhile"}), "meanwhile")
            time.sleep(8)
            # When the primary dies with its disk, and the standby takes its place
            proxies.set("db", ("cut", 0))
            known = answered(one.far)
            signal_all(family(primary), signal.SIGKILL)
            primary.kill()
            standby.start()
            edge.to = standby.port
            proxies.set("db", None)
            requests.post(f"{one.far.url}/_sim/send_now", json={}, timeout=30).raise_for_status()
            # Then what was acknowledged is there, and work goes on to its end with no effect made twice
            there = {row["delivery_key"] for row in tables(one)["deliveries"]}
            assert known - there == set()
            assert eventually(lambda: wrong_rows(one, changed), {}, 300) == {}, one.log()
            assert eventually(lambda: states(one) <= {"ok", "skipped", "parked"}, True, 120) is True, states(one)
            told = requests.get(f"{one.far.url}/_sim/sink/erp", timeout=30).json()
            applied = Counter(str(call["body"]["event"]) for call in told if call["applied"])
            assert [event for event, count in applied.items() if count > 1] == [], json.dumps(applied)
            assert done(one) - set(applied) == set()
