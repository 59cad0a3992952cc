"""Somebody who has never seen the console finds within three clicks why a message about a submittal was not sent."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, select, update

from store.models import Event, Run
from store.session import reading, writing
from tests.console.web.browser import findings, looking
from tests.console.web.served import Served
from tests.console.web.test_browser import browser as browser
from tests.console.web.test_browser import own as own
from tests.console.web.test_browser import script as script

pytestmark = pytest.mark.services
Own = tuple[Served, Engine, dict[str, Any]]


def a_submittal(engine: Engine, *conditions: Any) -> str:
    with reading(engine) as db:
        wanted = select(Event.resource_id).where(Event.resource_name == "Submittals", *conditions)
        return str(db.scalar(wanted.order_by(Event.id).limit(1)))


def test_a_message_that_failed_is_explained_after_two_steps(browser: Browser, own: Own, script: str) -> None:
    console, engine, _ = own
    why = {"step": "do/0", "kind": "http_403", "message": "slack:trades refused the message: the channel is archived."}
    with writing(engine) as db:
        run = select(Run.id, Event.resource_id).join(Event, Event.id == Run.event_id).where(Run.automation == "submittal-message")
        id, record = db.execute(run.order_by(Run.id).limit(1)).one()
        db.execute(update(Run).where(Run.id == id).values(state="failed", error=why))
    with looking(browser, console.url) as looked:
        page = looked.page
        page.get_by_role("searchbox").fill(f"submittal {record}")
        page.keyboard.press("Enter")  # the first
        runs = page.get_by_role("region", name="Runs")
        expect(runs).to_contain_text("the channel is archived")
        runs.get_by_role("link", name=str(id), exact=True).click()  # the second: its steps, inputs and attempts
        expect(page.get_by_role("note").first).to_contain_text("in step do/0: slack:trades refused the message")
        assert [*findings(page, script), *looked.complaints] == []


def test_a_message_that_no_rule_wanted_to_send_is_explained_after_one(browser: Browser, own: Own, script: str) -> None:
    console, engine, _ = own
    record = a_submittal(engine, Event.reasons.is_not(None))
    with looking(browser, console.url) as looked:
        page = looked.page
        page.get_by_role("searchbox").fill(f"submittal {record}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("region", name="Events")).to_contain_text(
            "submittal-message did not run: its `if` line 1 does not hold"
        )
        assert [*findings(page, script), *looked.complaints] == []
