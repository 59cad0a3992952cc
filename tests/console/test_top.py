"""`tieback top` in a real terminal (a pty), in a narrow one, and in none."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.secrets import Box
from config.settings import load
from store import migrate
from store.session import open_engine, writing
from tests.conftest import KEY
from tests.console.conftest import Tieback
from tests.console.web import world

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of an installation with a week of work."""
    room = tmp_path_factory.mktemp("top")
    (room / "site").mkdir()
    given = load({"TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": str(room / "site")}, room)
    engine = open_engine(given)
    migrate.upgrade(engine)
    world.fill(engine, Box(given.secret_keys))
    with writing(engine) as db:
        world.alive(db)
    engine.dispose()
    return room


class Terminal:
    """A process on a pty of its own, and what it has drawn so far."""

    def __init__(self, folder: Path, columns: int, *options: str, term: str = "xterm-256color"):
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.before = termios.tcgetattr(self._slave)
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TIEBACK_SECRET_KEYS": KEY, "TERM": term}
        env = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "console.cli", "top", *options], cwd=folder, env=env,
            stdin=self._slave, stdout=self._slave, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self.text = ""

    def until(self, words: str, times: int = 1) -> None:
        """Read until these words were drawn so often."""
        end = time.monotonic() + PATIENCE_S
        while self.text.count(words) < times:
            assert time.monotonic() < end, f"{words!r} did not come {times} times:\n{self.text}"
            if select.select([self._master], [], [], 0.2)[0]:
                self.text += os.read(self._master, 65536).decode("utf-8", "replace")
            elif self.process.poll() is not None and self.process.stderr is not None:
                raise AssertionError(f"it ended: {self.process.stderr.read().decode()}")

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def ended(self) -> int:
        return self.process.wait(PATIENCE_S)

    def after(self) -> list[object]:
        return termios.tcgetattr(self._slave)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def opened(folder: Path) -> Iterator[object]:
    made: list[Terminal] = []

    def open_(columns: int = 120, *options: str, **more: str) -> Terminal:
        made.append(Terminal(folder, columns, *options, **more))
        return made[-1]

    yield open_
    for one in made:
        one.close()


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "").split("\n")


@pytest.mark.parametrize("key", [b"q", b"Q", b"\x04"])
def test_it_shows_the_whole_until_q_and_leaves_the_terminal_as_it_was(opened: object, key: bytes) -> None:
    one = opened()  # type: ignore[operator]
    one.until("q quit")
    for words in ("warn: ", "LANE", "RUNS NOW", "CAUSE", "CONNECTOR", "acme-prod", "PROCESS", "worker"):
        assert words in one.text
    assert "\x1b[?1049h" in one.text  # a screen of its own
    one.press(key)
    assert one.ended() == 0
    one.until("\x1b[?1049l")
    assert one.after() == one.before


def test_it_looks_again_by_itself_and_at_once_when_asked(opened: object) -> None:
    one = opened(120, "--interval", "0.5")  # type: ignore[operator]
    one.until("q quit", 3)
    slow = opened(120, "--interval", "3600")  # type: ignore[operator]
    slow.until("q quit")
    slow.press(b"xyz")  # keys without a meaning
    slow.press(b"r")
    slow.until("q quit", 2)
    slow.press(b"q")
    assert slow.ended() == 0


def test_ctrl_c_ends_it_and_the_terminal_is_as_it_was(opened: object) -> None:
    one = opened()  # type: ignore[operator]
    one.until("q quit")
    os.kill(one.process.pid, signal.SIGINT)
    one.ended()
    one.until("\x1b[?1049l")
    assert one.after() == one.before


def test_on_a_terminal_that_cannot_be_repainted_it_is_printed_once(opened: object) -> None:
    one = opened(80, term="dumb")  # type: ignore[operator]
    one.until("PROCESS")
    assert one.ended() == 0
    assert "\x1b[?1049h" not in one.text


@pytest.mark.parametrize("columns", [40, 60, 80, 109, 110, 200])
def test_no_line_is_wider_than_the_terminal(opened: object, columns: int) -> None:
    one = opened(columns)  # type: ignore[operator]
    one.until("q quit")
    one.press(b"q")
    assert one.ended() == 0
    assert max(len(line) for line in plain(one.text)) <= columns


def piped(folder: Path, *options: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TIEBACK_SECRET_KEYS": KEY, "COLUMNS": "100"}
    call = [sys.executable, "-m", "console.cli", "top", *options]
    return subprocess.run(call, cwd=folder, env=env, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("options", [(), ("--once",)])
def test_without_a_terminal_it_is_printed_once(folder: Path, options: tuple[str, ...]) -> None:
    out = piped(folder, *options)
    assert "\x1b" not in out
    assert re.match("(Needs a look|Not healthy)   ", out)
    assert "change-order-to-erp" in out
    assert "acme-prod" in out


def test_for_programs_it_is_one_object(folder: Path) -> None:
    found = json.loads(piped(folder, "--json"))
    assert list(found) == ["now", "verdict", "lanes", "unsorted", "workers", "connectors", "runs", "failures"]
    assert found["verdict"]["level"] in ("warn", "bad")
    assert found["runs"]["parked"]["open"] > 0
    assert [one["state"] for one in found["failures"]] == ["open"] * len(found["failures"])


def test_what_came_from_elsewhere_cannot_move_the_cursor(tieback: Tieback, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir(exist_ok=True)
    given = load({"TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": str(tmp_path / "site")}, tmp_path)
    engine = open_engine(given)
    migrate.upgrade(engine)
    world.fill(engine, Box(given.secret_keys), lambda text: text + "\x1b[2J\x1b]0;x\x07[bold]x[/bold]")
    engine.dispose()
    said = tieback("top", TIEBACK_SECRET_KEYS=KEY)
    assert said.code == 0, said.err
    assert "acme-prod" in said.out
    assert "\x1b" not in said.out
    assert "\x07" not in said.out


def test_wrong_use_is_one_sentence(tieback: Tieback) -> None:
    assert tieback("top", "--interval", "0").code == 2
    assert tieback("top").code == 2  # there is no database here
