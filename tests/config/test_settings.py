"""Settings: a bad one stops the start with a sentence that says what to write."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import load, with_keys
from tests.conftest import KEY


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"TIEBACK_SITEE": "x"}, 'TIEBACK_SITEE is no setting of Tieback; did you mean "TIEBACK_SITE"?'),
        ({"TIEBACK_BIND": "8000"}, 'TIEBACK_BIND is "8000" (environment): write host:port, such as 127.0.0.1:8000.'),
        ({"TIEBACK_BIND": "x:99999"}, 'TIEBACK_BIND is "x:99999" (environment): write host:port, such as 127.0.0.1:8000.'),
        (
            {"TIEBACK_WORKER_THREADS": "many"},
            'TIEBACK_WORKER_THREADS is "many" (environment): write a whole number from 1 to 256.',
        ),
        (
            {"TIEBACK_DATABASE_URL": "mysql://u:pw@h/d"},
            'TIEBACK_DATABASE_URL is "mysql://u:***@h/d" (environment): '
            "write sqlite:///path/to/file.db or postgresql://user@host/database.",
        ),
        (
            {"TIEBACK_SECRET_KEYS": "abc"},
            "TIEBACK_SECRET_KEYS (environment): each key is urlsafe base64 of 32 bytes; part 1 is not.",
        ),
        ({"TIEBACK_FAILPOINTS": "x:kill"}, "TIEBACK_FAILPOINTS is set: it makes processes crash on purpose. Unset it."),
    ],
)
def test_a_bad_setting_says_what_to_write(env: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(env, tmp_path)
    assert str(caught.value) == said


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/tieback.env").write_text("# ours\nTIEBACK_LOG_LEVEL=ERROR\nTIEBACK_BIND='127.0.0.1:9'\n")
    settings = load({"TIEBACK_LOG_LEVEL": "debug"}, tmp_path)
    assert (settings.log_level, settings.bind) == ("DEBUG", ("127.0.0.1", 9))
    assert settings.sources["TIEBACK_BIND"] == "tieback.env"


def test_a_line_in_the_file_that_is_no_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/tieback.env").write_text("\njust words\n")
    with pytest.raises(ConfigError, match=r"tieback\.env:2: a line is NAME=value"):
        load({}, tmp_path)


def test_the_embedded_profile_makes_its_key_once_and_only_for_us(tmp_path: Path) -> None:
    first = with_keys(load({}, tmp_path)).secret_keys
    assert first == with_keys(load({}, tmp_path)).secret_keys
    assert stat.S_IMODE((tmp_path / "var/secret.key").stat().st_mode) == 0o600


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with_keys(load({}, tmp_path))
    (tmp_path / "var/secret.key").chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by other users"):
        with_keys(load({}, tmp_path))


def test_processes_that_share_a_database_must_be_given_their_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TIEBACK_SECRET_KEYS is not set"):
        with_keys(load({"TIEBACK_DATABASE_URL": "postgresql://h/d"}, tmp_path))


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(KEY + "\n")
    (tmp_path / "url").write_text("postgresql://tieback:pass%21word@db/tieback\n")
    env = {"TIEBACK_SECRET_KEYS_FILE": str(tmp_path / "keys"), "TIEBACK_DATABASE_URL_FILE": "url"}
    given = load(env, tmp_path)
    assert given.secret_keys == (b"k" * 32,)
    assert given.database_url == "postgresql+psycopg://tieback:pass%21word@db/tieback"
    assert given.sources["TIEBACK_DATABASE_URL"] == "secret file"
    # It reaches neither what children inherit nor what rules may refer to.
    assert "TIEBACK_DATABASE_URL" not in given.env


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TIEBACK_BROKER_URL_FILE is nowhere, which cannot be read: No such file"):
        load({"TIEBACK_BROKER_URL_FILE": "nowhere"}, tmp_path)


def test_a_secret_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("memory://")
    with pytest.raises(ConfigError, match="TIEBACK_BROKER_URL and TIEBACK_BROKER_URL_FILE are both set"):
        load({"TIEBACK_BROKER_URL_FILE": "url", "TIEBACK_BROKER_URL": "memory://"}, tmp_path)
