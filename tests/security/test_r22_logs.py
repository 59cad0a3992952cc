"""R22: what others wrote forges no line of the log, steers no terminal and never makes a line too long to be read."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from config import logs

WRITES = """
import logging, sys
from config import logs
logs.start("INFO")
for text in sys.stdin.read().split("\\0"):
    logging.getLogger("tieback.x").info("run.failed", extra=logs.about(run=1, reason=text, event_id=text))
    logging.getLogger("tieback.x").info(text)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("tieback.x").exception("run.broke")
"""
HOSTILE = [
    'done\r\n{"level": "info", "event": "all is well"}',
    "\x1b[2J\x1b]0;owned\x07 cleared",
    "user\u202egnp.exe \u2066x\u2069 \u200f",
    "one\u2028two\u2029three\x85four\x0bfive\x0csix",
    "\x7f\x9b31m half \x08\x08\x08 erased",
    "%s %d %(levelname)s {0} ${record}",
    "x" * 100_000,
]


def test_no_text_forges_a_line_or_reaches_the_terminal() -> None:
    done = subprocess.run([sys.executable, "-c", WRITES], input="\0".join(HOSTILE).encode(), capture_output=True, check=True)
    lines = done.stderr.split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == 3 * len(HOSTILE)
    for line in lines:
        assert all(0x20 <= byte < 0x7F for byte in line)
        assert json.loads(line)["level"] in ("info", "error")
    assert json.loads(lines[0])["reason"] == HOSTILE[0]


def record(**fields: object) -> str:
    import logging

    one = logging.LogRecord("x", logging.INFO, "", 0, "run.failed", (), None)
    one.tieback = fields
    return logs.Line().format(one)


def test_a_line_is_never_so_long_that_its_reader_cuts_it() -> None:
    line = record(run=7, **{f"field_{number}": "\U0001f3d7" * 5000 for number in range(10)})
    assert len(line) <= logs.MAX_LINE
    assert (json.loads(line)["run"], json.loads(line)["cut"]) == (7, True)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_know_is_a_text(value: float) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    assert json.loads(record(share=value), parse_constant=refuse)["share"] == str(value)
