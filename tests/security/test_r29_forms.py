"""R29: cookies that stay here, forms that are ours, and nothing that a mere look changes."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, text

from console import cookies
from console.access import TABLE
from store.session import reading
from tests.console.web.conftest import ana as ana
from tests.console.web.conftest import console as console
from tests.console.web.conftest import filled as filled
from tests.console.web.served import PASSWORD, Served, Visitor
from tests.security.test_r26_roles import path_of


def set_cookie(console: Served, headers: dict[str, str]) -> list[str]:
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=10)
    connection.request("GET", "/sign-in", headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers.get_all("Set-Cookie") or []


def test_on_loopback_the_cookie_is_out_of_reach_of_scripts_and_other_sites(console: Served) -> None:
    console.person("ana", "admin")
    (line,) = set_cookie(console, {})
    assert line.startswith("tieback-visit=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(line.split("; "))
    assert "Domain" not in line


def test_over_tls_the_cookie_is_for_this_host_only_and_secure() -> None:
    from flask import Flask, request

    app = Flask("probe", static_folder=None)
    with app.test_request_context("/", base_url="https://tieback.example"):
        answer = app.make_response("")
        cookies.give(request._get_current_object(), answer, "value")  # type: ignore[attr-defined]
        line = answer.headers["Set-Cookie"]
    assert line.startswith("__Host-tieback=value")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(line.split("; "))
    assert "Domain" not in line


def test_a_plain_cookie_counts_nothing_over_tls() -> None:
    from flask import Flask, request

    app = Flask("probe", static_folder=None)
    with app.test_request_context("/", base_url="https://tieback.example", headers={"Cookie": "tieback=planted"}):
        assert cookies.read(request._get_current_object()) == ""  # type: ignore[attr-defined]


CHANGES = [name for name, access in TABLE.items() if access.changes]


@pytest.mark.parametrize("endpoint", CHANGES)
def test_a_form_of_another_site_changes_nothing(filled: tuple[Served, dict[str, object]], endpoint: str) -> None:
    console, _ = filled
    visitor = Visitor(console.url)
    visitor.sign_in("ana")
    token = visitor.token()
    before = everything(console.engine)
    path = path_of(TABLE[endpoint])
    form = {"reason": "x", "name": "eve", "password": PASSWORD, "outcome": "applied", "confirm": "acme-prod", "state": "ignored"}
    hostile = [
        visitor.post(path, form),  # no token
        visitor.post(path, {**form, "form_token": "0" * 64}),
        visitor.post(path, {**form, "form_token": token}, {"Origin": "https://evil.example"}),
        visitor.post(path, {**form, "form_token": token}, {"Origin": "null"}),
        visitor.ask("POST", path, urlencode({**form, "form_token": token}).encode(),
                    {"Content-Type": "application/x-www-form-urlencoded"}),  # neither Origin nor Referer
        visitor.ask("POST", path, json.dumps({**form, "form_token": token}).encode(),
                    {"Content-Type": "text/plain", "Origin": console.url}),
    ]  # fmt: skip
    assert {page.status for page in hostile} == {403}
    assert everything(console.engine) == before


def everything(engine: Engine) -> dict[str, int]:
    """How many rows there are of what forms change, and the sum of what they alter in place."""
    counted = {
        "audit": "SELECT count(*) FROM tieback_audit",
        "users": "SELECT count(*) FROM tieback_users WHERE state = 'active'",
        "sessions": "SELECT count(*) FROM tieback_sessions",
        "waiting": "SELECT count(*) FROM tieback_runs WHERE state = 'waiting'",
        "imports": "SELECT count(*) FROM tieback_imports",
        "drafts": "SELECT count(*) FROM tieback_sessions WHERE draft IS NOT NULL",
    }
    with reading(engine) as db:
        return {name: db.execute(text(query)).scalar_one() for name, query in counted.items()}


@pytest.mark.parametrize("endpoint", CHANGES)
def test_a_look_at_the_address_of_a_change_changes_nothing(filled: tuple[Served, dict[str, object]], endpoint: str) -> None:
    console, _ = filled
    visitor = Visitor(console.url)
    visitor.sign_in("ana")
    before = everything(console.engine)
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"):
        page = visitor.ask(method, path_of(TABLE[endpoint]))
        # A few addresses show the form by GET and take it by POST.
        assert page.status in (400, 404, 405, 501) or (method in ("GET", "HEAD") and page.status in (200, 303, 422)), method
    assert everything(console.engine) == before


def test_a_form_of_ours_is_taken(console: Served, ana: Visitor) -> None:
    assert ana.post("/queues/manual/pause", {"form_token": ana.token(), "reason": "to see"}).status == 303
    assert "to see" in ana.get("/queues").text


def test_the_token_of_one_browser_is_worth_nothing_in_another(console: Served, ana: Visitor) -> None:
    console.person("bob", "admin")
    bob = Visitor(console.url)
    bob.sign_in("bob")
    assert bob.post("/queues/manual/pause", {"form_token": ana.token(), "reason": "x"}).status == 403


def test_nobody_is_signed_in_as_somebody_else_by_a_foreign_form(console: Served) -> None:
    console.person("eve", "admin")
    victim = Visitor(console.url)
    page = victim.post("/sign-in", {"name": "eve", "password": PASSWORD}, {"Origin": "https://evil.example"})
    assert page.status == 403
    assert "tieback" not in victim.cookies
