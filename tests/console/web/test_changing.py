"""A connector at hand: changed, its secrets rotated, its gaps looked for, its history and quota; on pages and in the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, select

from config.secrets import Secret
from config.settings import Settings
from console.verbs import connected, connecting, hooking
from console.verbs.at_hand import AtHand
from store import audit, connectors, hooks
from store.models import Timer
from store.session import reading, writing
from store.types import now
from tests.console.conftest import Pretend
from tests.console.conftest import other_procore as other_procore
from tests.console.conftest import procore as procore
from tests.console.web.served import Served, Visitor, served
from tests.console.web.test_api import Client


@pytest.fixture
def console(settings: Settings, engine: Engine) -> Iterator[Served]:
    """One that knows where Procore reaches us."""
    with served(replace(settings, public_url="http://127.0.0.1:9"), engine) as one:
        yield one


@pytest.fixture
def acme(console: Served, procore: Pretend) -> str:
    add(console.here, procore)
    return "acme"


def add(here: AtHand, procore: Pretend) -> None:
    draft = connecting.draft(here, "acme").of(environment="custom", api_host=procore.url, login_host=procore.url, private=True)
    draft = connecting.with_credentials(draft, procore.client_id, Secret(procore.secret)).of(company_id=procore.company_id)
    connecting.keep(here, draft, connecting.validated(draft))


def as_it_is(here: AtHand, **other: str) -> dict[str, str]:
    """The form as the page gives it."""
    shown = connected.shown(here, "acme")
    config = shown["config"]
    typed = {key: str(config.get(key) or "") for key in ("environment", "api_host", "login_host", "client_id", "company_id")}
    hooks = {"namespace": "tieback-acme", "payload_version": "v4.0", "api": "v2.0"}
    return {**typed, **hooks, "projects": "all", "private": "1", "version": str(shown["version"]), **other}


def change(ana: Visitor, here: AtHand, **other: str) -> Any:
    return ana.post("/connectors/acme/edit", {"form_token": ana.token(), **as_it_is(here, **other)})


def test_a_field_is_changed_after_validation_and_stands_in_the_history(ana: Visitor, console: Served, acme: str) -> None:
    assert 'value="tieback-acme"' in ana.get("/connectors/acme/edit").text
    page = change(ana, console.here, namespace="tieback-new")
    assert (page.status, page.location) == (303, "/connectors/acme")
    text = ana.get("/connectors/acme").text
    assert "acme is changed" in text
    assert "tieback-new" in text
    assert [one["kind"] for one in connected.history(console.here, "acme")] == ["updated", "created"]
    assert connected.history(console.here, "acme")[0]["changed"] == ["webhooks"]


def test_a_wrong_secret_changes_nothing_is_named_at_its_field_and_the_rest_is_kept(
    ana: Visitor, console: Served, acme: str
) -> None:
    page = change(ana, console.here, client_secret="not the secret at all", projects="12, 13")
    assert page.status == 422
    assert 'name="client_secret" type="password" autocomplete="off" aria-invalid="true"' in page.text
    assert 'value="12, 13"' in page.text
    assert "not the secret at all" not in page.text
    assert connected.shown(console.here, "acme")["version"] == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("projects", "North Tower", "Projects: write all"),
        ("company_id", "1", "company"),
        ("environment", "moon", "environment"),
        ("client_id", "", "client"),
        ("api_host", "nonsense", "api_host"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_lost(
    ana: Visitor, console: Served, acme: str, field: str, value: str, said: str
) -> None:
    page = change(ana, console.here, **{field: value, "namespace": "typed-before"})
    assert page.status == 422
    assert said.lower() in page.text.split('id="error"')[1].split("</div>")[0].lower()
    assert 'value="typed-before"' in page.text
    assert connected.shown(console.here, "acme")["version"] == 1


def test_the_companies_are_listed_from_procore_and_nothing_is_changed(
    ana: Visitor, console: Served, procore: Pretend, acme: str
) -> None:
    page = change(ana, console.here, ask="companies", company_id="", namespace="typed-before")
    assert page.status == 200
    assert f'<option value="{procore.company_id}">' in page.text
    assert '<option value="" selected>Choose one</option>' in page.text
    assert 'value="typed-before"' in page.text
    shown = change(ana, console.here, ask="companies")
    assert f'<option value="{procore.company_id}" selected>' in shown.text
    assert "Write the client secret once more" not in shown.text
    typed = change(ana, console.here, ask="companies", client_secret=procore.secret, company_id="12")
    assert '<option value="12" selected>12 (the app is not installed there)</option>' in typed.text
    assert "Write the client secret once more" in typed.text
    assert procore.secret not in typed.text
    assert connected.shown(console.here, "acme")["version"] == 1


def test_when_procore_cannot_be_asked_the_company_is_still_typed(ana: Visitor, console: Served, acme: str) -> None:
    page = change(ana, console.here, ask="companies", client_secret="not the secret at all", company_id="12")
    assert page.status == 422
    assert "The companies cannot be listed, so write the id of the company yourself." in page.text
    assert '<input id="company_id" name="company_id" value="12"' in page.text
    assert 'name="client_secret" type="password" autocomplete="off" aria-invalid="true"' in page.text


def test_a_second_editor_is_told_what_differs_and_may_insist(ana: Visitor, console: Served, acme: str) -> None:
    mine = as_it_is(console.here, namespace="mine")
    assert change(ana, console.here, namespace="theirs").status == 303
    page = ana.post("/connectors/acme/edit", {"form_token": ana.token(), **mine})
    assert page.status == 422
    assert "webhooks.namespace is theirs there and mine here" in page.text
    assert 'name="version" value="2"' in page.text
    assert ana.post("/connectors/acme/edit", {"form_token": ana.token(), **mine, "version": "2"}).status == 303


def test_the_kept_secret_is_not_sent_to_another_host(ana: Visitor, console: Served, acme: str, other_procore: Pretend) -> None:
    page = change(ana, console.here, api_host=other_procore.url, login_host=other_procore.url)
    assert page.status == 422
    assert "has not had the client secret so far" in page.text


def test_a_connector_of_a_file_is_read_only_and_the_page_says_why(ana: Visitor, console: Served, engine: Engine) -> None:
    with writing(engine) as db:
        config = {"format": 1, "kind": "procore_dmsa", "name": "filed", "environment": "production", "client_id": "c",
                  "company_id": "7", "file": "connectors/filed.yaml"}  # fmt: skip
        connectors.put(db, "filed", "file", config, None)
    page = ana.get("/connectors/filed").text
    assert "defines it, and git keeps its history" in page
    assert "/connectors/filed/edit" not in page
    assert "is defined by the file connectors/filed.yaml" in ana.get("/connectors/filed/edit").text


def test_gaps_are_looked_for_within_seconds(ana: Visitor, console: Served, engine: Engine, acme: str) -> None:
    ana.post("/connectors/acme/repair", {"form_token": ana.token(), "sweep": "yes"})
    assert "A worker looks for what Procore could not deliver and what changed" in ana.get("/connectors/acme").text
    with reading(engine) as db:
        due = {row.kind for row in db.execute(select(Timer.kind).where(Timer.subject == "acme", Timer.run_after <= now()))}
    assert due == {"repair", "sweep"}
    connected.pause(console.here, "acme", "moving")
    ana.post("/connectors/acme/repair", {"form_token": ana.token()})
    assert "is paused, so nothing is called" in ana.get("/connectors/acme").text


def test_the_secret_of_the_hooks_is_rotated_on_the_page(ana: Visitor, console: Served, engine: Engine, acme: str) -> None:
    ana.post("/connectors/acme/rotate", {"form_token": ana.token()})
    text = ana.get("/connectors/acme").text
    assert "The new secret was written to 0 hooks" in text
    with reading(engine) as db:
        assert audit.found(db, 1, verb="webhook secret renewed")[0].actor == "user:ana"


def test_more_hooks_than_somebody_may_wait_for_are_left_to_the_command_line(
    ana: Visitor, console: Served, engine: Engine, acme: str, procore: Pretend
) -> None:
    most = hooking.MOST_IN_A_REQUEST
    with writing(engine) as db:
        for number in range(most + 1):
            hooks.ensure(db, console.here.box, "acme", procore.company_id, str(number), Secret("s" * 40))
    for verb, path in (("apply", "hooks"), ("rotate", "rotate")):
        ana.post(f"/connectors/acme/{path}", {"form_token": ana.token()})
        text = ana.get("/connectors/acme").text
        assert f"acme has {most + 1} hooks, and at most {most} are done while somebody waits" in text
        assert f"On the command line: tieback hooks {verb} acme" in text
    assert Client(console, "admin").post("/api/v1/connectors/acme/rotate", {}).status == 422
    with reading(engine) as db:
        assert audit.found(db, 1, verb="webhook secret renewed") == []


# The API


def test_the_api_changes_validates_and_tells_history_hooks_and_quota(console: Served, acme: str) -> None:
    client = Client(console, "admin")
    done = client.post("/api/v1/connectors/acme/update", {"webhooks": {"namespace": "tieback-api"}, "if_version": 1})
    assert json.loads(done.text)["ok"] is True
    again = client.post("/api/v1/connectors/acme/update", {"webhooks": {"namespace": "x"}, "if_version": 1})
    assert again.status == 409
    wrong = client.post("/api/v1/connectors/acme/update", {"client_secret": "not the secret"})
    assert (wrong.status, [one["field"] for one in json.loads(wrong.text)["errors"]][:1]) == (422, ["credentials"])
    assert client.post("/api/v1/connectors/acme/update", {"secret": "x"}).status == 422
    assert json.loads(client.post("/api/v1/connectors/acme/validate", {}).text)["ok"] is True
    assert [one["kind"] for one in json.loads(client.get("/api/v1/connectors/acme/history").text)["items"]][-1] == "created"
    assert json.loads(client.post("/api/v1/connectors/acme/repair", {"ids": True}).text)["looks_for"][-1] == "every id"
    assert {one["window"] for one in json.loads(client.get("/api/v1/quota?connector=acme").text)["items"]} == {"spike", "hour"}
    assert client.get("/api/v1/quota?connector=nobody").status == 404
    assert json.loads(client.post("/api/v1/connectors/acme/rotate", {"at_once": True}).text)["done"] is True
    assert all("url" not in one for one in json.loads(client.get("/api/v1/hooks").text)["items"])
