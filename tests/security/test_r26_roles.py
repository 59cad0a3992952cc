"""R26: every route against every identity, made from the table; and nobody reaches what is another company's."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from config.errors import ConfigError
from console.access import ROLES, SCOPES, TABLE, Access, Identity
from console.app import Console
from store import apitokens
from store.session import writing
from tests.console.web.conftest import PEOPLE
from tests.console.web.conftest import filled as filled
from tests.console.web.served import Served, Visitor

WORDS = {"name": "acme-prod", "lane": "manual", "cause": "0" * 16, "connector": "acme-prod", "resource": "RFIs", "id": "1",
         "filename": "console.css", "version": "in-force"}  # fmt: skip
TOKENS = {"reads": ["read"], "operates": ["operate"], "administers": ["admin"], "elsewhere": ["inbound"],
          "of-north": ["admin", "company:598134000009009"]}  # fmt: skip


@dataclass
class Everybody:
    console: Served
    signed_in: dict[str, Visitor]
    tokens: dict[str, str]
    ids: dict[str, object]


@pytest.fixture(scope="module")
def everybody(filled: tuple[Served, dict[str, object]]) -> Everybody:
    console, ids = filled
    signed_in = {name: Visitor(console.url) for name in PEOPLE}
    for name, visitor in signed_in.items():
        assert visitor.sign_in(name).status == 303
    with writing(console.engine) as db:
        tokens = {name: apitokens.add(db, name, scopes) for name, scopes in TOKENS.items()}
    return Everybody(console, signed_in, tokens, ids)


def path_of(access: Access, **other: str) -> str:
    words = {**WORDS, **other}
    parts = [words[part.strip("<>").split(":")[-1]] if part.startswith("<") else part for part in access.rule.split("/")]
    return "/".join(parts)


def outcome(visitor: Visitor, access: Access, headers: dict[str, str] | None = None) -> str:
    """`in`, or what kept it out. A form goes without its token: it gets as far as the form's check and changes nothing."""
    page = visitor.ask(access.method, path_of(access), b"" if access.changes else None, headers)
    assert "Traceback" not in page.text
    if page.status == 303 and page.location.startswith("/sign-in?next="):
        return "sign in"
    for code in ("not-signed-in", "forbidden", "foreign-form"):
        if page.status >= 400 and code in page.text:
            return "in" if code == "foreign-form" else code
    return "in"


def ranks(role: str, access: Access) -> bool:
    return ROLES.index(role) >= ROLES.index(access.role)  # type: ignore[arg-type]


# What is for scrapers alone is tried in test_r36_metrics.py.
ROUTES = [name for name, access in TABLE.items() if name != "sign_in.out" and access.reach != "metrics"]


@pytest.mark.parametrize("endpoint", ROUTES)
def test_every_route_lets_in_who_may_and_nobody_else(everybody: Everybody, endpoint: str) -> None:
    access = TABLE[endpoint]
    api = access.rule.startswith("/api/")
    seen = {"nobody": outcome(Visitor(everybody.console.url), access)}
    seen |= {name: outcome(visitor, access) for name, visitor in everybody.signed_in.items()}
    if access.reach == "open":
        assert set(seen.values()) == {"in"}
        return
    wanted = {"nobody": "not-signed-in" if api else "sign in"}
    for name, (role, companies) in PEOPLE.items():
        whole = companies is None or access.reach != "whole"
        wanted[name] = "in" if ranks(role, access) and whole else "forbidden"
    assert seen == wanted


@pytest.mark.parametrize("endpoint", [name for name in ROUTES if TABLE[name].reach != "open"])
def test_a_token_opens_the_api_as_far_as_its_scope_and_no_page(everybody: Everybody, endpoint: str) -> None:
    access = TABLE[endpoint]
    api = access.rule.startswith("/api/")
    for name, scopes in TOKENS.items():
        # A body that is refused after everything else, so that nothing is changed.
        headers = {"Authorization": f"Bearer {everybody.tokens[name]}", "Content-Type": "application/json"}
        page = Visitor(everybody.console.url).ask(
            access.method, path_of(access), b'{"strange": 1}' if access.changes else None, headers
        )
        roles = [SCOPES[scope] for scope in scopes if scope in SCOPES]
        if not api:
            assert page.location.startswith("/sign-in"), name
        elif not roles:
            assert page.status == 401, name
        elif not any(ranks(role, access) for role in roles) or (name == "of-north" and access.reach == "whole"):
            assert (page.status, json.loads(page.text)["type"]) == (403, "urn:tieback:forbidden"), name
        else:
            assert page.status in (200, 404, 422), name


