"""The wrong keys are refused at the start and destroy nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from config.errors import ConfigError
from config.secrets import Box
from store import canary


def test_the_keys_a_database_was_made_with_are_accepted_again(engine: Engine) -> None:
    canary.check(engine, Box([b"a" * 32]))
    canary.check(engine, Box([b"a" * 32]))


def test_a_new_key_before_the_old_one_is_accepted(engine: Engine) -> None:
    canary.check(engine, Box([b"a" * 32]))
    canary.check(engine, Box([b"b" * 32, b"a" * 32]))


def test_the_wrong_keys_are_refused_and_the_right_ones_still_work(engine: Engine) -> None:
    canary.check(engine, Box([b"a" * 32]))
    with pytest.raises(ConfigError, match="none of TIEBACK_SECRET_KEYS"):
        canary.check(engine, Box([b"b" * 32]))
    canary.check(engine, Box([b"a" * 32]))
