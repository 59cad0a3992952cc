"""R27 and R9: no account that nobody made, passwords that are worth it, a second factor, and an end to guessing."""

from __future__ import annotations

import datetime as dt
import re
import time

import pytest
from sqlalchemy import Engine, text, update

from config.errors import ConfigError
from console import passwords
from console.verbs import people, signing_in
from console.verbs.signing_in import Browser, Refused, TooMany
from store import definitions, sessions, users
from store.models import Attempt, User
from store.session import reading, writing
from tests.console.conftest import Tieback
from tests.console.web.conftest import console as console
from tests.console.web.served import CHEAP, PASSWORD, Served, Visitor

HOME = Browser("127.0.0.1", "test")


def test_nobody_signs_in_before_somebody_was_made(console: Served) -> None:
    for name, password in (("admin", "admin"), ("admin", ""), ("tieback", "tieback"), ("root", "password")):
        with pytest.raises(Refused):
            signing_in.sign_in(console.here, name, password, "", HOME)
    assert Visitor(console.url).get("/").location == "/first"


def test_the_first_code_makes_one_administrator_and_no_second(console: Served) -> None:
    # Given the code that the start printed
    code = signing_in.new_first_code(console.here)
    assert code is not None
    visitor = Visitor(console.url)
    form = visitor.get("/first")
    # When it is given with a name and a password
    page = visitor.post("/first", {"form_token": form.token, "code": code, "name": "ana", "password": PASSWORD})
    assert (page.status, page.location) == (303, "/")
    assert visitor.get("/").status == 200
    # Then it is worth nothing any more, and no start prints another one
    with pytest.raises(Refused):
        signing_in.first(console.here, code, "eve", PASSWORD)
    assert signing_in.new_first_code(console.here) is None
    assert Visitor(console.url).get("/first").location == "/sign-in"


def test_a_second_start_ends_the_code_of_the_first(console: Served) -> None:
    old, new = signing_in.new_first_code(console.here), signing_in.new_first_code(console.here)
    assert old != new
    with pytest.raises(Refused):
        signing_in.first(console.here, str(old), "ana", PASSWORD)
    signing_in.first(console.here, str(new), "ana", PASSWORD)


def test_a_code_of_a_quarter_of_an_hour_ago_is_refused(console: Served) -> None:
    code = signing_in.new_first_code(console.here)
    with writing(console.engine) as db:
        digest, _, until = definitions.fact(db, "first_run").partition(" ")
        moment = dt.datetime.fromisoformat(until) - dt.timedelta(minutes=15, seconds=1)
        definitions.set_fact(db, "first_run", f"{digest} {moment.isoformat()}")
    with pytest.raises(Refused, match="older than 15 minutes"):
        signing_in.first(console.here, str(code), "ana", PASSWORD)


def test_a_guessed_code_is_refused_and_a_weak_password_does_not_spend_the_right_one(console: Served) -> None:
    code = signing_in.new_first_code(console.here)
    with pytest.raises(Refused):
        signing_in.first(console.here, "guess", "ana", PASSWORD)
    with pytest.raises(ConfigError, match="at least 15"):
        signing_in.first(console.here, str(code), "ana", "too short")
    signing_in.first(console.here, str(code), "ana", PASSWORD)


@pytest.mark.parametrize("weak", ["", "short", "a" * 15, "ana" * 5, "x" * 300])
def test_a_weak_password_is_refused(console: Served, weak: str) -> None:
    with pytest.raises(ConfigError, match="password"):
        people.add(console.here, "ana", "admin", None, weak)


def test_a_password_rests_as_a_salted_scrypt_digest_of_full_cost(console: Served) -> None:
    people.add(console.here, "ana", "admin", None, PASSWORD)
    people.add(console.here, "bob", "admin", None, PASSWORD)
    with reading(console.engine) as db:
        kept = [row.password for row in users.every(db)]
    assert kept[0] != kept[1]
    assert all(re.fullmatch(r"scrypt\$65536\$8\$2\$[^$]{24}\$[^$]{44}", one) for one in kept)
    assert passwords.fits(PASSWORD, kept[0])
    assert not passwords.fits(PASSWORD + "x", kept[0])


def test_an_unknown_name_is_compared_with_a_digest_of_the_same_cost() -> None:
    assert passwords.NOBODY.split("$")[:4] == passwords.digest("x").split("$")[:4]


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(console: Served) -> None:
    console.person("ana", "admin")
    pages = [Visitor(console.url).sign_in(name, "not the password") for name in ("ana", "eve")]
    said = [re.sub(r'value="[^"]*"', "", page.text) for page in pages]
    assert [page.status for page in pages] == [401, 401]
    assert said[0] == said[1]


