"""R32 and R33: only fields that are named, the second of two editors is refused, and the audit knows who did it."""

from __future__ import annotations

import json

import pytest

from config.errors import ConfigError
from console.verbs import people
from store import apitokens, audit, users
from store.session import reading, writing
from tests.console.web.conftest import ana as ana
from tests.console.web.conftest import console as console
from tests.console.web.served import PASSWORD, Page, Served, Visitor


def call(console: Served, token: str, path: str, body: object) -> Page:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return Visitor(console.url).ask("POST", path, json.dumps(body).encode(), headers)


@pytest.fixture
def token(console: Served) -> str:
    with writing(console.engine) as db:
        return apitokens.add(db, "erp", ["admin"])


@pytest.mark.parametrize("extra", ["role", "company_id", "version", "by", "actor", "__proto__", "until"])
def test_a_field_that_is_not_named_is_refused(console: Served, token: str, extra: str) -> None:
    page = call(console, token, "/api/v1/queues/manual/pause", {"reason": "x", extra: "admin"})
    assert page.status == 422
    assert json.loads(page.text)["errors"][0]["field"] == extra
    assert json.loads(call(console, token, "/api/v1/queues/manual/pause", {"reason": "x"}).text)["done"] is True


@pytest.mark.parametrize("body", [[], "x", 7, {"reason": 7}, {"reason": None}, {"reason": ""}, {"reason": "x", "hours": "1"},
                                  {"reason": "x", "hours": -1}, {"reason": "x" * 501}])  # fmt: skip
def test_a_value_of_another_kind_is_refused_with_its_field(console: Served, token: str, body: object) -> None:
    page = call(console, token, "/api/v1/queues/manual/pause", body)
    assert page.status == 422
    assert json.loads(page.text)["errors"]


def test_the_form_that_adds_somebody_takes_no_other_field(console: Served, ana: Visitor) -> None:
    form = {
        "form_token": ana.token(),
        "name": "bob",
        "role": "viewer",
        "password": PASSWORD,
        "state": "removed",
        "totp": "x",
        "version": "9",
    }
    ana.post("/users", form)
    with reading(console.engine) as db:
        row = users.get(db, "bob")
    assert row is not None
    assert (row.role, row.totp, row.version) == ("viewer", None, 1)


def test_the_second_of_two_who_change_a_person_is_refused(console: Served, ana: Visitor) -> None:
    console.person("bob", "viewer")
    people.change(console.here, "bob", 1, "operator", None)
    with pytest.raises(ConfigError, match="changed by somebody else"):
        people.change(console.here, "bob", 1, "viewer", None)
    page = ana.post("/users/bob/change", {"form_token": ana.token(), "version": "1", "role": "admin", "companies": ""})
    assert page.status == 303
    assert "changed by somebody else" in ana.get("/users").text
    with reading(console.engine) as db:
        assert users.get(db, "bob").role == "operator"  # type: ignore[union-attr]


def test_what_is_done_on_a_page_and_by_a_token_is_audited_in_their_names(console: Served, ana: Visitor, token: str) -> None:
    ana.post("/queues/manual/pause", {"form_token": ana.token(), "reason": "by hand"})
    call(console, token, "/api/v1/queues/manual/resume", {})
    with reading(console.engine) as db:
        seen = [(row.actor, row.verb, row.subject) for row in audit.newest(db, 10)]
        assert audit.broken_at(db) is None
    assert ("user:ana", "lane paused", "manual") in seen
    assert ("token:erp", "lane resumed", "manual") in seen
    assert ("user:ana", "signed in", "ana") in seen


def test_a_change_of_a_persons_rights_is_audited_with_before_and_after(console: Served, ana: Visitor) -> None:
    console.person("bob", "viewer")
    ana.post("/users/bob/change", {"form_token": ana.token(), "version": "1", "role": "operator", "companies": "12"})
    with reading(console.engine) as db:
        (row,) = audit.found(db, 1, verb="user changed")
    assert row.detail == {"before": {"role": "viewer", "companies": None}, "after": {"role": "operator", "companies": ["12"]}}
