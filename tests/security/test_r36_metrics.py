"""R36: figures are for a token of their own, at the console; the public door shows none, and no session opens them."""

from __future__ import annotations

import pytest

from store import apitokens
from store.session import writing
from tests.console.web.conftest import console as console
from tests.console.web.served import Served, Visitor
from tests.webhook.conftest import door as door
from tests.webhook.door import Door, request


def token(console: Served, *scopes: str) -> dict[str, str]:
    with writing(console.engine) as db:
        return {"Authorization": f"Bearer {apitokens.add(db, 'scraper', list(scopes))}"}


def test_a_token_for_metrics_opens_the_figures_and_nothing_else(console: Served) -> None:
    headers = token(console, "metrics")
    page = Visitor(console.url).get("/metrics", headers)
    assert (page.status, page.headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert "tieback_ready 0.0" in page.text
    assert Visitor(console.url).get("/api/v1/overview", headers).status == 401
    assert Visitor(console.url).get("/", headers).status == 303


@pytest.mark.parametrize("scopes", [["admin"], ["read"], ["inbound"], ["metrics", "company:598134000009009"]])
def test_no_other_token_opens_them(console: Served, scopes: list[str]) -> None:
    assert Visitor(console.url).get("/metrics", token(console, *scopes)).status == 403


def test_nobody_and_no_revoked_token_learns_a_figure(console: Served) -> None:
    headers = token(console, "metrics")
    with writing(console.engine) as db:
        apitokens.revoke(db, "scraper")
    for sent in ({}, headers, {"Authorization": "Basic dG9rZW4="}, {"Authorization": "Bearer "}):
        page = Visitor(console.url).get("/metrics", sent)
        assert (page.status, page.headers["www-authenticate"]) == (401, "Bearer")
        assert "tieback_" not in page.text


def test_an_administrator_who_is_signed_in_is_not_a_scraper(console: Served) -> None:
    console.person("ana", "admin")
    visitor = Visitor(console.url)
    visitor.sign_in("ana")
    assert visitor.get("/metrics").status == 401


def test_the_public_door_has_no_figures(door: Door) -> None:
    with writing(door.engine) as db:
        bearer = apitokens.add(db, "scraper", ["metrics"])
    answer = door.send(request("GET", "/metrics", headers={"Authorization": f"Bearer {bearer}"}))
    assert (answer.status, b"tieback_" in answer.body) == (404, False)
