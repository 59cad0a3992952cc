"""In a real browser: many runs retried from the count to the end, watched while it goes on, stopped, withdrawn, taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from config.settings import Settings
from tests.console.web.browser import PHONE, findings, looking
from tests.console.web.conftest import console as console
from tests.console.web.served import Served
from tests.console.web.test_browser import browser as browser
from tests.console.web.test_browser import script as script
from tests.workers.rig import Rig
from tests.workers.test_operations import do_runs, failed, slices, states
from tests.workers.test_operations import one as one

pytestmark = pytest.mark.services


@pytest.fixture
def looked(browser: Browser, console: Served) -> Iterator[Page]:
    console.person("ana", "admin")
    with looking(browser, console.url) as seen:
        yield seen.page
        assert seen.complaints == []


def test_many_are_retried_from_the_list_the_first_ones_tried_and_the_rest_seen_to_follow(
    looked: Page, one: Rig, engine: Engine
) -> None:
    # Given twelve runs that failed for a cause that is gone
    failed(one, 12)
    # When somebody comes from the list to the count and begins, three first
    looked.goto("/runs?state=failed")
    looked.get_by_role("link", name="Retry…").click()
    expect(looked.get_by_role("heading", level=1)).to_have_text("Retry 12 runs?")
    expect(looked.get_by_label("Try first")).to_have_value("3")
    looked.get_by_label("Undo window, seconds").fill("0")
    looked.get_by_label("Why").fill("the far end is back")
    looked.get_by_role("button", name="Retry 12 runs").click()
    heading = looked.get_by_role("heading", level=1)
    expect(heading).to_contain_text("waiting")
    # Then the page follows by itself: the trial, and, once it ended well, the rest
    slices(one, 2)
    expect(heading).to_contain_text("canary")
    expect(looked.get_by_role("main")).to_contain_text("waits for 3 of the 3 runs tried first to end")
    do_runs(one)
    slices(one, 3)
    expect(heading).to_contain_text("done")
    expect(looked.get_by_role("progressbar")).to_have_attribute("value", "12")
    do_runs(one)
    looked.reload()
    expect(looked.get_by_role("region", name="Progress")).to_contain_text("ok 12")


def test_a_trial_that_fails_stops_it_and_what_was_not_begun_with_is_taken_back(looked: Page, one: Rig, engine: Engine) -> None:
    failed(one, 4)
    failed(one, 1, n="no number")
    looked.goto("/operations/new?kind=retry&state=failed")
    looked.get_by_label("Try first").fill("1")
    looked.get_by_label("Undo window, seconds").fill("0")
    looked.get_by_role("button", name="Retry 5 runs").click()
    slices(one, 2)
    do_runs(one)
    slices(one, 2)
    expect(looked.get_by_role("note")).to_contain_text("1 of the 1 tried first did not end well")
    looked.get_by_role("button", name="Go on all the same").click()
    slices(one, 3)
    expect(looked.get_by_role("heading", level=1)).to_contain_text("done")
    looked.get_by_role("button", name="Take back").click()
    slices(one, 2)
    expect(looked.get_by_role("note")).to_contain_text("taken back: 4 of 5; 1 had begun already and go on")
    assert states(one) == ["failed"] * 5


def test_chosen_runs_are_withdrawn_before_anything_happened(looked: Page, one: Rig, engine: Engine) -> None:
    ids = failed(one, 3)
    looked.goto("/runs")
    for id in ids[:2]:
        looked.get_by_label(f"Choose run {id}").check()
    looked.get_by_role("button", name="Retry…").click()
    expect(looked.get_by_role("heading", level=1)).to_have_text("Retry 2 runs?")
    looked.get_by_label("Undo window, seconds").fill("600")
    looked.get_by_role("button", name="Retry 2 runs").click()
    expect(looked.get_by_role("status")).to_contain_text("begins in 600 s; until then it can be withdrawn")
    looked.get_by_role("button", name="Withdraw").click()
    expect(looked.get_by_role("heading", level=1)).to_contain_text("cancelled")
    slices(one, 2)
    assert states(one) == ["failed"] * 3


def test_events_are_replayed_from_the_list_for_one_automation_the_first_ones_tried_and_the_rest_seen_to_follow(
    looked: Page, one: Rig, engine: Engine
) -> None:
    # Given twelve events of one connector, and three of another
    failed(one, 12)
    failed(one, 3, connector="north")
    # When somebody comes from the filtered list to the automation and the count, and begins, two first
    looked.goto("/events?connector=acme")
    looked.get_by_role("link", name="Replay…").click()
    expect(looked.get_by_role("heading", level=1)).to_have_text("Replay these events for which automation?")
    looked.get_by_label("Automation").select_option("rule")
    looked.get_by_role("button", name="Count").click()
    expect(looked.get_by_role("heading", level=1)).to_have_text("Replay 12 events?")
    expect(looked.get_by_role("region", name="Which events")).to_contain_text("acme")
    looked.get_by_label("Try first").fill("2")
    looked.get_by_label("Undo window, seconds").fill("0")
    looked.get_by_role("button", name="Replay 12 events").click()
    # Then the rest follows once the runs of the first ones ended well, and what nobody has begun with is taken back
    slices(one, 2)
    heading = looked.get_by_role("heading", level=1)
    expect(heading).to_contain_text("canary")
    assert states(one)[15:] == ["waiting"] * 2
    do_runs(one)
    slices(one, 3)
    expect(heading).to_contain_text("done")
    expect(looked.get_by_role("region", name="What was asked for")).to_contain_text("rule")
    looked.get_by_role("button", name="Take back").click()
    slices(one, 2)
    expect(looked.get_by_role("note")).to_contain_text("taken back: 10 of 12; 2 had begun already and go on")
    assert states(one)[15:] == ["ok"] * 2 + ["cancelled"] * 10


def test_chosen_events_are_replayed(looked: Page, one: Rig, engine: Engine) -> None:
    failed(one, 3)
    looked.goto("/events")
    for id in (1, 3):
        looked.get_by_label(f"Choose event {id}").check()
    looked.get_by_role("button", name="Replay…").click()
    looked.get_by_role("button", name="Count").click()
    expect(looked.get_by_role("heading", level=1)).to_have_text("Replay 2 events?")
    looked.get_by_role("button", name="Replay 2 events").click()
    slices(one, 2)
    assert [row["replays"] for row in one.rows("SELECT replays FROM tieback_events WHERE replays IS NOT NULL ORDER BY id")] == [
        1,
        3,
    ]


def test_its_pages_are_readable_by_everybody_at_the_width_of_a_phone_too(
    browser: Browser, console: Served, one: Rig, script: str, settings: Settings
) -> None:
    console.person("ana", "admin")
    failed(one, 3)
    with looking(browser, console.url, PHONE) as seen:
        page = seen.page
        page.goto("/operations/new?kind=retry&state=failed")
        assert findings(page, script) == []
        page.goto("/operations/new?kind=replay&since=1d&rule=rule")
        expect(page.get_by_role("heading", level=1)).to_have_text("Replay 3 events?")
        assert findings(page, script) == []
        page.goto("/operations/new?kind=retry&state=failed")
        page.get_by_role("button", name="Retry 3 runs").click()
        for path in ("/operations/1", "/operations", "/runs", "/events", "/operations/new?kind=replay&since=1d"):
            page.goto(path)
            assert findings(page, script) == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        assert seen.complaints == []
