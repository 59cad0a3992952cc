"""In a real browser: a new version of an automation is looked at, tested, back-tested and put in force; a bad one rolled back."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, select

from store import definitions
from store.models import Operation
from store.session import reading
from tests.console.web.browser import PHONE, findings, looking
from tests.console.web.served import Served
from tests.console.web.test_browser import browser as browser
from tests.console.web.test_browser import own as own
from tests.console.web.test_browser import script as script
from tests.console.web.test_browser import too_wide
from tests.workers.rig import desk_of
from workers import operations
from workers.keeper import Keeper

pytestmark = pytest.mark.services
Own = tuple[Served, Engine, dict[str, Any]]


def work(console: Served, engine: Engine) -> None:
    """As a worker does it, which these consoles have not."""
    keeper = Keeper(engine)
    with reading(engine) as db:
        ids = list(db.scalars(select(Operation.id)))
    for id in ids:
        operations.run(desk_of(engine, console.here.settings, keeper), id)
    keeper.stop()


def test_a_version_that_waits_is_looked_at_tested_back_tested_and_put_in_force(browser: Browser, own: Own, script: str) -> None:
    console, engine, _ = own
    with looking(browser, console.url) as looked:
        page = looked.page
        page.goto("/automations/rfi-to-database")
        expect(page.get_by_role("main")).to_contain_text("is held by user:ana")
        page.get_by_role("link", name="look at").click()
        expect(page.get_by_role("region", name="What changes with it")).to_contain_text(
            'step keep: with is {"n": 2}, and was {"n": 1}'
        )
        page.get_by_role("link", name="Run its tests").click()
        expect(page.get_by_role("region", name="Tests")).to_contain_text("1 of 1 hold")
        page.get_by_label("Over the last").select_option("7d")
        page.get_by_role("button", name="Begin a back-test").click()
        expect(page.get_by_role("status")).to_contain_text("has begun")
        work(console, engine)
        page.reload()
        expect(page.get_by_role("region", name="Back-test")).to_contain_text("Would fire")
        expect(page.get_by_role("region", name="Back-test")).to_contain_text("(was ")
        assert findings(page, script) == []
        page.get_by_label("Why").fill("tested")
        page.get_by_role("button", name="Put it in force").click()
        expect(page.get_by_role("status")).to_contain_text("is in force")
        page.goto("/automations/rfi-to-database")
        expect(page.get_by_role("main")).not_to_contain_text("is held by")
        assert looked.complaints == []
    with reading(engine) as db:
        assert "n: 2" in {one.name: one.source for one in definitions.active(db)}["rfi-to-database"]


def test_on_a_phone_the_earlier_version_is_back_within_two_pages(browser: Browser, own: Own, script: str) -> None:
    console, engine, _ = own
    with looking(browser, console.url, PHONE) as looked:
        page = looked.page
        page.goto("/automations/rfi-to-database")
        page.get_by_role("button", name="Follow the file again").click()
        expect(page.get_by_role("status")).to_contain_text("says again what is in force")
        page.get_by_role("button", name="Compare the two").click()
        expect(page.get_by_role("main")).to_contain_text("step keep")
        assert [*findings(page, script), *too_wide(looked)] == []
        page.goto("/automations/rfi-to-database")
        page.get_by_role("region", name="Versions").get_by_role("link").last.click()
        page.get_by_label("Why").fill("it posts nonsense")
        page.get_by_role("button", name="Put it in force").click()
        expect(page.get_by_role("main")).to_contain_text("is in force. Runs that have begun go on with theirs")
        assert looked.complaints == []
    with reading(engine) as db:
        assert "n: 1" in {one.name: one.source for one in definitions.active(db)}["rfi-to-database"]
