"""R28: a session is a row that ends, known to the browser by 256 random bits and to us by their digest."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest
from sqlalchemy import select, update

from console.verbs import people
from store import sessions, users
from store.models import Session
from store.session import reading, writing
from tests.console.web.conftest import ana as ana
from tests.console.web.conftest import console as console
from tests.console.web.served import PASSWORD, Served, Visitor


def rows(console: Served) -> list[Any]:
    with reading(console.engine) as db:
        return list(db.execute(select(Session.__table__)))


def age(console: Served, **columns: float) -> None:
    """Make sessions older by so many seconds."""
    with writing(console.engine) as db:
        for name, seconds in columns.items():
            db.execute(update(Session).values({name: dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)}))


def test_the_id_is_long_random_and_kept_as_its_digest(console: Served, ana: Visitor) -> None:
    id = ana.cookies["tieback"]
    assert len(id) == 43  # 256 bits in base64
    assert [row.digest for row in rows(console)] == [hashlib.sha256(id.encode()).hexdigest()]


def test_an_id_that_somebody_planted_never_becomes_a_session(console: Served) -> None:
    # Given a browser that an attacker gave a cookie of their choice
    console.person("ana", "admin")
    visitor = Visitor(console.url, {"tieback": "f" * 43, "tieback-visit": "e" * 43})
    # When its owner signs in
    visitor.sign_in("ana")
    # Then the session has another id, and the planted ones open nothing
    assert visitor.cookies["tieback"] not in ("f" * 43, "e" * 43)
    for planted in ("f" * 43, "e" * 43):
        assert Visitor(console.url, {"tieback": planted}).get("/").status == 303


def test_each_sign_in_has_an_id_of_its_own(console: Served, ana: Visitor) -> None:
    before = ana.cookies["tieback"]
    other = Visitor(console.url)
    other.sign_in("ana")
    assert other.cookies["tieback"] != before
    assert ana.get("/").status == 200


def test_after_signing_out_the_cookie_opens_nothing(console: Served, ana: Visitor) -> None:
    stolen = dict(ana.cookies)
    assert ana.post("/sign-out", {"form_token": ana.token()}).location == "/sign-in"
    assert "tieback" not in ana.cookies
    assert Visitor(console.url, stolen).get("/").status == 303
    assert rows(console) == []


@pytest.mark.parametrize(("column", "seconds"), [("seen_at", 30 * 60 + 5), ("created_at", 12 * 3600 + 5)])
def test_a_session_ends_when_it_rests_and_when_it_is_old(console: Served, ana: Visitor, column: str, seconds: float) -> None:
    age(console, **{column: seconds})
    assert ana.get("/").location.startswith("/sign-in?next=")


def test_it_lives_while_it_is_used(console: Served, ana: Visitor) -> None:
    age(console, seen_at=25 * 60)
    assert ana.get("/runs").status == 200
    age_of = dt.datetime.now(dt.UTC) - rows(console)[0].seen_at
    assert age_of < dt.timedelta(minutes=1)


def test_a_page_that_renews_itself_does_not_keep_it_alive(console: Served, ana: Visitor) -> None:
    age(console, seen_at=25 * 60)
    before = rows(console)[0].seen_at
    assert ana.get("/runs", {"X-Refresh": "1", "HX-Request": "true"}).status == 200
    assert rows(console)[0].seen_at == before


def test_a_page_that_renews_itself_is_told_when_nobody_is_signed_in(console: Served, ana: Visitor) -> None:
    age(console, seen_at=31 * 60)
    assert ana.get("/runs", {"X-Refresh": "1", "HX-Request": "true"}).status == 401


def test_who_is_removed_is_out_at_once(console: Served, ana: Visitor) -> None:
    console.person("bob", "operator")
    bob = Visitor(console.url)
    bob.sign_in("bob")
    people.remove(console.here, "bob")
    assert bob.get("/").status == 303


def test_a_role_that_was_taken_away_is_gone_at_the_next_request(console: Served, ana: Visitor) -> None:
    console.person("bob", "admin")
    bob = Visitor(console.url)
    bob.sign_in("bob")
    assert bob.get("/users").status == 200
    with reading(console.engine) as db:
        version = users.get(db, "bob").version  # type: ignore[union-attr]
    people.change(console.here, "bob", version, "viewer", None)
    assert bob.get("/users").status == 403


def test_another_password_ends_every_other_session(console: Served, ana: Visitor) -> None:
    elsewhere = Visitor(console.url)
    elsewhere.sign_in("ana")
    form = {"form_token": ana.token(), "present": PASSWORD, "password": "another one that is long"}
    assert ana.post("/account/password", form).status == 303
    assert elsewhere.get("/").status == 303
    assert ana.get("/").status == 200


def test_all_other_sessions_end_by_one_click(console: Served, ana: Visitor) -> None:
    elsewhere = Visitor(console.url)
    elsewhere.sign_in("ana")
    ana.post("/account/sessions", {"form_token": ana.token()})
    assert elsewhere.get("/").status == 303
    assert ana.get("/").status == 200


def test_old_sessions_are_swept_away_when_somebody_signs_in(console: Served, ana: Visitor) -> None:
    age(console, seen_at=31 * 60)
    with writing(console.engine) as db:
        sessions.begin(db, 1, "127.0.0.1", "test")
    assert len(rows(console)) == 1


def test_a_cookie_that_is_no_id_of_ours_is_nobody(console: Served) -> None:
    console.person("ana", "admin")
    for cookie in ("", "x", "x" * 5000, "' OR 1=1 --", "%00"):
        assert Visitor(console.url, {"tieback": cookie}).get("/").status in (303, 400, 431)
