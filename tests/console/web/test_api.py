"""The API answers as its own document says, page by page, and refuses what the document does not name."""

from __future__ import annotations

import json
import random
from typing import Any

import jsonschema
import pytest
from sqlalchemy import Engine

from config.secrets import Box
from console.access import TABLE
from console.api.openapi import document
from console.api.table import DESCRIBED
from store import apitokens
from store.session import writing
from tests.console.web import world
from tests.console.web.served import Page, Served, Visitor
from tests.security.test_r30_pages import pages_to_see

Filled = tuple[Served, dict[str, Any]]


class Client:
    def __init__(self, console: Served, *scopes: str):
        self.visitor = Visitor(console.url)
        with writing(console.engine) as db:
            name = f"t{random.randrange(10**9)}"
            token = apitokens.add(db, name, list(scopes))
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Page:
        return self.visitor.get(path, self.headers)

    def post(self, path: str, body: object, kind: str = "application/json") -> Page:
        return self.visitor.ask("POST", path, json.dumps(body).encode(), {**self.headers, "Content-Type": kind})


@pytest.fixture(scope="module")
def reader(filled: Filled) -> Client:
    return Client(filled[0], "admin")


def said_of(page: Page, path: str, method: str) -> Any:
    """The schema that the document has for this answer. Fails when it has none."""
    answers = document()["paths"][path][method]["responses"]
    assert str(page.status) in answers, f"{method} {path} answered {page.status}, which its document does not name"
    (kind,) = answers[str(page.status)]["content"]
    assert page.headers["content-type"].split(";")[0] == kind
    return answers[str(page.status)]["content"][kind]["schema"]


def fits(page: Page, path: str, method: str = "get") -> Any:
    body = json.loads(page.text)
    schema = {**said_of(page, path, method), "components": document()["components"]}
    jsonschema.validate(body, schema, cls=jsonschema.Draft202012Validator)
    return body


def template(rule: str) -> str:
    import re

    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


def path_of(endpoint: str) -> str:
    """Its address, with names that the world has."""
    name = "rfi-to-database" if endpoint.startswith(("api.automation", "api.version")) else "acme-prod"
    return TABLE[endpoint].rule.replace("<name>", name).replace("<version>", "in-force")


def test_the_document_is_one_of_openapi_3_1_and_names_every_route(reader: Client) -> None:
    found = json.loads(reader.visitor.get("/api/v1/openapi.json").text)
    assert found["openapi"] == "3.1.0"
    routes = {(access.method.lower(), template(access.rule)) for name, access in TABLE.items() if name.startswith("api.")}
    named = {(method, path) for path, methods in found["paths"].items() for method in methods}
    assert named == routes - {("get", "/api/v1/openapi.json")}
    assert set(DESCRIBED) == {name for name in TABLE if name.startswith("api.")} - {"api.openapi"}
    for schema in found["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("endpoint", [name for name, said in DESCRIBED.items() if not TABLE[name].changes])
def test_every_answer_fits_its_schema(filled: Filled, reader: Client, endpoint: str) -> None:
    _, ids = filled
    path = path_of(endpoint).replace("<id:id>", str(ids["failed"] if "run" in endpoint else ids["event"]))
    body = fits(reader.get(path), template(TABLE[endpoint].rule))
    if DESCRIBED[endpoint].listed:
        assert body["items"] or endpoint == "api.nothing"


@pytest.mark.parametrize("endpoint", [name for name, said in DESCRIBED.items() if said.listed])
def test_page_by_page_one_sees_each_item_once(reader: Client, endpoint: str) -> None:
    rule = path_of(endpoint)
    whole = json.loads(reader.get(f"{rule}?limit=200").text)
    assert whole["next"] is None
    seen, cursor = [], ""
    while True:
        page = json.loads(reader.get(f"{rule}?limit=7{cursor}").text)
        assert len(page["items"]) <= 7
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert list(map(_lasting, seen)) == list(map(_lasting, whole["items"]))


def _lasting(item: dict[str, Any]) -> dict[str, Any]:
    """Without the database's clock, which goes on between two questions."""
    return {name: value for name, value in item.items() if name != "now_there"}


def test_filters_are_those_of_the_document_and_no_other_is_ignored(reader: Client) -> None:
    rows = json.loads(reader.get("/api/v1/runs?state=failed&limit=200").text)["items"]
    assert {row["state"] for row in rows} == {"failed"}
    body = fits(reader.get("/api/v1/runs?stat=failed"), "/api/v1/runs")
    assert body["errors"] == [{"field": "stat", "message": "there is no such parameter"}]


ODD = "limit=0 limit=201 limit=x limit=-1 limit=1e2 cursor=x cursor=0 cursor=-5 since=x since=5 since=99999d limit=%C2%B2"


@pytest.mark.parametrize("query", ODD.split(" "))
def test_a_value_that_does_not_fit_is_named(reader: Client, query: str) -> None:
    fits(reader.get(f"/api/v1/runs?{query}"), "/api/v1/runs")
    assert reader.get(f"/api/v1/runs?{query}").status == 422


@pytest.mark.parametrize("endpoint", [name for name in DESCRIBED if TABLE[name].changes])
def test_no_body_however_odd_is_answered_with_more_than_the_document_names(filled: Filled, endpoint: str) -> None:
    client = Client(filled[0], "admin")
    access = TABLE[endpoint]
    path = access.rule.replace("<id:id>", "999999").replace("<name>", "nothing").replace("<lane>", "nothing")
    path = path.replace("<version>", "nothing")
    odd: list[Any] = [
        None,
        [],
        {},
        "x",
        7,
        {"reason": {"a": []}},
        {"outcome": "no"},
        {"choice": ""},
        {"note": 7},
        {"reason": "x" * 10_000},
    ]
    for body in odd:
        page = client.post(path, body)
        assert page.status in (404, 422) or endpoint in ("api.changes_hold", "api.changes_resume"), (body, page.text)
        fits(page, template(access.rule), "post")
    assert client.post(path, {}, "text/plain").status == 415
    raw = client.visitor.ask("POST", path, b'{"reason": ', {**client.headers, "Content-Type": "application/json"})
    assert raw.status == 422
    fits(raw, template(access.rule), "post")


def test_what_exists_at_all_is_told_to_nobody_without_a_token(filled: Filled) -> None:
    console, _ = filled
    for headers in ({}, {"Authorization": "Bearer tb_wrong"}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}):
        page = Visitor(console.url).get("/api/v1/runs/1", headers)
        assert page.status == 401
        assert page.headers["www-authenticate"] == "Bearer"
        fits(page, "/api/v1/runs/{id}")


def test_every_page_and_list_answers_on_both_databases(console: Served, engine: Engine) -> None:
    ids = world.fill(engine, Box(console.here.settings.secret_keys))
    console.person("ana", "admin")
    ana = Visitor(console.url)
    ana.sign_in("ana")
    searches = ["/events?text=Slab", "/runs?text=Procore&since=7d", "/find?q=rfi+103", "/data/rfis?text=edge&sort=-id",
                "/runs?state=failed&automation=rfi-to-database&lane=webhook&resource=RFIs&record=1&project=2"]  # fmt: skip
    api = [path_of(name) for name, said in DESCRIBED.items() if said.listed]
    for path in [*pages_to_see(ids).values(), *searches, *api]:
        page = ana.get(path)
        assert page.status in (200, 303), (path, page.text[:300])
    assert json.loads(ana.get("/api/v1/events?text=Slab&limit=200").text)["items"]
