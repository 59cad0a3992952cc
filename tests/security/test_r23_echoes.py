"""R23: a far end that repeats the secret it was given is quoted without it, in errors, rows and log lines."""

from __future__ import annotations

import base64
import io
import json
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from sqlalchemy import Engine

from config import yamlfile
from config.errors import ConfigError, TiebackError
from config.secrets import Secret
from config.settings import Settings
from connectors import definition, destinations
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import Call, MemoryCalls, MemoryQuota, MemoryTokens
from tests.connectors.conftest import Wire, http_answer
from tests.security.conftest import leaks
from tests.security.test_r25_at_rest import everything
from tests.workers.conftest import changed
from tests.workers.rig import Rig, payload, rig

MakeWire = Callable[..., Wire]
PLAIN = "m4rkerOfPlainSigns0123456789abcdef"


def echo(status: str, repeat: Callable[[bytes], str]) -> Callable[[Wire], Callable[[socket.socket], None]]:
    """An answer whose body repeats what came in."""

    def of(one: Wire) -> Callable[[socket.socket], None]:
        def answer(connection: socket.socket) -> None:
            said = repeat(one.requests[-1])
            connection.sendall(http_answer(json.dumps({"error": said, "message": said}).encode(), status))

        return answer

    return of


REPEATS = {
    "raw": lambda request: request.decode("latin-1"),
    "url": lambda request: quote(request),
    "form": lambda request: quote_plus(request),
    "base64": lambda request: base64.b64encode(request).decode(),
    "json": lambda request: json.dumps(request.decode("latin-1")),
    "hex": lambda request: request.hex(),
}


@pytest.fixture(params=list(REPEATS))
def echoing(request: pytest.FixtureRequest, wire: MakeWire) -> Callable[[str], Wire]:
    def made(status: str) -> Wire:
        holder: list[Wire] = []
        one = wire(lambda connection: echo(status, REPEATS[request.param])(holder[0])(connection))
        holder.append(one)
        return one

    return made


STATUSES = ["400 Bad", "401 No", "403 No", "404 No", "409 No", "422 No", "429 Wait", "500 Oh", "502 Oh", "503 Oh"]


@pytest.mark.parametrize("status", STATUSES)
def test_a_far_end_that_repeats_a_destinations_credential_is_quoted_without_it(echoing: Any, status: str) -> None:
    one = echoing(status)
    source = "kind: http\nname: erp\nurl: ${env:U}\nheaders: {Authorization: 'Bearer ${env:T}', X-Sign: '${env:A}'}\n"
    awkward = "m4rker\"q\\b/s+p%c&a<l> '=0123456789"
    env = {"U": f"{one.url}/services/{PLAIN}path/x", "T": PLAIN, "A": awkward}
    found = destinations.load(yamlfile.parse(source, "destinations/erp.yaml"), env, Path())
    calls: list[Call] = []
    found._client._record = calls.append
    with pytest.raises(TiebackError) as raised:
        found.send(path="/y", json={"a": 1})
    said = "".join(traceback.format_exception(raised.value)) + repr(calls)
    for secret in (PLAIN, f"{PLAIN}path", awkward):
        assert leaks(said, secret) == []


@pytest.mark.parametrize("status", STATUSES)
def test_a_login_host_that_repeats_the_client_secret_is_quoted_without_it(echoing: Any, status: str) -> None:
    assert leaks(procore_said(echoing(status).url, echoing(status).url), PLAIN) == []


@pytest.mark.parametrize("status", STATUSES)
def test_a_procore_that_repeats_the_access_token_is_quoted_without_it(echoing: Any, wire: MakeWire, status: str) -> None:
    token = "m4rkerOfTheAccessToken0123456789"
    login = wire(http_answer(json.dumps({"access_token": token, "expires_in": 5400}).encode()))
    assert leaks(procore_said(echoing(status).url, login.url), token) == []


@pytest.mark.parametrize("status", ["400 Bad", "422 No", "500 Oh"])
def test_a_procore_that_repeats_the_secret_of_a_hook_is_quoted_without_it(echoing: Any, wire: MakeWire, status: str) -> None:
    login = wire(http_answer(b'{"access_token": "the-token-of-procore", "expires_in": 5400}'))
    wish = {"webhook": {"destination_headers": {"Authorization": f"Bearer {PLAIN}-of-a-hook"}}}
    assert leaks(procore_said(echoing(status).url, login.url, wish), f"{PLAIN}-of-a-hook") == []