OBJECTS = {
    "runs.show": {}, "runs.retry": {}, "runs.cancel": {}, "runs.edit": {}, "runs.retry_edited": {}, "api.run_edit": {},
    "events.show": {}, "deliveries.show": {}, "records.show": {},
    "effects.settle": {"outcome": "applied"}, "connectors.show": {}, "connectors.pause": {}, "connectors.resume": {},
    "connectors.validate": {}, "connectors.hooks": {}, "connectors.rotate": {}, "connectors.repair": {}, "connectors.export": {},
    "imports.show": {}, "imports.cancel": {},
    "operations.show": {}, "operations.pause": {}, "operations.resume": {}, "operations.cancel": {}, "operations.take_back": {},
    "api.operation": {}, "api.operation_pause": {}, "api.operation_resume": {}, "api.operation_cancel": {},
    "api.operation_back": {},
    "approvals.answer": {"choice": "approve"},
    "api.approval_answer": {"choice": "approve"},
    "api.run": {}, "api.run_retry": {}, "api.run_cancel": {}, "api.event": {}, "api.effect_settle": {"outcome": "applied"},
    "api.connector": {}, "api.connector_pause": {"reason": "x"}, "api.connector_resume": {},
    "api.connector_validate": {}, "api.connector_rotate": {}, "api.connector_repair": {}, "api.connector_history": {},
}  # fmt: skip


def test_every_route_about_one_thing_of_a_company_is_tried_below() -> None:
    of_one = {name for name, access in TABLE.items() if access.reach == "own" and "<" in access.rule}
    # Tables have rows of several companies; whose they are is tried apart.
    assert of_one - {"data.table", "data.export"} == set(OBJECTS)


@pytest.mark.parametrize("endpoint", OBJECTS)
def test_what_belongs_to_another_company_is_not_there(everybody: Everybody, endpoint: str) -> None:
    access = TABLE[endpoint]
    nadja = everybody.signed_in["nadja"]
    path = path_of(
        access, id=str(everybody.ids["parked"] if "effect" in endpoint else everybody.ids["failed"] if "run" in endpoint else 1)
    )
    if "event" in endpoint or "deliver" in endpoint:
        path = path_of(access, id="2")
    page = nadja.get(path) if not access.changes else _changed(nadja, access, path, OBJECTS[endpoint])
    assert page.status == 404, page.text[:500]
    # And it is the same answer as for what does not exist at all.
    unknown = path_of(access, id="999999", name="nothing", connector="nothing", cause="f" * 16)
    other = nadja.get(unknown) if not access.changes else _changed(nadja, access, unknown, OBJECTS[endpoint])
    assert (other.status, len(page.text) - len(other.text) < 100) == (404, True)


def _changed(visitor: Visitor, access: Access, path: str, form: dict[str, str]):
    token = visitor.token()
    if access.rule.startswith("/api/"):
        body = json.dumps(form).encode()
        headers = {"X-Form-Token": token, "Origin": visitor.url, "Content-Type": "application/json"}
        return visitor.ask("POST", path, body, headers)
    return visitor.post(path, {"form_token": token, **form})


LISTS = [
    name for name, one in TABLE.items() if one.reach == "own" and one.role == "viewer" and "<" not in one.rule and not one.changes
]


@pytest.mark.parametrize("endpoint", [*LISTS, "data.table", "data.export"])
def test_no_list_shows_what_is_another_companys(everybody: Everybody, endpoint: str) -> None:
    path = path_of(TABLE[endpoint], name="rfis") + ("?q=101" if endpoint == "find.go" else "")
    theirs, all_of_it = everybody.signed_in["nora"].get(path), everybody.signed_in["vera"].get(path)
    assert theirs.status in (200, 303)
    assert "acme-prod" not in theirs.text
    if endpoint not in (
        "find.go",
        "imports.list",
        "repairs.list",
        "api.imports",
        "api.repairs",
        "data.list",
        "effects.list",
        "approvals.list",
        "api.approvals",
    ):
        assert "acme-prod" in all_of_it.text or "acme-prod" in all_of_it.location or endpoint == "failures.list"


def test_an_identity_may_nothing_that_is_not_in_the_table() -> None:
    assert not Identity("ana", "admin", None, 1, "s").may("runs.delete_everything")


def test_a_route_that_is_not_in_the_table_cannot_be_registered() -> None:
    app = Console("console", static_folder=None)
    with pytest.raises(ConfigError, match="not in the table"):
        app.add_url_rule("/secret", "secret", lambda: "all of it")
    with pytest.raises(ConfigError, match="in the table and /elsewhere here"):
        app.add_url_rule("/elsewhere", "runs.list", lambda: "all of it")


def test_every_route_of_the_table_has_its_view(everybody: Everybody) -> None:
    from console import api, pages

    assert set(TABLE) == {"static", "health.alive", "health.ready", "metrics.show"} | set(pages.VIEWS) | set(api.VIEWS)
