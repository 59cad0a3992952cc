"""Automations and connectors that a person pauses for a while: on the pages, in the API, on the command line, by the clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from config.errors import ConfigError
from console.cli import main
from console.verbs import connected, ruling, switching
from store import connectors, definitions
from store.models import Event, Timer
from store.session import reading, writing
from store.types import now
from tests.console.web.served import Served, Visitor
from tests.console.web.test_api import Client
from tests.workers.rig import desk_of
from workers import chores, resuming
from workers.keeper import Keeper

CONFIG = {"format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "production", "client_id": "c", "company_id": "7"}


@pytest.fixture
def filled(console: Served, engine: Engine) -> Served:
    with writing(engine) as db:
        connectors.put(db, "acme", "store", CONFIG, None)
        definitions.activate(db, "rule", "automations/rule.yaml", "format: 1\nid: rule\nstage: live\nwhen:\n  - manual: {}\n")
    return console


def told(engine: Engine) -> list[tuple[str, str]]:
    """(kind, name) of each configuration event."""
    with reading(engine) as db:
        return [(row.body["kind"], row.body["name"]) for row in db.execute(select(Event.body).where(Event.source == "config"))]


def time_passes(console: Served, engine: Engine, keeper: Keeper, subject: str) -> None:
    with writing(engine) as db:
        due = update(Timer).where(Timer.subject == subject).values(run_after=now(-1)).returning(Timer.id)
        id = db.execute(due).scalar_one()
    chores.run(desk_of(engine, console.here.settings, keeper), id)


def test_an_automation_goes_on_by_itself_and_both_changes_are_configuration_events(
    filled: Served, engine: Engine, keeper: Keeper
) -> None:
    switching.pause_automation(filled.here, "rule", "the ERP is down", 3600)
    paused = ruling.shown(filled.here, "rule")["paused"]
    assert (paused["by"], paused["reason"]) == ("console", "the ERP is down")
    assert paused["until"] is not None
    time_passes(filled, engine, keeper, "automation rule")
    with reading(engine) as db:
        assert definitions.in_state(db, "paused") == []
        assert [row.state for row in db.execute(select(Timer.state).where(Timer.subject == "automation rule"))] == ["ok"]
    assert told(engine) == [("automations.changed", "rule")] * 2


def test_a_connector_goes_on_by_itself_and_its_rules_hear_of_it(filled: Served, engine: Engine, keeper: Keeper) -> None:
    connected.pause(filled.here, "acme", "Procore is upgraded", 3600)
    assert connected.around(filled.here, "acme")["paused"]["until"] is not None
    time_passes(filled, engine, keeper, resuming.subject("connector", "acme"))
    assert connected.shown(filled.here, "acme")["state"] == "active"
    assert told(engine) == [("connector.paused", "acme"), ("connector.resumed", "acme")]


def test_a_connector_that_a_person_resumed_is_not_resumed_once_more(filled: Served, engine: Engine, keeper: Keeper) -> None:
    connected.pause(filled.here, "acme", "Procore is upgraded", 3600)
    connected.resume(filled.here, "acme")
    with pytest.raises(ConfigError, match="is not paused"):
        connected.resume(filled.here, "acme")
    resuming.look(desk_of(engine, filled.here.settings, keeper), "connector acme")
    assert told(engine)[2:] == []


def test_a_pause_without_a_reason_or_with_a_strange_end_is_refused(filled: Served) -> None:
    for pause in (connected.pause, switching.pause_automation):
        name = "acme" if pause is connected.pause else "rule"
        with pytest.raises(ConfigError, match="reason: say why"):
            pause(filled.here, name, " ")
        with pytest.raises(ConfigError, match="a pause ends by itself after up to 336 hours"):
            pause(filled.here, name, "x", 0.0)


@pytest.mark.parametrize("path", ["/api/v1/connectors/acme", "/api/v1/automations/rule"])
def test_the_api_pauses_for_so_many_hours(filled: Served, engine: Engine, path: str) -> None:
    client = Client(filled, "operate")
    assert [one["field"] for one in json.loads(client.post(f"{path}/pause", {"hours": 2}).text)["errors"]] == ["reason"]
    assert client.post(f"{path}/pause", {"reason": "moving", "hours": 2}).status == 200
    with reading(engine) as db:
        assert db.scalar(select(Timer.run_after).where(Timer.kind == resuming.KIND)) is not None
    assert client.post(f"{path}/resume", {}).status == 200
    with reading(engine) as db:
        assert db.scalar(select(Timer.run_after).where(Timer.kind == resuming.KIND)) is None


@pytest.mark.parametrize("page", ["/connectors/acme", "/automations/rule"])
def test_the_page_says_who_paused_it_why_and_until_when(filled: Served, page: str) -> None:
    filled.person("ana", "admin")
    ana = Visitor(filled.url)
    ana.sign_in("ana")
    token = ana.token(page)
    ana.post(f"{page}/pause", {"form_token": token, "reason": "moving", "hours": "4x"})
    assert "hours: &#34;4x&#34; is no number" in ana.get(page).text
    ana.post(f"{page}/pause", {"form_token": token, "reason": "moving", "hours": "4"})
    text = ana.get(page).text
    assert "Paused by user:ana" in text
    assert "then it goes on by itself" in text
    ana.post(f"{page}/resume", {"form_token": token})
    assert "Paused by" not in ana.get(page).text


def test_the_command_pauses_a_connector_for_a_while(filled: Served, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for name, value in filled.here.settings.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TIEBACK_DATABASE_URL", filled.here.settings.database_url)
    assert main(["connector", "pause", "acme"]) == 2
    assert main(["connector", "pause", "acme", "--reason", "moving", "--for", "soon"]) == 2
    assert "--for" in capsys.readouterr().err
    assert main(["connector", "pause", "acme", "--reason", "moving", "--for", "2h"]) == 0
    assert "acme: paused for 2 h" in capsys.readouterr().out
    assert main(["connector", "resume", "acme"]) == 0
