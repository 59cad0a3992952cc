"""R23: a planted secret is found in no log line, error, trace, row or message, in whatever form it comes by."""

from __future__ import annotations

import base64
import io
import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from config import hiding, logs, settings
from config.errors import ConfigError
from config.hiding import hide, scrub
from config.secrets import Box, Secret, new_key, resolve
from connectors import definition
from connectors.remarks import plain, remark
from store.session import writing
from tests.connectors.conftest import Wire
from tests.security.conftest import leaks, packed, written

MakeWire = Callable[..., Wire]
ROOT = Path(__file__).parents[2]
# Every sign that some encoding writes otherwise.
AWKWARD = "m4rker\"q\\b/s+p%c&a<l> 'é=0123456789"
PLAIN = "m4rkerOfPlainSigns0123456789abcdef"


def log_line(fields: dict[str, Any], message: str = "x", error: BaseException | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("x", logging.INFO, "", 0, message, (), info)
    record.tieback = fields
    return logs.Line().format(record)


# Forms


@pytest.mark.parametrize("secret", [AWKWARD, PLAIN])
def test_a_secret_is_hidden_however_it_is_written(secret: str) -> None:
    hide(secret)
    for form in (*written(secret), *packed(secret)):
        shown = scrub(f"seen <{form}> there")
        assert leaks(shown, secret) == [], form
        assert shown.startswith("seen <")
        assert shown.endswith("> there")


@pytest.mark.parametrize("depth", [1, 2])
def test_a_secret_inside_json_inside_json_is_hidden(depth: int) -> None:
    hide(AWKWARD)
    nested = AWKWARD
    for _ in range(depth):
        nested = json.dumps({"said": nested})
    shown = scrub(nested)
    assert "m4rker" not in shown
    assert "***" in shown
    json.loads(shown)


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_a_secret_inside_a_longer_base64_text_is_hidden(before: str) -> None:
    hide(PLAIN)
    whole = base64.b64encode(f"{before}{PLAIN}:and more".encode()).decode()
    shown = scrub(whole)
    # At most one sign on either side is left of what the secret shapes.
    assert len(whole) - len(shown.replace("***", "")) >= len(PLAIN) * 8 // 6 - 1


def test_the_credential_inside_an_authorization_value_is_hidden_without_its_scheme() -> None:
    hide(f"Bearer {PLAIN}")
    assert scrub(f"token {PLAIN} refused") == "token *** refused"
    password = "the-password-of-the-far-end"
    hide("Basic " + base64.b64encode(f"me:{password}".encode()).decode())
    assert scrub(f"wrong password {password}") == "wrong password ***"


@pytest.mark.parametrize("at", range(1970, 2005))
def test_a_secret_that_is_cut_at_the_end_of_a_field_leaves_no_half(at: int) -> None:
    hide(PLAIN)
    assert "m4rker" not in log_line({"reason": "x" * at + PLAIN})
    assert "m4rker" not in log_line({}, message="x" * at + PLAIN)


def test_a_remark_that_is_cut_leaves_no_half() -> None:
    hide(PLAIN)
    for start in range(240, 300):
        body = json.dumps({"message": "x" * start + PLAIN}).encode()
        assert "m4rker" not in remark(body)
        assert "m4rker" not in plain("x" * start + PLAIN)


def test_what_is_too_short_to_search_for_blanks_no_common_text() -> None:
    hide("short")
    assert scrub("a short text") == "a short text"


def test_a_process_that_renews_tokens_for_years_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("config.hiding.time.monotonic", lambda: now)
    hide(PLAIN)
    for count in range(500):
        now += 5400
        hide(f"token-number-{count:020}")  # as who only opens it
        hide(f"token-number-{count:020}", lives_s=5400)
    assert len(hiding._known) < 6
    assert scrub(f"{PLAIN} token-number-{499:020}") == "*** ***"


# Errors, traces, broken log calls, what nobody caught


def test_a_trace_in_the_log_has_no_secret_and_no_locals() -> None:
    hide(PLAIN)
    local = "a-local-value-of-the-frame"
    try:
        raise RuntimeError(f"refused {PLAIN} {quote(PLAIN)}")
    except RuntimeError as error:
        line = log_line({}, error=error)
    assert "m4rker" not in line
    assert local not in line
    assert "RuntimeError: refused *** ***" in line


UNCAUGHT = """
import logging, sys, threading
from config import logs
from config.hiding import hide
logs.start("DEBUG")
hide({secret!r})
def fail():
    try:
        raise ValueError("inner {secret}")
    except ValueError as error:
        raise RuntimeError("outer {secret}") from error
thread = threading.Thread(target=fail); thread.start(); thread.join()
logging.getLogger("x").info("%d is no number", {secret!r})
logging.getLogger("x").info("%s", {secret!r})
fail()
"""


def test_what_nobody_caught_is_one_line_without_the_secret() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNCAUGHT.format(secret=PLAIN)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert leaks(done.stdout + done.stderr, PLAIN) == []
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in said] == ["uncaught", "log.unwritable", "***", "uncaught"]
    assert said[0]["error"] == "RuntimeError: outer ***"


