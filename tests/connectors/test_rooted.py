"""Files below one root: whole or not at all, once per key, whatever dies or runs beside it."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from config.errors import LostLease, Permanent, Transient
from connectors import appends, drafts, rooted, usage, walking
from connectors.drafts import Draft
from connectors.rooted import Begun, Rooted

OURS = {module.__file__ for module in (rooted, appends, drafts, walking)}


@pytest.fixture
def files(tmp_path: Path) -> Rooted:
    return Rooted(tmp_path / "files")


def writes(text: bytes) -> Callable[[Draft], int]:
    return lambda draft: draft.write(text)


def adds(text: bytes) -> Callable[[Draft, Begun], int]:
    return lambda draft, begun: draft.write(text)


def content(files: Rooted, path: str) -> bytes | None:
    found = files.root / path
    return found.read_bytes() if found.exists() else None


def left_over(files: Rooted) -> list[str]:
    return [str(p) for p in files.root.rglob(".tieback-*")]


def test_a_file_stands_with_its_size_and_digest_and_is_ours_alone(files: Rooted) -> None:
    written = files.replace("exports/daily/rfis.csv", writes(b"a,b\r\n"))
    assert (written.path, written.bytes, written.sha256) == (
        "exports/daily/rfis.csv", 5, hashlib.sha256(b"a,b\r\n").hexdigest()
    )  # fmt: skip
    assert content(files, "exports/daily/rfis.csv") == b"a,b\r\n"
    assert (files.root / "exports/daily/rfis.csv").stat().st_mode & 0o777 == 0o600
    assert (files.root / "exports/daily").stat().st_mode & 0o777 == 0o700
    assert left_over(files) == []


def test_the_group_may_read_where_the_destination_says_so_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        Rooted(tmp_path, group=True).replace("pay/a.txt", writes(b"x"))
    finally:
        os.umask(before)
    assert (tmp_path / "pay/a.txt").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "pay").stat().st_mode & 0o777 == 0o750


def test_a_writer_that_stumbles_leaves_what_was_there(files: Rooted) -> None:
    files.replace("a.txt", writes(b"old"))

    def stumble(draft: Draft) -> None:
        draft.write(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        files.replace("a.txt", stumble)
    assert content(files, "a.txt") == b"old"
    assert left_over(files) == []


def test_who_lost_the_lease_changes_nothing(files: Rooted) -> None:
    files.replace("a.txt", writes(b"old"))

    def lost() -> None:
        raise LostLease("gone")

    for change in (
        lambda: files.replace("a.txt", writes(b"new"), lost),
        lambda: files.append("a.txt", adds(b"new"), "k", lost),
        lambda: files.edit("a.txt", lambda text: b"new", lost),
        lambda: files.remove("a.txt", lost),
    ):
        with pytest.raises(LostLease):
            change()
    assert content(files, "a.txt") == b"old"
    # And its key is free for who has the lease now
    files.append("a.txt", adds(b"+1"), "k")
    assert content(files, "a.txt") == b"old+1"


def test_what_was_appended_with_a_key_is_not_appended_again(files: Rooted) -> None:
    first = files.append("a.txt", adds(b"one\n"), "k1")
    files.append("a.txt", adds(b"two\n"), "k2")
    again = files.append("a.txt", adds(b"something else"), "k1")
    assert again == first
    assert content(files, "a.txt") == b"one\ntwo\n"


def test_nothing_appended_to_a_file_changes_nothing(files: Rooted) -> None:
    files.append("a.txt", adds(b"one"), "k1")
    files.append("a.txt", lambda draft, begun: 0, "k2")
    assert content(files, "a.txt") == b"one"


def test_the_writer_sees_what_stands_already(files: Rooted) -> None:
    seen: list[Begun] = []

    def look(draft: Draft, begun: Begun) -> int:
        seen.append(begun)
        return draft.write(b"x")

    for key in ("k1", "k2"):
        files.append("a.txt", look, key)
    assert seen == [Begun(0, b""), Begun(1, b"x")]


def test_a_new_file_is_made_once_and_never_over_another(files: Rooted) -> None:
    first = files.create("a.txt", adds(b"mine"), "k1")
    assert files.create("a.txt", adds(b"mine, made anew"), "k1") == first
    with pytest.raises(Permanent, match="is there already") as raised:
        files.create("a.txt", adds(b"theirs"), "k2")
    assert raised.value.kind == "exists"
    assert content(files, "a.txt") == b"mine"


def _killed_at(line: int, work: Callable[[], Any]) -> bool:
    """Do the work in a process that is killed at its n-th line of ours; False when it was over before."""
    child = os.fork()
    if child == 0:
        left = [line]

        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            if frame.f_code.co_filename not in OURS:
                return None
            if event == "line":
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("way", ["append", "create", "replace"])
def test_killed_at_any_line_and_tried_again_it_is_there_once(way: str, tmp_path: Path) -> None:
    # Given a file (but for `create`), and an attempt that is killed at its n-th line, for every n
    line, outcomes = 1, set()
    while True:
        files = Rooted(tmp_path / f"{way}{line}")
        if way != "create":
            files.append("a.txt", adds(b"one\n"), "k1")
        before = b"" if way == "create" else b"one\n"
        after = b"two\n" if way in ("create", "replace") else b"one\ntwo\n"
        work: Callable[[], Any] = {
            "append": lambda files=files: files.append("a.txt", adds(b"two\n"), "k2"),
            "create": lambda files=files: files.create("a.txt", adds(b"two\n"), "k2"),
            "replace": lambda files=files: files.replace("a.txt", writes(b"two\n")),
        }[way]
        killed = _killed_at(line, work)
        # Then the file is the old one or the new one, never anything else
        stands = content(files, "a.txt") or b""
        assert stands in (before, after), f"line {line}"
        outcomes.add(stands)
        # And the second attempt, with others between or not, leaves it there once
        if line % 2 and way == "append":
            files.append("a.txt", adds(b"three\n"), "k3")
            work()
            assert sorted((content(files, "a.txt") or b"").splitlines()) == [b"one", b"three", b"two"], f"line {line}"
        else:
            work()
            assert content(files, "a.txt") == after, f"line {line}"
        if not killed:
            break
        line += 1
    assert outcomes == {before, after}
    assert line > 50


def test_a_file_that_was_taken_away_while_nobody_could_tell_stops_for_a_person_once(files: Rooted) -> None:
    # Given an append that was killed after it was meant and before it was told
    files.append("a.txt", adds(b"one\n"), "k1")
    with files.locked("a.txt", logged=True) as log, files._opened("a.txt") as (folder, _), drafts.draft(folder, None) as made:
        made.write(b"one\n")
        made.begin_part()
        made.write(b"two\n")
        log.intend("k2", 4, made, None)
    # And a payroll clerk who moved the file away meanwhile
    (files.root / "a.txt").unlink()
    # When it is tried again, a person is asked
    with pytest.raises(Permanent, match="Look into the file") as raised:
        files.append("a.txt", adds(b"two\n"), "k2")
    assert raised.value.kind == "uncertain"
    # And who tries again then means it
    files.append("a.txt", adds(b"two\n"), "k2")
    assert content(files, "a.txt") == b"two\n"


def test_the_log_of_appends_stays_small(files: Rooted, tmp_path: Path) -> None:
    with files.locked("a.txt", logged=True) as log, walking.folder(tmp_path, (), make=True) as folder:
        for number in range(9_000):
            with drafts.draft(folder, None) as made:
                log.intend(f"key {number}", 0, made, None)
            log.settle(f"key {number}")
    with files.locked("a.txt", logged=True) as log:
        assert log.known("key 8999") is not None
        assert log.known("key 1") is None
    assert sum(p.stat().st_size for p in (files.root / ".tieback").glob("appends-*")) < 4 << 20


def test_many_who_append_at_once_lose_no_line(files: Rooted) -> None:
    def work(who: int) -> None:
        for number in range(20):
            files.append("a.txt", adds(f"{who} {number}\n".encode()), f"{who} {number}")

    threads = [threading.Thread(target=work, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (content(files, "a.txt") or b"").decode().splitlines()
    assert sorted(lines) == sorted(f"{who} {number}" for who in range(6) for number in range(20))


def test_two_who_replace_one_file_at_once_leave_one_of_both_whole(files: Rooted) -> None:
    texts = [bytes([65 + who]) * 300_000 for who in range(4)]
    threads = [threading.Thread(target=lambda t=t: [files.replace("a.txt", writes(t)) for _ in range(5)]) for t in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert content(files, "a.txt") in texts
    assert left_over(files) == []


def test_edits_at_once_build_on_each_other(files: Rooted) -> None:
    threads = [threading.Thread(target=lambda: files.edit("n.txt", lambda text: text + b"x")) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert content(files, "n.txt") == b"x" * 12


def test_an_edit_that_changes_nothing_writes_nothing(files: Rooted) -> None:
    assert files.edit("a.txt", lambda text: b"same").note is True
    before = (files.root / "a.txt").stat()
    assert files.edit("a.txt", lambda text: text).note is False
    assert (files.root / "a.txt").stat() == before


def test_what_a_dead_writer_left_is_swept_and_what_a_living_one_writes_is_not(files: Rooted) -> None:
    files.replace("a.txt", writes(b"x"))
    dead = files.root / ".tieback-0123456789abcdef.part"
    dead.write_bytes(b"half")
    with walking.folder(files.root, (), make=False) as folder, drafts.draft(folder, None) as living:
        alive = files.root / living._name
        for one in (dead, alive):
            os.utime(one, (1, 1))
        files.replace("b.txt", writes(b"y"))
        assert (dead.exists(), alive.exists()) == (False, True)


def test_the_quota_stops_a_file_and_what_was_there_stays(tmp_path: Path) -> None:
    usage._known.clear()
    files = Rooted(tmp_path, "out", quota=1000)
    files.replace("a.txt", writes(b"x" * 600))
    with pytest.raises(Permanent, match="quota of these files is used up") as raised:
        files.replace("b.txt", writes(b"x" * 600))
    assert raised.value.kind == "quota"
    with pytest.raises(Permanent):
        files.append("a.txt", adds(b"x" * 600), "k")
    # A file may take its own place again
    files.replace("a.txt", writes(b"y" * 900))
    assert (tmp_path / "out/a.txt").read_bytes() == b"y" * 900
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.txt"]


def test_a_full_disk_is_tried_again_and_leaves_what_was_there(tmp_path: Path) -> None:
    import subprocess

    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount here")
    try:
        files = Rooted(tmp_path / "files")
        files.replace("a.txt", writes(b"old"))
        for change in (
            lambda: files.replace("a.txt", writes(b"x" * 200_000)),
            lambda: files.append("a.txt", adds(b"x" * 200_000), "k"),
        ):
            with pytest.raises(Transient, match="is full") as raised:
                change()
            assert raised.value.kind == "disk_full"
        assert content(files, "a.txt") == b"old"
        assert left_over(files) == []
        files.append("a.txt", adds(b"+"), "k")
        assert content(files, "a.txt") == b"old+"
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_reading_gives_bytes_and_what_is_not_there_is_said(files: Rooted) -> None:
    files.replace("a/b.txt", writes(b"x"))
    with files.read("a/b.txt") as file:
        assert file.read() == b"x"
    assert (files.bytes_of("a/b.txt"), files.bytes_of("a/c.txt"), files.bytes_of("c/c.txt")) == (1, None, None)
    with pytest.raises(Permanent, match="there is no such file"), files.read("a/c.txt"):
        pass
    assert files.remove("a/b.txt") is True
    assert files.remove("a/b.txt") is False


def test_our_own_notes_are_beside_the_files_and_no_path_leads_there(files: Rooted) -> None:
    files.own("mirror").replace("note.json", writes(b"{}"))
    assert content(files, ".tieback/mirror/note.json") == b"{}"
    assert files.own("mirror").names() == ["note.json"]
    assert files.shown(".tieback/mirror/note.json").startswith("_tieback~")
