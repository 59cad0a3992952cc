"""Secrets are never shown, and what is sealed opens only where it was sealed."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from config import logs
from config.errors import ConfigError
from config.secrets import Box, Secret, resolve


def test_a_secret_shows_stars_everywhere() -> None:
    secret = Secret("hunter2hunter2")
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"


def test_what_is_sealed_opens_in_its_place() -> None:
    box = Box([b"k" * 32])
    assert box.open(box.seal(Secret("x"), "t/c/1"), "t/c/1") == Secret("x")


def test_a_ciphertext_moved_to_another_row_does_not_open() -> None:
    box = Box([b"k" * 32])
    with pytest.raises(ConfigError, match="altered or moved"):
        box.open(box.seal(Secret("x"), "t/c/1"), "t/c/2")


def test_an_old_key_still_opens_and_the_new_one_seals() -> None:
    old, both = Box([b"a" * 32]), Box([b"b" * 32, b"a" * 32])
    assert both.open(old.seal(Secret("x"), "p"), "p") == Secret("x")
    with pytest.raises(ConfigError, match="not among TIEBACK_SECRET_KEYS"):
        old.open(both.seal(Secret("x"), "p"), "p")


@pytest.mark.parametrize("reference", ["${env:ABSENT}", "${file:absent}", "clear text"])
def test_a_reference_that_leads_nowhere_names_the_place(reference: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^connector acme"):
        resolve(reference, {}, tmp_path, "connector acme")


def test_a_log_line_cannot_be_forged_and_tells_no_secret() -> None:
    logs.hide("canary-canary-1")
    record = logging.LogRecord("x", logging.INFO, "", 0, "evil\r\n{}", (), None)
    record.tieback = {"reason": "a\u202eb\x1b[0m canary-canary-1"}
    line = logs.Line().format(record)
    assert line.isascii()
    assert "\n" not in line
    assert "canary-canary-1" not in line
    assert json.loads(line)["event"] == "evil\r\n{}"
