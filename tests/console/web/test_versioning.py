"""Versions of an automation: held, compared, tested, back-tested and put in force; on pages, in the API, on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from config.errors import ConfigError
from console.cli import main
from console.verbs import ruling, standing, versioning
from console.verbs.at_hand import NotThere
from store import audit, definitions
from store.models import Event, Timer
from store.session import reading
from tests.console.web.served import Served, Visitor
from tests.console.web.test_api import Client

RULE = """\
format: 1
id: one
stage: live
expect: {{success_every: 24h}}
when: [{{manual: {{}}}}, {{schedule: {{at: "{at}"}}}}]
do: [{{id: a, use: set, with: {{n: {n}}}}}]
tests:
  - {{name: it runs, given: {{manual: {{}}}}, expect: {{fired: true}}}}
  - {{name: it fails, given: {{manual: {{}}}}, expect: {{state: failed}}}}
"""
Write = Callable[..., str]


@pytest.fixture
def write(console: Served) -> Write:
    """Write the automation's file, and let the site be applied; what of it is in force then."""

    def it(n: int = 1, at: str = "07:00") -> str:
        folder: Path = console.here.settings.site / "automations"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "one.yaml").write_text(RULE.format(n=n, at=at), "utf-8")
        assert ruling.applied(console.here).messages == []
        return str(versioning.shown(console.here, "one", "in-force")["source"])

    return it


def planned(engine: Engine) -> list[str]:
    with reading(engine) as db:
        return [
            row.subject for row in db.execute(select(Timer.subject).where(Timer.kind == "schedule", Timer.state == "waiting"))
        ]


def test_what_the_file_says_waits_while_a_version_is_held_and_apply_says_so(
    console: Served, engine: Engine, write: Write
) -> None:
    # Given a version that is held
    write(1)
    version = versioning.hold(console.here, "one", "the ERP moves")
    # When the file changes
    assert "n: 1" in write(2)
    # Then it waits, and everybody is told
    assert [one["offered"] for one in versioning.listed(console.here, "one")] == [True, False]
    assert "A version of one is held by console: the ERP moves; another version of its file waits" in [
        one["seen"] for one in standing.verdict(console.here)["reasons"]
    ]
    (folder := console.here.settings.site / "automations").joinpath("one.yaml").write_text(RULE.format(n=3, at="07:00"), "utf-8")
    (said,) = ruling.applied(console.here).changes
    assert f"waits, console holds {version[:8]} (the ERP moves). To put it in force: tieback rules follow one" in said
    assert folder.is_dir()
    # And following the file puts its newest text in force
    versioning.follow(console.here, "one")
    assert "n: 3" in versioning.shown(console.here, "one", "in-force")["source"]
    assert "n: 4" in write(4)
    with pytest.raises(ConfigError, match="nobody holds"):
        versioning.follow(console.here, "one")


def test_a_bad_change_is_rolled_back_in_one_step_audited_and_told_to_rules(console: Served, engine: Engine, write: Write) -> None:
    write(1)
    before = versioning.shown(console.here, "one", "in-force")["version"]
    write(2)
    versioning.activate(console.here, "one", before[:6], "2 posts nonsense")
    assert "n: 1" in write(2)
    with reading(engine) as db:
        row = audit.found(db, 1, verb="automation activated")[0]
        told = [one.body for one in db.execute(select(Event.body).where(Event.source == "config"))][-1]
        assert [one.source for one in definitions.active(db)] == [RULE.format(n=1, at="07:00")]
    assert (row.actor, row.detail["reason"], row.detail["version"]) == ("console", "2 posts nonsense", before)
    assert (told["kind"], told["name"], told["detail"]["change"]) == ("automations.changed", "one", "activated")


def test_the_schedule_is_that_of_the_version_in_force_and_not_of_the_file(console: Served, engine: Engine, write: Write) -> None:
    write(1, "07:00")
    versioning.hold(console.here, "one", "x")
    write(1, "09:00")
    from store import schedules

    with reading(engine) as db:
        assert ["0 7 * * *" in one.written or "07:00" in one.written for one in schedules.every(db)] == [True]
    assert len(planned(engine)) == 1


def test_what_is_no_version_of_it_is_named_with_those_there_are(console: Served, write: Write) -> None:
    write(1)
    for version in ("zzzz", "", "12", "offered"):
        with pytest.raises(NotThere, match="version: "):
            versioning.shown(console.here, "one", version)
    with pytest.raises(ConfigError, match="reason: say why"):
        versioning.hold(console.here, "one", "")
    old = versioning.shown(console.here, "one", "in-force")["version"]
    write(2)
    with pytest.raises(ConfigError, match="it would be undone at once"):
        versioning.activate(console.here, "one", old, "x", follow=True)


def test_a_held_automation_whose_file_goes_and_comes_back_stays_held(console: Served, write: Write) -> None:
    write(1)
    versioning.hold(console.here, "one", "x")
    (console.here.settings.site / "automations" / "one.yaml").unlink()
    assert ruling.applied(console.here).changes == ["one: retired, its file is gone"]
    assert "n: 1" in write(2)


