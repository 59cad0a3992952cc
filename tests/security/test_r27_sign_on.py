"""R27: sign-in by OpenID Connect against a provider on a socket that lies in every way it can."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from sqlalchemy import Engine, insert, select, update

from config.errors import ConfigError
from config.settings import Settings, load
from config.sign_on import Grant
from console.access import TABLE
from console.verbs import people
from store import audit, users
from store.models import Attempt, Session, SignIn, User
from store.session import reading, writing
from store.types import now
from tests.conftest import KEY
from tests.console.web.provider import CLIENT, SECRET
from tests.console.web.served import Page, Served, Visitor, served
from tests.security.test_r31_redirects import EVIL

ROLES = "site-ops=operator, bosses = admin, trade=viewer@598134000001001, trade2=viewer@598134000001001+598134000009009"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of a provider that is a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.console.web.provider"], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def console(settings: Settings, engine: Engine, provider: str) -> Iterator[Served]:
    """A console that sends people there, with a local administrator `root`."""
    wish(provider)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        env = {
            **{name: value for name, value in settings.env.items() if name.startswith("TIEBACK_")},
            "TIEBACK_CONSOLE_URL": f"http://127.0.0.1:{sock.getsockname()[1]}", "TIEBACK_OIDC_ISSUER": provider,
            "TIEBACK_OIDC_CLIENT_ID": CLIENT, "TIEBACK_OIDC_CLIENT_SECRET": SECRET, "TIEBACK_OIDC_ROLES": ROLES,
        }  # fmt: skip
        with served(load(env, settings.var.parent), engine, sock) as one:
            one.person("root", "admin")
            yield one


def wish(provider: str, **what: Any) -> None:
    requests.post(f"{provider}/_set", json=what, timeout=5).raise_for_status()


def away(visitor: Visitor, target: str = "/") -> str:
    """To the provider and, as the browser is told there, the address it is sent back to."""
    sent = visitor.get("/sign-in/oidc?" + urlencode({"next": target}))
    assert sent.status == 303, sent.text
    return requests.get(sent.location, allow_redirects=False, timeout=5).headers["Location"]


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def sign_on(console: Served, target: str = "/") -> tuple[Visitor, Page]:
    visitor = Visitor(console.url)
    return visitor, visitor.get(path_of(away(visitor, target)))


def reason(console: Served) -> str:
    """Why the last one was refused, as the audit has it."""
    with reading(console.engine) as db:
        newest = audit.newest(db, 1)[0]
    assert newest.verb == "sign-in refused"
    return str(newest.detail["reason"])


def person(console: Served, name: str = "ana") -> Any:
    with reading(console.engine) as db:
        return users.get(db, name)


def test_whoever_has_a_group_is_let_in_with_its_role_and_lands_on_the_page_that_was_wanted(console: Served) -> None:
    visitor, page = sign_on(console, "/runs?state=failed")
    assert (page.status, page.location) == (303, "/runs?state=failed")
    assert visitor.get("/account").text.count("ana, operator") == 1
    assert visitor.get("/users").status == 403
    with reading(console.engine) as db:
        newest = audit.newest(db, 1)[0]
    assert (newest.actor, newest.verb) == ("user:ana", "signed in")
    assert {name: newest.detail[name] for name in ("by", "group", "role")} == {
        "by": "oidc", "group": "site-ops", "role": "operator",
    }  # fmt: skip


def test_the_page_offers_the_provider_beside_the_local_sign_in(console: Served) -> None:
    page = Visitor(console.url).get("/sign-in?next=/runs")
    assert 'href="/sign-in/oidc?next=/runs"' in page.text
    assert "Sign in with 127.0.0.1" in page.text
    assert Visitor(console.url).sign_in("root").status == 303


@pytest.mark.parametrize(
    ("groups", "role", "companies"),
    [
        (["site-ops", "bosses"], "admin", None),
        (["trade"], "viewer", ["598134000001001"]),
        (["trade", "trade2"], "viewer", ["598134000001001", "598134000009009"]),
        ("bosses", "admin", None),
    ],
)
def test_groups_become_the_best_role_and_its_companies(
    console: Served, provider: str, groups: Any, role: str, companies: list[str] | None
) -> None:
    wish(provider, claims={"groups": groups})
    _, page = sign_on(console)
    assert page.status == 303
    assert (person(console).role, person(console).companies) == (role, companies)


@pytest.mark.parametrize("groups", [[], ["others"], "Bosses", None, ["bosses "], {"bosses": 1}, [["bosses"]], 7])
def test_no_known_group_is_no_entry(console: Served, provider: str, groups: Any) -> None:
    wish(provider, claims={"groups": groups})
    visitor, page = sign_on(console)
    assert page.status == 401
    assert "This sign-in did not work" in page.text
    assert visitor.get("/").status == 303  # nobody is signed in
    assert person(console) is None
    assert reason(console) == "no group in its claim groups stands in TIEBACK_OIDC_ROLES"


def test_who_loses_the_group_is_out_everywhere_at_the_next_sign_in(console: Served, provider: str) -> None:
    before, _ = sign_on(console)
    wish(provider, claims={"groups": ["others"]})
    _, page = sign_on(console)
    assert page.status == 401
    assert before.get("/").status == 303


def test_another_group_is_another_role_from_then_on(console: Served, provider: str) -> None:
    visitor, _ = sign_on(console)
    assert visitor.get("/users").status == 403
    wish(provider, claims={"groups": ["bosses"]})
    sign_on(console)
    assert visitor.get("/users").status == 200


PAST = int(time.time()) - 3600


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"claims": {"nonce": "another"}}, "nonce"),
        ({"drop": ["nonce"]}, "nonce"),
        ({"claims": {"aud": "somebody-else"}}, "aud"),
        ({"claims": {"aud": ["tieback", "other"], "azp": "other"}}, "azp"),
        ({"claims": {"iss": "http://127.0.0.1:9"}}, "iss"),
        ({"claims": {"exp": PAST}}, "expired"),
        ({"drop": ["exp"]}, "exp"),
        ({"claims": {"iat": PAST + 7200, "nbf": PAST + 7200}}, "future"),
        ({"drop": ["sub"]}, "sub"),
        ({"claims": {"sub": 17}}, "sub"),
        ({"claims": {"sub": ""}}, "sub"),
        ({"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}}, "at_hash"),
        ({"sign": "other"}, "bad_signature"),
        ({"sign": "none"}, "none"),
        ({"sign": "secret"}, "HS256"),
        ({"claims": {"nonce_supported": False, "nonce": "x"}}, "nonce"),
    ],
)
def test_a_token_that_is_not_for_us_now_is_refused(console: Served, provider: str, what: dict[str, Any], why: str) -> None:
    wish(provider, **what)
    visitor, page = sign_on(console)
    assert page.status == 401
    assert visitor.get("/").status == 303
    assert person(console) is None
    assert "does not hold" in reason(console)
    assert why.lower() in reason(console).lower()
    assert "does not hold" not in page.text  # the browser learns that it failed, and no more


def test_a_state_works_once(console: Served) -> None:
    visitor = Visitor(console.url)
    back = path_of(away(visitor))
    cookies = dict(visitor.cookies)
    assert visitor.get(back).status == 303
    # When the same browser, or who copied its cookies, brings the same answer again
    again = Visitor(console.url, dict(cookies)).get(back)
    assert again.status == 401
    assert reason(console).startswith("its state is unknown, used,")


def test_an_answer_that_another_browser_began_signs_nobody_in(console: Served) -> None:
    attacker, victim = Visitor(console.url), Visitor(console.url)
    back = path_of(away(attacker))
    away(victim)
    assert victim.get(back).status == 401
    assert victim.get("/").status == 303
    assert Visitor(console.url).get(back).status == 401


@pytest.mark.parametrize("query", ["", "?state=", "?state=x&code=y", "?code=y", "?state=%00&code=%00", "?state=x&state=y"])
def test_an_answer_to_nothing_is_refused(console: Served, query: str) -> None:
    visitor = Visitor(console.url)
    away(visitor)
    assert visitor.get("/sign-in/oidc/back" + query).status == 401


def test_an_answer_after_ten_minutes_is_refused(console: Served) -> None:
    visitor = Visitor(console.url)
    back = path_of(away(visitor))
    with writing(console.engine) as db:
        db.execute(update(SignIn).values(begun_at=now(-601)))
    assert visitor.get(back).status == 401


def test_a_code_of_another_sign_in_is_refused_by_its_verifier(console: Served) -> None:
    mine, other = Visitor(console.url), Visitor(console.url)
    state = parse_qs(urlsplit(away(mine)).query)["state"][0]
    code = parse_qs(urlsplit(away(other)).query)["code"][0]
    assert mine.get("/sign-in/oidc/back?" + urlencode({"state": state, "code": code})).status == 401
    assert "refused the code (invalid_grant)" in reason(console)


def test_the_request_carries_pkce_and_the_secret_stays_out_of_the_browser(console: Served, provider: str) -> None:
    visitor = Visitor(console.url)
    sent = visitor.get("/sign-in/oidc").location
    asked = {name: values[0] for name, values in parse_qs(urlsplit(sent).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert len(asked["state"]) == len(asked["nonce"]) == 43
    assert asked["redirect_uri"] == f"{console.url}/sign-in/oidc/back"
    assert SECRET not in sent
    visitor.get(path_of(away(visitor)))
    token = requests.get(f"{provider}/_seen", timeout=5).json()[-1]
    assert len(token["code_verifier"]) == 64
    assert "client_secret" not in token
    with reading(console.engine) as db:
        kept = [str(dict(row._mapping)) for row in db.execute(select(SignIn.__table__))]
    assert all(asked["nonce"] not in row and asked["state"] not in row for row in kept)


@pytest.mark.parametrize("target", EVIL)
def test_signing_on_leads_nowhere_else(console: Served, target: str) -> None:
    _, page = sign_on(console, target)
    assert (page.status, page.location) == (303, "/")


def test_what_the_provider_refuses_is_no_sign_in(console: Served, provider: str) -> None:
    wish(provider, refuse="access_denied")
    _, page = sign_on(console)
    assert page.status == 401
    assert reason(console) == "the provider answered access_denied"


def test_an_answer_of_another_issuer_is_refused(console: Served, provider: str) -> None:
    wish(provider, answer={"iss": "https://evil.example"})
    _, page = sign_on(console)
    assert page.status == 401
    assert reason(console) == "the answer is another issuer's"


def test_a_name_that_is_taken_here_is_not_taken_over(console: Served, provider: str) -> None:
    wish(provider, claims={"preferred_username": "root", "groups": ["bosses"]})
    _, page = sign_on(console)
    assert page.status == 401
    assert reason(console).startswith("somebody else has this name here")
    assert person(console, "root").subject is None
    assert Visitor(console.url).sign_in("root").status == 303


def test_another_person_with_the_same_name_is_not_the_first_one(console: Served, provider: str) -> None:
    sign_on(console)
    wish(provider, claims={"sub": "u-18"})
    _, page = sign_on(console)
    assert page.status == 401


def test_the_same_person_stays_the_same_when_their_name_changes(console: Served, provider: str) -> None:
    sign_on(console)
    wish(provider, claims={"preferred_username": "anna"})
    visitor, page = sign_on(console)
    assert page.status == 303
    assert "ana, operator" in visitor.get("/account").text
    assert person(console, "anna") is None


def test_a_name_that_does_not_fit_is_made_of_the_subject(console: Served, provider: str) -> None:
    wish(provider, claims={"preferred_username": "<script>", "email": "root@acme.example", "email_verified": False})
    sign_on(console)
    with reading(console.engine) as db:
        names = {row.name for row in users.every(db)}
    assert any(name.startswith("oidc-") for name in names)
    assert "root@acme.example" not in names


def test_a_person_of_the_provider_has_no_password_here(console: Served) -> None:
    visitor, _ = sign_on(console)
    for password in ("", "correct horse battery staple"):
        assert Visitor(console.url).sign_in("ana", password).status == 401
    with pytest.raises(ConfigError, match="signs in by the provider and has no password here"):
        people.set_password(console.here, "ana", "another one that is long")
    with pytest.raises(ConfigError, match="has their role from there"):
        people.change(console.here, "ana", 1, "admin", None)
    form = {"form_token": visitor.token(), "present": "", "password": "another one that is long"}
    visitor.post("/account/password", form)
    assert Visitor(console.url).sign_in("ana", "another one that is long").status == 401


def test_who_was_removed_here_stays_out_until_somebody_admits_them(console: Served) -> None:
    from console.verbs import signing_on

    visitor, _ = sign_on(console)
    people.remove(console.here, "ana")
    assert visitor.get("/").status == 303
    _, page = sign_on(console)
    assert page.status == 401
    assert "was removed here" in reason(console)
    signing_on.admit(console.here, "ana")
    _, page = sign_on(console)
    assert page.status == 303


def test_the_last_local_administrator_stays_however_many_the_provider_has(console: Served, provider: str) -> None:
    wish(provider, claims={"groups": ["bosses"]})
    sign_on(console)
    with pytest.raises(ConfigError):
        people.remove(console.here, "root")
    people.remove(console.here, "ana")


def test_groups_may_come_from_userinfo_of_the_same_person_only(console: Served, provider: str) -> None:
    wish(provider, drop=["groups"])
    _, page = sign_on(console)
    assert page.status == 303
    wish(provider, drop=["groups"], userinfo={"sub": "u-99", "groups": ["bosses"]})
    _, page = sign_on(console)
    assert page.status == 401
    assert "about somebody else" in reason(console)


def test_each_sign_on_has_a_session_of_its_own_and_the_usual_end(console: Served) -> None:
    visitor, _ = sign_on(console)
    planted = Visitor(console.url, {"tieback": "f" * 43})
    planted.get(path_of(away(planted)))
    assert planted.cookies["tieback"] not in ("f" * 43, visitor.cookies["tieback"])
    assert "tieback-visit" not in planted.cookies
    with writing(console.engine) as db:
        db.execute(update(Session).values(created_at=now(-12 * 3600 - 5)))
    assert visitor.get("/").status == 303


def test_failures_from_one_address_end_in_a_wait(console: Served) -> None:
    visitor = Visitor(console.url)
    with writing(console.engine) as db:
        for _ in range(40):
            db.execute(insert(Attempt).values(subject="address:127.0.0.1"))
    assert visitor.get("/sign-in/oidc").status == 429
    assert visitor.get("/sign-in/oidc/back?state=x&code=y").status == 429


def test_beginning_without_end_is_stopped(console: Served) -> None:
    visitor = Visitor(console.url)
    found = [visitor.get("/sign-in/oidc").status for _ in range(31)]
    assert found == [303] * 30 + [429]


def test_a_provider_that_is_away_leaves_the_local_way_in(console: Served, provider: str) -> None:
    wish(provider, issuer="http://127.0.0.1:9")
    from console.verbs import signing_on

    signing_on.provider.cache_clear()
    page = Visitor(console.url).get("/sign-in/oidc")
    assert page.status == 502
    assert "cannot be asked just now. Try again, or sign in with a local name." in page.text
    assert Visitor(console.url).sign_in("root").status == 303
    signing_on.provider.cache_clear()


def test_an_empty_installation_offers_the_provider_too(console: Served, provider: str) -> None:
    with writing(console.engine) as db:
        db.execute(update(User).values(state="removed"))
    visitor = Visitor(console.url)
    assert visitor.get("/sign-in").location == "/first"
    assert 'href="/sign-in/oidc"' in visitor.get("/first").text
    wish(provider, claims={"groups": ["bosses"]})
    assert visitor.get(path_of(away(visitor))).status == 303


def test_without_a_provider_its_addresses_do_not_exist(settings: Settings, engine: Engine) -> None:
    with served(settings, engine) as one:
        for endpoint in ("sign_in.provider", "sign_in.back"):
            assert Visitor(one.url).get(TABLE[endpoint].rule).status == 404


BASE = {
    "TIEBACK_SECRET_KEYS": KEY, "TIEBACK_OIDC_ISSUER": "https://login.acme.example", "TIEBACK_OIDC_CLIENT_ID": "tieback",
    "TIEBACK_OIDC_CLIENT_SECRET": SECRET, "TIEBACK_OIDC_ROLES": "a=admin", "TIEBACK_CONSOLE_URL": "https://t.acme.example",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("TIEBACK_OIDC_ISSUER", "login.acme.example", "write the issuer as your provider names it"),
        ("TIEBACK_OIDC_ISSUER", "http://login.acme.example", "write the issuer as your provider names it"),
        ("TIEBACK_OIDC_ISSUER", "", "sign-in by OpenID Connect needs TIEBACK_OIDC_ISSUER as well"),
        ("TIEBACK_OIDC_CLIENT_SECRET", "", "sign-in by OpenID Connect needs TIEBACK_OIDC_CLIENT_SECRET as well"),
        ("TIEBACK_OIDC_ROLES", "", "sign-in by OpenID Connect needs TIEBACK_OIDC_ROLES as well"),
        ("TIEBACK_CONSOLE_URL", "", "sign-in by OpenID Connect needs TIEBACK_CONSOLE_URL as well"),
        ("TIEBACK_OIDC_ROLES", "a=owner", '"a=owner" is no GROUP=ROLE'),
        ("TIEBACK_OIDC_ROLES", "admins", '"admins" is no GROUP=ROLE'),
        ("TIEBACK_OIDC_ROLES", "a=viewer@acme", '"a=viewer@acme" is no GROUP=ROLE'),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_start(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load({**BASE, name: value}, tmp_path)
    assert sentence in str(raised.value)
    assert SECRET not in str(raised.value)


def test_the_settings_are_read_and_the_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    env = {name: value for name, value in BASE.items() if name != "TIEBACK_OIDC_CLIENT_SECRET"}
    given = load({**env, "TIEBACK_OIDC_CLIENT_SECRET_FILE": "secret", "TIEBACK_OIDC_ROLES": "cn=site = admin"}, tmp_path)
    assert given.sign_on is not None
    assert given.sign_on.client_secret.reveal() == SECRET
    assert SECRET not in repr(given)
    assert given.sign_on.grants == (Grant("cn=site", "admin"),)


def test_the_client_secret_is_shown_nowhere(console: Served, provider: str) -> None:
    from console.doctor import standing
    from console.verbs import configured

    wish(provider, claims={"groups": ["bosses"]})
    visitor, _ = sign_on(console)
    pages = [visitor.get(path).text for path in ("/settings", "/users", "/account", "/audit")]
    found = [*standing.settings(console.here.settings), *standing.sign_on(console.here.settings)]
    assert [one.state for one in standing.sign_on(console.here.settings)] == ["ok"]
    for text in (*pages, str(found), str(configured.listed(console.here)), repr(console.here.settings)):
        assert SECRET not in text
