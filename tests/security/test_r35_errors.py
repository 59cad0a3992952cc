"""R35, R36, R37: an error is a code and a number, no debugger, and no console in the open without TLS."""

from __future__ import annotations

import json
import logging
import random
import re
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from config.errors import ConfigError
from config.settings import load
from console.app import create_app
from console.serving import may_listen, one_port
from store.session import writing
from tests.console.web.conftest import ana as ana
from tests.console.web.conftest import console as console
from tests.console.web.conftest import filled as filled
from tests.console.web.served import PASSWORD, Served, Visitor, served

TELLTALE = re.compile(
    r"SELECT |INSERT |(?i:Traceback|File \"|sqlalchemy|sqlite3|psycopg|select .{1,200} from |werkzeug|jinja2|/work/|\.py\b)"
)


def test_an_error_of_ours_is_a_code_and_a_number(console: Served, ana: Visitor, engine: Engine) -> None:
    with writing(engine) as db:
        db.execute(text("ALTER TABLE tieback_effects RENAME TO elsewhere"))
    page = ana.get("/effects")
    assert page.status == 503
    assert "no-store" in page.text
    assert not TELLTALE.search(page.text)
    problem = json.loads(ana.get("/api/v1/effects").text)
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert re.fullmatch("[0-9a-f]{16}", problem["request_id"])


def test_the_number_is_that_of_the_line_in_the_log(
    console: Served, ana: Visitor, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with writing(engine) as db:
        db.execute(text("ALTER TABLE tieback_effects RENAME TO elsewhere"))
    # At the logger itself: another test of this process may have sent everything to standard error.
    logger = logging.getLogger("tieback.console")
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.ERROR)
    was = logging.root.manager.disable
    logging.disable(logging.NOTSET)
    try:
        problem = json.loads(ana.get("/api/v1/effects").text)
    finally:
        logging.disable(was)
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(caplog.handler)
    assert problem["request_id"] in str([record.__dict__ for record in caplog.records])


def test_no_hostile_request_brings_a_trace_or_a_word_of_sql(filled: tuple[Served, dict[str, object]]) -> None:
    console, _ = filled
    visitor = Visitor(console.url)
    visitor.sign_in("ana")
    dice = random.Random(35)
    odd = [
        "'",
        '"',
        "%00",
        "%ff",
        "-1",
        "0",
        "9" * 30,
        "a" * 300,
        "..%2f..",
        "%F0%9F%92%A5",
        "1%20OR%201=1",
        "[]",
        "{}",
        "null",
        "1e9",
    ]
    pages = "/runs/{} /events/{} /deliveries/{} /connectors/{} /automations/{} /data/{} /imports/{} /records/{}/{}/{}"
    lists = "/runs?state={}&before={}&since={} /events?text={}&before={} /data/rfis?sort={}&column={}&value={}&page={}"
    others = "/audit?before={}&actor={} /effects?run={}&state={} /find?q={} /{} /static/{} /static/../{}"
    api = "/api/v1/runs?limit={}&cursor={}&since={} /api/v1/runs/{} /api/v1/events?text={} /api/v1/{}"
    rules = f"{pages} {lists} {others} {api}".split(" ")
    for _ in range(600):
        path = dice.choice(rules)
        path = path.format(*(dice.choice(odd) for _ in range(path.count("{}"))))
        page = visitor.get(path)
        assert page.status < 500, path
        if page.status >= 400:
            assert not TELLTALE.search(page.text.replace(path, "")), path


def test_a_body_that_is_too_large_is_refused(console: Served, ana: Visitor) -> None:
    page = ana.post("/queues/manual/pause", {"form_token": "x", "reason": "x" * 600_000})
    assert page.status == 413


def test_the_debugger_cannot_be_switched_on(console: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    with pytest.raises(ConfigError, match="FLASK_DEBUG"):
        create_app(console.here)


def test_the_public_learns_one_word_and_the_document_of_the_api(console: Served) -> None:
    visitor = Visitor(console.url)
    assert visitor.get("/healthz").text.strip() == "ok"
    assert visitor.get("/readyz").text.strip() == "unready"
    assert json.loads(visitor.get("/api/v1/openapi.json").text)["openapi"] == "3.1.0"
    assert visitor.get("/api/v1/overview").status == 401


@pytest.mark.parametrize("bind", ["0.0.0.0:8001", "192.168.1.5:8001", "[::]:8001", "console.internal:8001"])
def test_a_console_that_faces_a_network_does_not_start_without_tls(bind: str) -> None:
    settings = load({"TIEBACK_CONSOLE_BIND": bind})
    with pytest.raises(ConfigError, match="ends TLS"):
        may_listen(settings)
    may_listen(replace(settings, behind_proxy=True))


@pytest.mark.parametrize("bind", ["127.0.0.1:8001", "[::1]:8001", "localhost:8001"])
def test_loopback_needs_no_proxy(bind: str) -> None:
    may_listen(load({"TIEBACK_CONSOLE_BIND": bind}))


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1"])
def test_a_name_that_was_bound_to_loopback_elsewhere_is_refused(console: Served, host: str) -> None:
    page = Visitor(console.url).get("/sign-in", {"Host": host})
    assert page.status == 403
    assert "not-safe" in page.text


def test_an_address_inside_the_network_is_no_permission(console: Served) -> None:
    # A proxy says that the browser came without TLS, from a private address.
    with served(replace(console.here.settings, behind_proxy=True), console.engine) as proxied:
        for address in ("10.0.0.7", "192.168.1.1", "127.0.0.1"):
            page = Visitor(proxied.url).get(
                "/", {"X-Forwarded-For": address, "X-Forwarded-Proto": "http", "X-Forwarded-Host": "t.example"}
            )
            assert page.status == 403


def test_on_a_shared_port_the_door_has_its_paths_and_the_console_the_rest() -> None:
    def named(name: str):
        return lambda environ, start: [name.encode()]

    app = one_port(named("door"), named("console"))
    doors = ["/webhooks/k", "/webhooks/k/", "/config-events", "/inbound/erp", "/healthz", "/readyz"]
    seen = {path: app({"PATH_INFO": path}, None) for path in [*doors, "/", "/runs", "/sign-in", "/webhooks"]}
    assert [path for path, body in seen.items() if body == [b"door"]] == doors


def test_a_secret_of_a_connector_is_in_no_answer(filled: tuple[Served, dict[str, object]]) -> None:
    from console.access import TABLE
    from tests.security.test_r30_pages import pages_to_see

    console, ids = filled
    visitor = Visitor(console.url)
    visitor.sign_in("ana")
    api = [
        access.rule
        for access in TABLE.values()
        if access.rule.startswith("/api/") and not access.changes and "<" not in access.rule
    ]
    for path in [
        *pages_to_see(ids).values(),
        *api,
        "/connectors/acme-prod",
        "/connectors/acme-prod/export",
        "/api/v1/connectors/acme-prod",
    ]:
        page = visitor.get(path)
        for secret in ("planted-client-secret", "planted-hook-secret", PASSWORD, "scrypt$"):
            assert secret not in page.text, (path, secret)
        assert not re.search(r"v1\.[0-9a-f]{8}\.", page.text), path  # a sealed value