def procore_said(api: str, login: str, json: Any = None) -> str:
    """The error of a call, with its trace and the records of all calls."""
    config = {"format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "custom", "api_host": api,
              "login_host": login, "client_id": "id", "company_id": "1"}  # fmt: skip
    secrets = {"client_secret": Secret(PLAIN), "webhook_secret": Secret(f"Bearer {PLAIN}-of-a-hook")}
    calls = MemoryCalls()
    procore = Procore(definition.from_stored(config, secrets), MemoryTokens(), calls, MemoryQuota())
    with pytest.raises(TiebackError) as raised:
        procore.request("POST", "/rest/v2.0/webhooks", json=json or {})
    return "".join(traceback.format_exception(raised.value)) + repr(vars(calls))


def test_a_path_that_is_a_secret_is_in_no_complaint_about_it() -> None:
    found = destinations.load(
        yamlfile.parse("kind: http\nname: chat\nurl: ${env:U}\n", "destinations/chat.yaml"),
        {"U": f"https://127.0.0.1:1/services/{PLAIN}"}, Path(),
    )  # fmt: skip
    for path in ("/../x", "/a/..", "//x", "/\r\n", "/x"):
        with pytest.raises(TiebackError) as raised:
            found.send(path=path)
        assert "m4rker" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://{m}@x", "{m}", "https://x.example/{m}?a=1", "https://[{m}", "https://x:{m}/", "ftp://x/{m}"]
)
def test_a_url_that_is_a_secret_is_in_no_complaint_about_it(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        destinations.load(
            yamlfile.parse("kind: http\nname: chat\nurl: ${env:U}\n", "destinations/chat.yaml"),
            {"U": url.replace("{m}", PLAIN)}, Path(),
        )  # fmt: skip
    assert PLAIN.lower() not in str(raised.value).lower()


# The whole path, on both databases: what the rows and the log hold after everything went wrong


SINK = """\
format: 1
kind: http
name: sink
url: ${file:secrets/url}
private: true
headers: {Authorization: "Bearer ${file:secrets/sink}"}
"""
ECHO = """
    format: 1
    id: {id}
    stage: live
    when:
      - webhook: {{connector: acme, resource: RFIs, actions: [update]}}
    do:
      - id: post
        use: http.call
        with: {{to: "http:sink", path: {path}, idempotency_key: "{id}-${{event.key}}", json: {{a: 1}}{more}}}
      - id: kept
        use: set
        with: {{said: "${{steps.post.output.text}}"}}
"""


def test_after_a_run_whose_far_end_repeats_all_it_got_no_row_and_no_line_holds_a_secret(
    engine: Engine, settings: Settings, far: Any, wire: MakeWire, lines: io.StringIO
) -> None:
    # Given a far end that repeats what it got, with 200, with 400 and with an expected 409
    holder: list[Wire] = []

    def answer(connection: socket.socket) -> None:
        request = holder[0].requests[-1].decode("latin-1")
        status = next((s for s in ("400 Bad", "409 Conflict") if f"/{s[:3]} " in request.splitlines()[0]), "200 OK")
        body = {"all": request, "b64": base64.b64encode(request.encode()).decode(), "url": quote(request)}
        connection.sendall(http_answer(json.dumps(body).encode(), status))

    holder.append(wire(answer))
    rules = {
        "fine": ECHO.format(id="fine", path="/200", more=""),
        "wrong": ECHO.format(id="wrong", path="/400", more=""),
        "expected": ECHO.format(id="expected", path="/409", more=", expect: [409]"),
    }
    with rig(engine, settings, far, **rules) as one:
        secrets = _planted(one, settings, far, holder[0])
        # When the record changes and every rule runs
        one.deliver(payload(far, changed(far)))
        one.work()
        states = {run["automation"]: run["state"] for run in one.runs()}
    assert states == {"fine": "ok", "wrong": "failed", "expected": "ok"}
    # Then the far end had the secrets, and neither the database nor the log has them
    received = b"".join(holder[0].requests).decode("latin-1")
    kept, logged = everything(engine), lines.getvalue()
    assert "***" in kept
    for name, secret in secrets.items():
        assert name not in ("sink", "path") or secret in received
        assert leaks(kept, secret) == [], name
        assert leaks(logged, secret) == [], name


def _planted(one: Rig, settings: Settings, far: Any, sink: Wire) -> dict[str, str]:
    """Give the site's destination its secrets and the connector a secret for its hook; all of them by name."""
    secrets = {"sink": PLAIN, "path": f"{PLAIN}path", "hook": f"Bearer {PLAIN}-of-the-hook"}
    (settings.site / "secrets/sink").write_text(secrets["sink"])
    (settings.site / "secrets/url").write_text(f"{sink.url}/services/{secrets['path']}")
    (settings.site / "secrets/hook").write_text(secrets["hook"])
    (settings.site / "destinations/sink.yaml").write_text(SINK)
    with (settings.site / "connectors/acme.yaml").open("a") as file:
        file.write("webhooks: {secret: '${file:secrets/hook}'}\n")
    assert one.load_site() == []
    return {**secrets, "client": far.world.tokens.client_secret}
