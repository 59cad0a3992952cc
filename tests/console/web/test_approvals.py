"""Questions, alerts and the switch, as people answer, acknowledge and throw them."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine

from config.errors import ConfigError
from console.verbs import alerting, approving, standing, switching
from console.verbs.at_hand import NotThere
from store import alerts, apitokens, approvals, runs
from store.session import reading, writing
from tests.console.conftest import Tieback
from tests.console.web.served import Served, Visitor
from tests.store import samples


@pytest.fixture
def question(console: Served, engine: Engine) -> int:
    with writing(engine) as db:
        run = samples.run(db, samples.event(db), due=False)
        approvals.ask(db, {"run_id": run, "path": "do/0", "automation": "rule", "question": "Post it?", "choices": ["yes", "no"],
                           "about": None, "until": None})  # fmt: skip
    (row,) = approving.listed(console.here, 10)
    return int(row["id"])


def test_an_answer_makes_the_run_due_once(console: Served, engine: Engine, question: int) -> None:
    assert approving.answer(console.here, question, "no", "too dear") == "no"
    with reading(engine) as db:
        assert runs.get(db, 1).run_after is not None  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match="open no more"):
        approving.answer(console.here, question, "yes", "")


def test_a_choice_that_is_none_is_refused_and_the_question_stays(console: Served, question: int) -> None:
    with pytest.raises(ConfigError, match="Choices: yes, no"):
        approving.answer(console.here, question, "yess", "")
    assert approving.listed(console.here, 10, state="open")
    with pytest.raises(NotThere):
        approving.answer(console.here, 999, "yes", "")


def test_a_question_is_answered_on_its_page_and_by_the_api(console: Served, engine: Engine, question: int) -> None:
    console.person("otto", "operator")
    otto = Visitor(console.url)
    otto.sign_in("otto")
    assert "Post it?" in otto.get("/approvals").text
    assert otto.post(f"/approvals/{question}/answer", {"form_token": otto.token(), "choice": "yes"}).status == 303
    assert "answered with yes" in otto.get("/approvals").text
    with writing(engine) as db:
        token = apitokens.add(db, "erp", ["operate"])
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    page = Visitor(console.url).ask("POST", f"/api/v1/approvals/{question}/answer", b'{"choice": "yes"}', headers)
    assert (page.status, json.loads(page.text)["type"]) == (422, "urn:tieback:unfit")


def test_an_alert_worries_until_somebody_looks_after_it(console: Served, engine: Engine) -> None:
    with writing(engine) as db:
        alerts.raise_(db, "silence", "rule", "rule: silent for a day")
    assert "rule: silent for a day" in [one["seen"] for one in standing.verdict(console.here)["reasons"]]
    (row,) = alerting.listed(console.here, 10, "open")
    alerting.ack(console.here, row["id"], "on it")
    assert "rule: silent for a day" not in [one["seen"] for one in standing.verdict(console.here)["reasons"]]
    with pytest.raises(ConfigError, match="no open alert"):
        alerting.ack(console.here, 999, "")


def test_the_switch_is_thrown_on_a_page_and_shown_everywhere(console: Served, engine: Engine) -> None:
    console.person("otto", "operator")
    otto = Visitor(console.url)
    otto.sign_in("otto")
    otto.post("/changes/hold", {"form_token": otto.token(), "reason": "wrong prices"})
    assert switching.effects_paused(console.here) is not None
    assert "Changes outside are paused by user:otto: wrong prices" in otto.get("/").text
    otto.post("/changes/resume", {"form_token": otto.token()})
    assert switching.effects_paused(console.here) is None


def test_the_command_line_has_the_same_verbs(tieback: Tieback) -> None:
    assert tieback("db", "upgrade").code == 0
    assert tieback("queue", "pause", "manual", "--reason", "moving", "--for", "2h").code == 0
    assert tieback("queue", "pause", "manul", "--reason", "moving").code == 2
    (row,) = [row for row in tieback("queue", "lanes", "--json").json() if row["lane"] == "manual"]
    assert row["pause"]["reason"] == "moving"
    assert row["pause"]["until"] is not None
    wrong = tieback("queue", "drain", "manual", "--reason", "moving", "--for", "2x")
    assert (wrong.code, "--for" in wrong.err) == (2, True)
    assert "up to 336 hours" in tieback("queue", "drain", "manual", "--reason", "moving", "--for", "15d").err
    assert tieback("queue", "resume", "manual").code == 0
    assert tieback("queue", "resume", "manual").code == 2
    for family in ("approvals", "alerts", "failures", "schedules"):
        said = tieback(family, "list", "--json")
        assert (said.code, said.json()) == (0, []), family
    assert tieback("approvals", "approve", "7").code == 2
    assert tieback("alerts", "ack", "7").code == 2
    assert tieback("failures", "ack", "0123456789abcdef").code == 2