def test_after_some_wrong_passwords_the_right_one_is_not_tried_any_more(console: Served) -> None:
    console.person("ana", "admin")
    for _ in range(signing_in.MOST["both"]):
        with pytest.raises(Refused):
            signing_in.sign_in(console.here, "ana", "wrong", "", HOME)
    page = Visitor(console.url).sign_in("ana")
    assert page.status == 429
    assert "quarter of an hour" in page.text
    # Somewhere else she still comes in: nobody locks her out by guessing.
    assert signing_in.sign_in(console.here, "ana", PASSWORD, "", Browser("10.0.0.9", "test"))


def test_an_address_that_guesses_many_names_is_stopped(console: Served) -> None:
    with writing(console.engine) as db:
        for _ in range(signing_in.MOST["address"]):
            sessions.failed(db, ["address:127.0.0.1"])
    with pytest.raises(TooMany):
        signing_in.sign_in(console.here, "anybody", "at all", "", HOME)


def test_failures_are_forgotten_after_a_quarter_of_an_hour(console: Served) -> None:
    console.person("ana", "admin")
    with writing(console.engine) as db:
        for _ in range(signing_in.MOST["both"]):
            sessions.failed(db, ["both:ana:127.0.0.1"])
        db.execute(update(Attempt).values(at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=16)))
    assert signing_in.sign_in(console.here, "ana", PASSWORD, "", HOME)


def test_where_failures_cannot_be_counted_nobody_signs_in(console: Served, engine: Engine) -> None:
    console.person("ana", "admin")
    visitor = Visitor(console.url)
    form = visitor.get("/sign-in")
    with writing(engine) as db:
        db.execute(text("ALTER TABLE tieback_attempts RENAME TO elsewhere"))
    page = visitor.post("/sign-in", {"form_token": form.token, "name": "ana", "password": PASSWORD})
    assert page.status == 503
    assert "tieback" not in visitor.cookies


def test_the_codes_are_those_of_the_standard() -> None:
    # RFC 6238, appendix B, cut to six digits
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert [passwords.code(secret, at // 30) for at in (59, 1111111109, 1234567890)] == ["287082", "081804", "005924"]


def test_with_a_second_factor_the_password_alone_is_not_enough_and_no_code_works_twice(console: Served) -> None:
    console.person("ana", "admin")
    secret = passwords.new_factor()
    step = int(time.time() // 30)
    signing_in.set_factor(console.here, "ana", secret, passwords.code(secret, step - 1))
    with pytest.raises(Refused):
        signing_in.sign_in(console.here, "ana", PASSWORD, "", HOME)
    code = passwords.code(secret, step)
    assert signing_in.sign_in(console.here, "ana", PASSWORD, code, HOME)
    with pytest.raises(Refused):
        signing_in.sign_in(console.here, "ana", PASSWORD, code, HOME)
    with reading(console.engine) as db:
        row = users.get(db, "ana")
        assert row is not None
        assert secret not in str(row.totp)


def test_the_last_administrator_stays(console: Served) -> None:
    console.person("ana", "admin")
    with pytest.raises(ConfigError, match="last administrator"):
        people.remove(console.here, "ana")
    with pytest.raises(ConfigError, match="last administrator"):
        people.change(console.here, "ana", 1, "viewer", None)
    with pytest.raises(ConfigError, match="last administrator"):
        people.change(console.here, "ana", 1, "admin", ["598134000001001"])


def test_a_header_that_names_a_user_is_no_sign_in(console: Served) -> None:
    console.person("ana", "admin")
    for header in ("X-Remote-User", "Remote-User", "X-Forwarded-User", "X-Authenticated-User"):
        assert Visitor(console.url).get("/", {header: "ana"}).status == 303


def test_on_the_command_line_the_password_comes_by_stdin_or_file(tieback: Tieback) -> None:
    said = tieback("users", "add", "ana", "--role", "admin", input=PASSWORD + "\n")
    assert (said.code, PASSWORD in said.out + said.err) == (0, False)
    assert tieback("users", "add", "ana", "--role", "admin", input=PASSWORD + "\n").code == 2
    assert tieback("users", "password", "ana", input="another long enough one\n").code == 0
    (row,) = tieback("users", "list", "--json").json()
    assert (row["name"], row["role"], "password" in row) == ("ana", "admin", False)
    assert tieback("users", "remove", "ana").code == 2  # the last one


def test_the_cheap_digest_of_the_tests_is_not_what_people_get() -> None:
    assert CHEAP.split("$")[1] == "16"
    assert User.__table__.c.password.default is None