def test_an_error_of_the_database_carries_no_parameters(engine: Engine, lines: io.StringIO) -> None:
    with writing(engine) as db:
        db.execute(text("CREATE TABLE one (a INTEGER PRIMARY KEY, b TEXT NOT NULL)"))
    for statement, values in (
        ("INSERT INTO one VALUES (:a, :b)", {"a": PLAIN, "b": None}),
        ("SELECT :a FROM there_is_none", {"a": PLAIN}),
        ("INSERT INTO one VALUES (:a, :b)", {"a": PLAIN}),
    ):
        with pytest.raises(SQLAlchemyError) as raised, writing(engine) as db:
            db.execute(text(statement), values)
        logging.getLogger("x").exception("store.failed", exc_info=raised.value)
        if "invalid input" not in str(raised.value.args):  # PostgreSQL itself quotes a value of the wrong type
            assert "m4rker" not in "".join(traceback.format_exception_only(raised.value))
    assert "SQL parameters hidden" in lines.getvalue()


def test_a_secret_shows_in_no_form_of_printing() -> None:
    secret = Secret(PLAIN)
    connector = definition.from_stored(
        {"format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "production", "client_id": "id", "company_id": "1"},
        {"client_secret": secret, "webhook_secret": Secret(PLAIN + PLAIN)},
    )
    for shown in (
        str(secret),
        repr(secret),
        f"{secret}",
        json.dumps([secret], default=str),
        repr(connector),
        str(vars(connector)),
    ):
        assert "m4rker" not in shown
    assert len(secret.fingerprint()) == 8
    assert secret.fingerprint() not in PLAIN


def test_a_secret_file_that_is_no_text_is_not_carried_along_by_the_error(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(PLAIN.encode() + b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8") as raised:
        resolve("${file:s}", {}, tmp_path, "connector acme")
    assert raised.value.__cause__ is None
    with pytest.raises(ConfigError, match="not UTF-8"):
        resolve("${env:S}", {"S": PLAIN + "\udcff"}, tmp_path, "connector acme")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:{p}@127.0.0.1:1/x", "postgresql://127.0.0.1:1/x?user=me&password={p}", "redis://:{p}@127.0.0.1:1/0",
        "amqp://me:{p}@127.0.0.1:1/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("password", [PLAIN, f"{PLAIN}/slash", f"at@{PLAIN}", f"%40{PLAIN}"])
def test_the_password_of_a_service_is_hidden_everywhere(url: str, password: str, tmp_path: Path) -> None:
    whole = url.format(p=password)
    assert "m4rker" not in settings.without_password(whole)
    name = "TIEBACK_DATABASE_URL" if url.startswith("postgresql") else "TIEBACK_BROKER_URL"
    settings.load({name: whole}, tmp_path)
    assert leaks(log_line({"error": f"cannot reach {whole}; password {password}, {unquote(password)}"}), PLAIN) == []


def test_the_keys_themselves_are_hidden() -> None:
    key = new_key()
    Box([base64.urlsafe_b64decode(key)])
    assert leaks(log_line({"error": f"TIEBACK_SECRET_KEYS={key}"}), key) == []
    assert key.translate(str.maketrans("-_", "+/")) not in log_line({"error": key.translate(str.maketrans("-_", "+/"))})


@pytest.mark.parametrize("learns", ["sealed", "opened", "referred to"])
def test_whatever_passes_through_a_box_or_a_reference_is_hidden_from_then_on(
    learns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box([b"k" * 32])
    sealed = box.seal(Secret(PLAIN), "p")
    monkeypatch.setattr(hiding, "_known", {})
    monkeypatch.setattr(hiding, "_forms", ())
    if learns == "sealed":
        box.seal(Secret(PLAIN), "p")
    elif learns == "opened":
        box.open(sealed, "p")
    else:
        resolve("${env:S}", {"S": PLAIN}, Path(), "connector acme")
    assert leaks(scrub(f"refused: {PLAIN}"), PLAIN) == []
