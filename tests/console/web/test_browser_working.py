"""In a real browser: lanes and workers, drained, limited and taken up again."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

from console.verbs import holding
from store import pauses
from store.session import reading
from tests.console.conftest import Pretend
from tests.console.conftest import procore as procore
from tests.console.web.browser import PHONE, findings, looking
from tests.console.web.served import Served
from tests.console.web.test_browser import browser as browser
from tests.console.web.test_browser import own as own
from tests.console.web.test_browser import script as script
from tests.console.web.test_browser import too_wide
from tests.console.web.test_changing import add

pytestmark = pytest.mark.services
Own = tuple[Served, Engine, dict[str, Any]]


def test_a_worker_is_drained_seen_to_empty_and_taken_up_again(browser: Browser, own: Own) -> None:
    console, _, _ = own
    with looking(browser, console.url) as looked:
        page = looked.page
        page.goto("/queues")
        workers = page.get_by_role("region", name="Workers")
        workers.get_by_text("Let it run empty").click()
        workers.get_by_label("Why").fill("a larger machine")
        workers.get_by_label("When it is empty").select_option("its process ends")
        workers.get_by_role("button", name="Drain").click()
        expect(page.get_by_role("status")).to_contain_text("then its process ends")
        expect(workers).to_contain_text("emptying")
        expect(workers).to_contain_text("a larger machine. Its process ends once it is empty.")
        page.goto("/")
        expect(page.get_by_role("main")).to_contain_text("A worker is drained by user:ana: a larger machine")
        page.goto("/queues")
        workers.get_by_role("button", name="Take work again").first.click()
        expect(page.get_by_role("status")).to_contain_text("takes work again")
        assert looked.complaints == []


def test_how_many_work_at_once_is_changed_on_a_phone_and_lifted(browser: Browser, own: Own) -> None:
    console, engine, _ = own
    with looking(browser, console.url, PHONE) as looked:
        page = looked.page
        page.goto("/queues")
        lane = page.get_by_role("region", name="manual")
        lane.get_by_text("Change how many at once").click()
        lane.get_by_label("At most").fill("3")
        lane.get_by_label("Why").last.fill("the ERP is slow")
        lane.get_by_role("button", name="Set").click()
        expect(lane).to_contain_text("at most 3 runs and imports, by user:ana")
        lane.get_by_text("Change how many at once").click()
        lane.get_by_role("button", name="Lift the limit").click()
        expect(lane).to_contain_text("as many as there are threads")
        assert looked.complaints == []
    with reading(engine) as db:
        assert "manual" not in pauses.limits(db)


def test_a_lane_runs_empty_and_says_how_much_is_left(browser: Browser, own: Own) -> None:
    console, _, _ = own
    with looking(browser, console.url) as looked:
        page = looked.page
        page.goto("/queues")
        lane = page.get_by_role("region", name="manual")
        lane.get_by_text("Let it run empty").click()
        lane.get_by_label("Why").nth(1).fill("the ERP moves tonight")
        lane.get_by_role("button", name="Drain").click()
        expect(lane).to_contain_text("runs empty, 5 left")
        lane.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("status")).to_contain_text("goes on")
        assert looked.complaints == []


def test_one_run_is_tested_through_a_pause(browser: Browser, own: Own) -> None:
    console, _, ids = own
    holding.pause_lane(console.here, "manual", "the ERP is down", None)
    with looking(browser, console.url) as looked:
        page = looked.page
        page.goto(f"/runs/{ids['waiting']}")
        expect(page.get_by_role("main")).to_contain_text("The lane manual is paused by console: the ERP is down")
        page.get_by_role("button", name="Test through the pause").click()
        expect(page.get_by_role("status")).to_contain_text("goes on through the pause")
        assert looked.complaints == []


def test_an_automation_is_paused_for_a_while_and_what_was_typed_survives_a_refusal(browser: Browser, own: Own) -> None:
    console, _, _ = own
    with looking(browser, console.url) as looked:
        page = looked.page
        page.goto("/automations/rfi-to-database")
        page.get_by_text("Pause", exact=True).click()
        page.get_by_label("Why pause it").fill("   ")
        page.get_by_label("For", exact=True).select_option("1 day")
        page.get_by_role("button", name="Pause rfi-to-database").click()
        expect(page.get_by_role("alert")).to_contain_text("reason: say why")
        expect(page.get_by_label("For", exact=True)).to_have_value("24")
        page.get_by_label("Why pause it").fill("it floods the site")
        page.get_by_role("button", name="Pause rfi-to-database").click()
        expect(page.get_by_role("note").filter(has_text="Paused")).to_contain_text("Paused by user:ana")
        expect(page.get_by_role("note").filter(has_text="Paused")).to_contain_text("then it goes on by itself")
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("status")).to_contain_text("is active again")
        assert looked.complaints == []


def test_a_connector_is_pointed_elsewhere_in_the_browser_and_a_wrong_value_is_named(
    browser: Browser, console: Served, procore: Pretend, script: str
) -> None:
    add(console.here, procore)
    console.person("ana", "admin")
    with looking(browser, console.url, PHONE) as looked:
        page = looked.page
        page.goto("/connectors/acme")
        page.get_by_role("link", name="Change").click()
        page.get_by_label("Company id").fill("1")
        page.get_by_label("Projects").fill("12, 13")
        page.get_by_role("button", name="Validate and save").click()
        expect(page.get_by_role("alert")).to_contain_text("ompany")
        expect(page.get_by_label("Projects")).to_have_value("12, 13")
        expect(page.get_by_label("Company id")).to_have_attribute("aria-invalid", "true")
        assert [*findings(page, script), *too_wide(looked)] == []
        page.get_by_label("Company id").fill(procore.company_id)
        page.get_by_label("Projects").fill("all")
        page.get_by_label("Client secret").fill(procore.secret)
        page.get_by_role("button", name="Validate and save").click()
        expect(page.get_by_role("status").first).to_contain_text("acme is changed")
        page.get_by_role("button", name="Look now").click()
        expect(page.get_by_role("status")).to_contain_text("A worker looks for what Procore could not deliver")
        assert [one for one in looked.complaints if "422" not in one] == []


def test_a_missed_time_is_made_up_for_and_the_schedule_is_paused(browser: Browser, own: Own, script: str) -> None:
    console, _, _ = own
    with looking(browser, console.url, PHONE) as looked:
        page = looked.page
        page.goto("/schedules")
        page.get_by_role("button", name="Make up for it").first.click()
        expect(page.get_by_role("status")).to_contain_text("started run")
        page.get_by_text("Pause", exact=True).click()
        page.get_by_label("Why").fill("the ERP is closed")
        page.get_by_role("button", name="Let its times pass").click()
        expect(page.get_by_role("main")).to_contain_text("by user:ana")
        assert [*findings(page, script), *too_wide(looked), *looked.complaints] == []
