"""A real browser over a console: Debian's Chromium, driven by Playwright, with every complaint of the page kept."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests import services
from tests.console.web.served import PASSWORD

HERE = Path(__file__).parent
DESKTOP, PHONE = (1280, 800), (390, 844)
PATIENCE_S = 300
# What the page itself reports when something of it was kept from running or loading.
LISTEN = (
    "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"
)


@dataclass
class Looked:
    """A page with what it complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def hear(self) -> None:
        self.page.on("console", lambda said: self._keep(said.type, said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.page.add_init_script(LISTEN)

    def _keep(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's own; a browser build of Playwright's is not needed."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=services.program("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def looking(
    browser: Browser, url: str, size: tuple[int, int] = DESKTOP, name: str | None = "ana", **options: Any
) -> Iterator[Looked]:
    """A window of its own, signed in unless `name` is None."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=url, **options)
    looked = Looked(context.new_page())
    looked.hear()
    if name is not None:
        sign_in(looked.page, name)
    yield looked
    context.close()


def sign_in(page: Page, name: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def axe(folder: Path) -> str:
    """The text of axe-core, installed as its lock says."""
    room = Path(shutil.copytree(HERE / "js", folder / "js"))
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=room, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return (room / "node_modules/axe-core/axe.min.js").read_text("utf-8")


def findings(page: Page, script: str) -> list[str]:
    """What axe-core finds serious or worse. The policy of the page lets no script in, so it is put in beside it."""
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": script})
    asked = {"expression": "axe.run(document, {resultTypes: ['violations']})", "awaitPromise": True, "returnByValue": True}
    violations = session.send("Runtime.evaluate", asked)["result"]["value"]["violations"]
    session.detach()
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]
