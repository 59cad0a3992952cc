"""Power is lost: what only memory held is gone. What was acknowledged is there, and is done once.

The database lies on a file system inside a file. What that file holds at one moment is what a disk would hold: whatever nobody
had synced is not in it. All processes are frozen in the middle of a burst, the file is copied, and work goes on from the copy.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.crash.lab import evidence
from tests.crash.sweep import Far, simulator
from tests.crash.tree import Tree, eventually
from tests.services import Server, postgresql, program
from tests.workers.rig import write_site
from tests.workers.test_path import KEEP_RFIS

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]

SIZE = 256 << 20
BURST, CUTS = 60, 2
TELL = """
    format: 1
    id: tell
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    do:
      - id: post
        use: http.call
        with: {to: http:sink, method: POST, path: /rfis, json: {event: "${event.key}"}}
"""


class Disk:
    """`at` is where it is mounted."""

    def __init__(self, folder: Path):
        self._image, self.at = folder / "image", folder / "disk"
        self.at.mkdir()
        with self._image.open("wb") as file:
            file.truncate(SIZE)
        subprocess.run([program("mkfs.ext4", "/usr/sbin/mkfs.ext4"), "-q", self._image], check=True)
        self.mount()

    def mount(self) -> None:
        done = subprocess.run(["mount", "-o", "loop", self._image, self.at], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no right to mount a disk of its own here: {done.stderr.strip()}")

    def unmount(self) -> None:
        subprocess.run(["umount", self.at], check=True)

    def held(self) -> Path:
        """A copy of what it holds at this moment; nobody may write to it meanwhile, so two copies must be alike."""
        for _ in range(20):
            first, second = (self._image.with_name(name) for name in ("first", "second"))
            for copy in (first, second):
                subprocess.run(["cp", "--sparse=always", self._image, copy], check=True)
            if filecmp.cmp(first, second, shallow=False):
                return first
        raise AssertionError("somebody writes to the disk all the time")

    def back(self, held: Path) -> None:
        """Power is there again. Nobody may have a file of it open."""
        self.unmount()
        held.replace(self._image)
        self.mount()


@pytest.fixture
def disk() -> Iterator[Disk]:
    folder = Path(tempfile.mkdtemp(prefix="tieback-power-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    try:
        one = Disk(folder)
        yield one
        one.unmount()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def at_work(folder: Path, disk: Disk, server: Server | None) -> Iterator[Tree]:
    with simulator() as far:
        site = type("Site", (), {"site": folder / "site"})
        write_site(site, far, keep=KEEP_RFIS, tell=TELL)  # type: ignore[arg-type]
        url = server.url if server else f"sqlite:///{disk.at}/tieback.db"
        one = Tree(folder, far, {"TIEBACK_DATABASE_URL": url})
        try:
            yield one
        finally:
            one.stop()


def family(server: Server | None) -> list[int]:
    """A PostgreSQL and all its children."""
    if server is None:
        return []
    children = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(entry.read_text().rsplit(")", 1)[1].split()[1]) == server.pid():
                children.append(int(entry.parent.name))
    return [server.pid(), *children]


def signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def answered(far: Far) -> set[str]:
    """What the far end knows to be acknowledged."""
    found = requests.get(f"{far.url}/_sim/deliveries?status=delivered", timeout=30).json()
    return {str(one["ulid"]) for one in found}


def _answered_enough(far: Far, least: int) -> bool:
    return len(answered(far)) >= least


def lose_power(one: Tree, disk: Disk, server: Server | None) -> set[str]:
    """Returns what had been acknowledged by then."""
    # The supervisor first, and the server before its clients: who sees another one gone has something to write.
    everybody = [*family(server), *one.pids()]
    signal_all(everybody, signal.SIGSTOP)
    known, held = answered(one.far), disk.held()
    signal_all(everybody, signal.SIGKILL)
    assert eventually(lambda: [pid for pid in everybody if _lives(pid)], [], 30) == []
    if server is not None:
        server.kill()  # it is dead, and still known to the system until we ask for it
    disk.back(held)
    if server is not None:
        server.start()
    return known


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_the_disk_of_these_tests_forgets_what_nobody_synced(disk: Disk) -> None:
    for name, synced in (("synced", True), ("unsynced", False)):
        with (disk.at / name).open("wb") as file:
            file.write(b"x" * 5000)
            file.flush()
            if synced:
                os.fsync(file.fileno())
    disk.back(disk.held())
    assert (disk.at / "synced").read_bytes() == b"x" * 5000
    assert not (disk.at / "unsynced").exists() or (disk.at / "unsynced").read_bytes() == b""


def test_power_that_is_lost_takes_nothing_that_was_acknowledged(disk: Disk, kind: str, tmp_path: Path) -> None:
    changed: dict[str, str] = {}
    with (
        postgresql(folder=disk.at / "postgresql") if kind == "postgresql" else nullcontext() as server,
        at_work(tmp_path, disk, server) as one,
    ):
        for number in range(CUTS):
            begin(one)
            if not number:
                one.cli("hooks", "apply", "acme")
            # When power is lost in the middle of a burst
            before, text = len(answered(one.far)), f"burst {number}"
            changed |= dict.fromkeys(one.change(BURST, fields={"subject": text}), text)
            least = before + (number + 1) * BURST // (CUTS + 1)
            assert eventually(partial(_answered_enough, one.far, least), True, 120), one.log()
            known = lose_power(one, disk, server)
            # Then what was acknowledged is there, on a database that is whole
            assert len(known) >= least
            assert known - {row["delivery_key"] for row in tables(one)["deliveries"]} == set()
            assert evidence.integrity(one.env["TIEBACK_DATABASE_URL"]) == "ok"
        # And work goes on to its end, with no effect made twice
        begin(one)
        assert eventually(lambda: wrong_rows(one, changed), {}, 300) == {}, one.log()
        assert eventually(lambda: states(one) <= {"ok", "skipped", "parked"}, True, 120) is True, states(one)
        told = requests.get(f"{one.far.url}/_sim/sink/erp", timeout=30).json()
        applied = Counter(str(call["body"]["event"]) for call in told if call["applied"])
        assert [event for event, count in applied.items() if count > 1] == []
        assert done(one) - set(applied) == set()


def begin(one: Tree) -> None:
    one.start("up")
    one.wait_ready(300)
    requests.post(f"{one.far.url}/_sim/send_now", json={}, timeout=30).raise_for_status()  # its pause has doubled meanwhile


def tables(one: Tree) -> dict[str, list[dict[str, Any]]]:
    return evidence.tables(one.env["TIEBACK_DATABASE_URL"])


def wrong_rows(one: Tree, changed: dict[str, str]) -> dict[str, str | None]:
    """Records whose row does not say what was changed last."""
    rows = {str(row["id"]): row["body"] for row in tables(one)["rfis"]}
    found = {id: _subject(rows.get(id)) for id in changed}
    return {id: said for id, said in found.items() if said != changed[id]}


def _subject(body: Any) -> str | None:
    read = json.loads(body) if isinstance(body, str) else body
    return None if read is None else str(read.get("subject"))


def states(one: Tree) -> set[str]:
    return {row["state"] for row in tables(one)["runs"]}


def done(one: Tree) -> set[str]:
    """Events whose call is said to have been made."""
    there = tables(one)
    keys = {row["id"]: row["event_key"] for row in there["events"]}
    return {keys[row["event_id"]] for row in there["runs"] if row["automation"] == "tell" and row["state"] == "ok"}
