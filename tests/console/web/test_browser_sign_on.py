"""In a real browser: to the provider of sign-in and back, through every cookie rule and policy that browsers have."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.console.web.browser import DESKTOP, PHONE, findings, looking
from tests.console.web.served import Served
from tests.console.web.test_browser import browser as browser
from tests.console.web.test_browser import script as script
from tests.console.web.test_browser import too_wide
from tests.security.test_r27_sign_on import console as console
from tests.security.test_r27_sign_on import provider as provider
from tests.security.test_r27_sign_on import wish

pytestmark = pytest.mark.services


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_one_click_leads_through_the_provider_to_the_page_that_was_wanted(
    browser: Browser, console: Served, size: tuple[int, int], script: str
) -> None:
    with looking(browser, console.url, size, name=None) as looked:
        page = looked.page
        page.goto("/runs?state=failed")
        assert too_wide(looked) == []
        assert findings(page, script) == []
        page.get_by_role("link", name="Sign in with 127.0.0.1").click()
        page.wait_for_url("**/runs?state=failed")
        expect(page.get_by_role("link", name="ana, operator" if size == DESKTOP else "operator")).to_be_visible()
        page.goto("/account")
        expect(page.get_by_role("main")).to_contain_text("You sign in by 127.0.0.1")
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.wait_for_url("**/sign-in")
        assert looked.complaints == []


def test_who_has_no_group_is_told_that_it_did_not_work_and_may_use_a_local_name(
    browser: Browser, console: Served, provider: str
) -> None:
    wish(provider, claims={"groups": []})
    with looking(browser, console.url, name=None) as looked:
        page = looked.page
        page.goto("/sign-in")
        page.get_by_role("link", name="Sign in with 127.0.0.1").click()
        expect(page.get_by_role("alert")).to_contain_text("This sign-in did not work")
        page.get_by_label("Name").fill("root")
        page.get_by_label("Password").fill("correct horse battery staple")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("link", name="root, admin")).to_be_visible()
