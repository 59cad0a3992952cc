"""One run retried with edits on its page, through the API and on the command line."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

from config.settings import Settings
from console.cli import main
from store import apitokens
from store.session import writing
from tests.console.web.browser import PHONE, findings, looking
from tests.console.web.conftest import console as console
from tests.console.web.served import Page, Served, Visitor
from tests.console.web.test_browser import browser as browser
from tests.console.web.test_browser import script as script
from tests.workers.rig import Rig
from tests.workers.test_operations import do_runs, failed
from tests.workers.test_operations import one as one


@pytest.fixture
def run_id(one: Rig) -> int:
    """A run that failed since what was sent is no number."""
    (id,) = failed(one, 1, n="no number")
    with writing(one.engine) as db:
        db.exec_driver_sql("UPDATE tieback_runs SET state = 'waiting', run_after = created_at")
    do_runs(one)
    assert one.runs()[0]["state"] == "failed"
    return id


def sent(visitor: Visitor, id: int, **fields: str) -> Page:
    return visitor.post(f"/runs/{id}/edit", {"form_token": visitor.token(), **fields})


def typed(page: Page, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*>(.*?)</textarea>', page.text, re.DOTALL)
    assert found is not None, page.text
    return html.unescape(found[1])


def test_another_body_makes_a_new_run_that_shows_what_was_edited_by_whom(otto: Visitor, run_id: int, one: Rig) -> None:
    page = otto.get(f"/runs/{run_id}/edit")
    assert json.loads(typed(page, "body")) == {"n": "no number"}
    answer = sent(otto, run_id, body='{"n": "7"}', **{"step:keep": "{}", "from": "stopped"})
    assert (answer.status, answer.location) == (303, f"/runs/{run_id + 1}")
    do_runs(one)
    shown = otto.get(answer.location).text
    assert "edited by user:otto" in shown
    assert "no number" in shown
    assert "Retried with edits as" in otto.get(f"/runs/{run_id}").text
    assert [row["state"] for row in one.runs()] == ["failed", "ok"]


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [("body", '{"n": 7', "The event is no JSON (line 1, column 8"),
     ("step:keep", "n: 7", "Step keep is no JSON (line 1, column 1"),
     ("step:keep", "[1]", "step keep: its inputs are an object"), ("body", '{"n": "no number"}', "nothing was edited")],
)  # fmt: skip
def test_what_does_not_fit_is_named_and_what_was_typed_is_kept(
    otto: Visitor, run_id: int, one: Rig, field: str, text: str, said: str
) -> None:
    answer = sent(otto, run_id, **{"body": '{"n": "no number"}', field: text})
    assert answer.status == 422
    assert said in html.unescape(answer.text)
    assert typed(answer, field) == text
    assert ('aria-invalid="true"' in answer.text) == ("no JSON" in said)
    assert len(one.runs()) == 1


def test_a_program_does_the_same(console: Served, run_id: int, one: Rig) -> None:
    with writing(console.engine) as db:
        token = apitokens.add(db, "robot", ["operate"])

    def ask(body: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        path = f"/api/v1/runs/{run_id}/retry-with-edits"
        page = Visitor(console.url).ask("POST", path, json.dumps(body).encode(), headers)
        return page.status, json.loads(page.text)

    assert ask({})[0] == 422
    assert ask({"inputs": {"nobody": {}}})[0] == 422
    assert ask({"strange": 1})[0] == 422
    assert ask({"inputs": {"keep": {"n": 3}}}) == (200, {"done": True, "run": run_id + 1, "of": run_id})
    do_runs(one)
    assert [row["state"] for row in one.runs()] == ["failed", "ok"]


def test_the_command_line_takes_it_from_a_file(
    run_id: int, one: Rig, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("TIEBACK_DATABASE_URL", "TIEBACK_SITE", "TIEBACK_SECRET_KEYS"):
        if name in settings.env:
            monkeypatch.setenv(name, settings.env[name])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "body.json").write_text('{"n": "7"}', "utf-8")
    (tmp_path / "bad.json").write_text("{", "utf-8")
    assert main(["runs", "edit", str(run_id), "--body", "bad.json"]) == 2
    assert "bad.json is no JSON" in capsys.readouterr().err
    assert main(["runs", "edit", str(run_id), "--body", "body.json"]) == 0
    assert capsys.readouterr().out.startswith(f"run {run_id + 1} is run {run_id} once more with your edits.")


@pytest.mark.services
def test_in_a_browser_the_event_is_mended_and_the_difference_seen(
    browser: Browser, console: Served, run_id: int, one: Rig, engine: Engine, script: str
) -> None:
    console.person("ana", "admin")
    with looking(browser, console.url, PHONE) as seen:
        page = seen.page
        page.goto(f"/runs/{run_id}")
        page.get_by_role("link", name="Retry with edits…").click()
        assert findings(page, script) == []
        page.get_by_label("What rules find as event.body").fill('{"n": "8"}')
        page.get_by_role("button", name="Retry with edits").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"Run {run_id + 1}")
        expect(page.get_by_role("region", name="What was edited")).to_contain_text("no number")
        assert findings(page, script) == []
        assert seen.complaints == []
