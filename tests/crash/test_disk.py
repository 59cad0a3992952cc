"""The disk under the door: one that fails ends the process, one that is full is waited for. Nothing acknowledged is lost.

A full disk under the log costs lines of the log and nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.crash.lab import evidence, plan, settle
from tests.crash.lab.supervise import Stack
from tests.crash.lab.target import Target
from tests.crash.sweep import simulator
from tests.crash.tree import eventually
from tests.services import program

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

SYNCS, WRITES = "fsync,fdatasync", "write,pwrite64,ftruncate,fallocate"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    folder = tmp_path / "run"
    folder.mkdir()
    with simulator() as far:
        one = Stack(folder, far, plan.plan(0, "sqlite", 0), {})
        try:
            here = one.prepare()
            one.begin()
            one.sent_secret = one.subscribe(here)
            yield one
        finally:
            one.end()


@contextmanager
def failing(pid: int, calls: str, error: str, path: Path) -> Iterator[None]:
    """Let these system calls of a process fail, as far as they are about files below `path`."""
    tracer = subprocess.Popen(
        [program("strace"), "-f", "-qq", "-o", "/dev/null", "-P", str(path), "-P", f"{path}-journal",
         "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}", "-p", str(pid)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert eventually(lambda: _traced(pid), True, 60), "strace could not attach"
        yield
    finally:
        with suppress(ProcessLookupError):
            tracer.send_signal(signal.SIGINT)
        try:
            tracer.wait(timeout=20)
        except subprocess.TimeoutExpired:  # it may miss the end of what it traced
            tracer.kill()
            tracer.wait()


def _traced(pid: int) -> bool:
    """True as well when it is gone: it may have met the fault at once."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return True
    return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in lines)


def post(stack: Stack, id: str, record: str = "1") -> int | None:
    said = {
        "id": id, "timestamp": "2026-03-01T10:00:00Z", "reason": "update", "company_id": str(stack.far.company_id),
        "project_id": str(stack.far.project_id), "user_id": "1", "resource_type": "RFIs", "resource_id": record,
    }  # fmt: skip
    headers = {"Authorization": stack.sent_secret, "Content-Type": "application/json"}
    try:
        url = f"http://127.0.0.1:{stack.port}/webhooks/{stack.hook_key}"
        return requests.post(url, data=json.dumps(said), headers=headers, timeout=5).status_code
    except requests.RequestException:
        return None


def kept(stack: Stack) -> set[str]:
    return {row["delivery_key"] for row in evidence.tables(stack.database_url)["deliveries"]}


def database(stack: Stack) -> Path:
    return Path(stack.database_url.removeprefix("sqlite:///"))


def test_a_disk_that_cannot_sync_ends_the_process_instead_of_answering_503_for_ever(stack: Stack) -> None:
    assert post(stack, "before") == 204
    (child,) = stack.of_role("all")
    # When the disk fails
    answers: dict[str, int | None] = {}
    with failing(child, SYNCS, "EIO", database(stack)):
        deadline = time.monotonic() + 30
        while child in stack.of_role("all") and time.monotonic() < deadline:
            answers[f"failing-{len(answers)}"] = post(stack, f"failing-{len(answers)}")
    # Then the process ends, and the next one works
    assert child not in stack.of_role("all")
    assert eventually(lambda: post(stack, "after"), 204, 60) == 204
    acknowledged = {id for id, status in answers.items() if status == 204} | {"before", "after"}
    assert acknowledged <= kept(stack)
    assert evidence.integrity(stack.database_url) == "ok"


def test_a_full_disk_is_503_until_there_is_room_and_the_process_goes_on(stack: Stack) -> None:
    assert post(stack, "before") == 204
    (child,) = stack.of_role("all")
    with failing(child, WRITES, "ENOSPC", database(stack)):
        answers = {f"full-{number}": post(stack, f"full-{number}") for number in range(5)}
    assert 204 not in answers.values()
    assert eventually(lambda: post(stack, "after"), 204, 30) == 204
    assert stack.of_role("all") == [child]
    assert {"before", "after"} <= kept(stack)
    assert evidence.integrity(stack.database_url) == "ok"


def test_a_full_disk_under_the_log_stops_no_work_and_there_are_lines_again_once_there_is_room(stack: Stack) -> None:
    target = Target(stack.far)
    target.prepare(1)
    (record,) = target.records
    assert post(stack, "before", record) == 204
    (child,) = stack.of_role("all")
    log = stack.folder / "log"
    assert eventually(lambda: unfinished(stack), 0, 60) == 0
    # When no line of the log can be written any more
    with failing(child, "write,writev", "ENOSPC", log):
        size = log.stat().st_size
        answers = [post(stack, f"full-{number}", record) for number in range(5)]
        # Then all is taken and worked on
        assert answers == [204] * 5
        assert eventually(lambda: {f"full-{number}" for number in range(5)} <= events(stack), True, 60) is True
        assert eventually(lambda: unfinished(stack), 0, 60) == 0
        assert log.stat().st_size == size, "the log was written: its disk was not full"
    # And the same process logs again when there is room
    assert post(stack, "after", record) == 204
    assert eventually(lambda: log.stat().st_size > size, True, 60) is True
    assert stack.of_role("all") == [child]


def events(stack: Stack) -> set[str]:
    return {row["event_key"] for row in evidence.tables(stack.database_url)["events"]}


def unfinished(stack: Stack) -> int:
    return sum(settle.unfinished(stack.database_url).values())