# The API


def test_the_api_holds_compares_tests_and_activates(console: Served, write: Write) -> None:
    write(1)
    client = Client(console, "operate")
    assert client.post("/api/v1/automations/one/hold", {}).status == 422
    assert client.post("/api/v1/automations/one/hold", {"reason": "the ERP moves"}).status == 200
    write(2)
    one = json.loads(client.get("/api/v1/automations/one").text)
    assert (one["held"]["by"], len(one["versions"]), one["expect"]["promised"]) == (one["held"]["by"], 2, {"success every": "1d"})
    apart = json.loads(client.get("/api/v1/automations/one/diff?from=offered").text)
    assert apart["changes"] == ['step a: with is {"n": 1}, and was {"n": 2}']
    assert json.loads(client.get("/api/v1/automations/one/diff").text)["errors"][0]["field"] == "from"
    tests = json.loads(client.get("/api/v1/automations/one/versions/offered/tests").text)["items"]
    assert [(test["test"], test["ok"]) for test in tests] == [("it runs", True), ("it fails", False)]
    assert client.get("/api/v1/automations/one/versions/zzzz").status == 404
    body = {"reason": "tested", "follow": True}
    assert client.post("/api/v1/automations/one/versions/offered/activate", body).status == 200
    assert "n: 2" in json.loads(client.get("/api/v1/automations/one/versions/in-force").text)["source"]
    begun = client.post("/api/v1/automations/one/versions/in-force/backtest", {"since": "7d"})
    assert json.loads(begun.text)["operation"] >= 1
    assert client.post("/api/v1/automations/one/versions/in-force/backtest", {"since": "soon"}).status == 422


# The pages


def test_the_pages_show_what_differs_how_tests_end_and_put_it_in_force(console: Served, write: Write) -> None:
    write(1)
    versioning.hold(console.here, "one", "the ERP moves")
    write(2)
    console.person("ana", "admin")
    ana = Visitor(console.url)
    ana.sign_in("ana")
    page = ana.get("/automations/one/versions/offered?tests=run")
    assert "1 of 2 hold" in page.text
    assert "expected failed, seen ok" in page.text
    assert "step a: with is" in page.text
    assert "Would fire" not in page.text
    ana.post("/automations/one/versions/offered/activate", {"form_token": page.token, "reason": "", "then": "hold"})
    assert "reason: say why" in ana.get("/automations/one").text
    ana.post("/automations/one/versions/offered/activate", {"form_token": page.token, "reason": "tested", "then": "hold"})
    shown = ana.get("/automations/one").text
    assert "is held" in shown
    assert "Its file says the same now" in shown
    assert ana.get("/automations/one/versions/zzzz").status == 404
    assert "They are the same" in ana.get("/automations/one/diff?from=in-force&to=in-force").text


# The command line


def test_the_commands_do_the_same(console: Served, write: Write, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("TIEBACK_SITE", str(console.here.settings.site))
    monkeypatch.setenv("TIEBACK_DATABASE_URL", console.here.settings.database_url)

    def said(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(words) == code
        return str(capsys.readouterr().out)

    write(1)
    first = versioning.shown(console.here, "one", "in-force")["version"]
    said("rules", "hold", "one", "--reason", "the ERP moves")
    write(2)
    assert [row["offered"] for row in json.loads(said("rules", "versions", "one", "--json"))] == [True, False]
    assert "waits" in said("rules", "versions", "one")
    assert "held by cli:" in said("rules", "show", "one")
    assert "FAIL  it fails" in said("rules", "show", "one", "--version", "offered", "--tests", code=1)
    assert "+do: [{id: a, use: set, with: {n: 2}}]" in said("rules", "diff", "one", "--from", first[:8], "--to", "offered")
    said("rules", "diff", "--from", first[:8], code=2)
    assert "is in force, as its file says" in said("rules", "follow", "one")
    assert "What its file says waits" in said("rules", "activate", "one", first[:8], "--reason", "2 posts nonsense")
    assert main(["rules", "activate", "one", "zzzz", "--reason", "x"]) != 0


def test_an_automation_is_started_by_hand_on_its_page_and_in_the_api(console: Served, write: Write) -> None:
    write(1)
    console.person("ana", "admin")
    ana = Visitor(console.url)
    ana.sign_in("ana")
    page = ana.get("/automations/one")
    assert "Start it by hand" in page.text
    begun = ana.post("/automations/one/start", {"form_token": page.token})
    assert (begun.status, begun.location) == (303, "/runs/1")
    client = Client(console, "operate")
    assert json.loads(client.post("/api/v1/automations/one/start", {}).text)["run"] == 2
    refused = client.post("/api/v1/automations/one/start", {"record": "7"})
    assert (refused.status, client.post("/api/v1/automations/none/start", {}).status) == (422, 422)
