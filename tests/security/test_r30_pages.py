"""R30: what came from elsewhere is text on every page, and no page may run or load anything that is not ours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from console.access import TABLE
from tests.console.web.conftest import console as console
from tests.console.web.served import Served, Visitor, over_a_week, served
from tests.security.test_r26_roles import path_of

ROOT = Path(__file__).parents[2]
EVIL = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{ 7*7 }}<svg/onload=alert(3)>javascript:alert(4)"
VENDORED = {"htmx-2.0.8.min.js": "22283ef68cb7545914f0a88a1bdedc7256a703d1d580c1d255217d0a50d31313"}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visitor, dict[str, Any]]]:
    """A console whose every text from outside is an attack."""
    with over_a_week(tmp_path_factory.mktemp("planted"), lambda text: (EVIL + text)[:190]) as (one, ids):
        one.person("ana", "admin")
        visitor = Visitor(one.url)
        visitor.sign_in("ana")
        yield visitor, ids


def pages_to_see(ids: dict[str, Any]) -> dict[str, str]:
    """Every page that is looked at, with ids that exist."""
    connector, resource, record = ids["record"]
    about = {
        "runs.show": ids["failed"],
        "runs.edit": ids["failed"],
        "events.show": ids["event"],
        "deliveries.show": 61,
        "imports.show": ids["import"],
    }
    found = {}
    for name, access in TABLE.items():
        if (
            access.changes
            or name == "static"
            or access.rule.startswith(("/api/", "/healthz", "/readyz", "/metrics", "/sign-in/oidc"))
        ):
            continue
        words = {"id": str(about.get(name, 1))}
        if name == "records.show":
            words = {"connector": connector, "resource": resource.replace(" ", "%20"), "id": record}
        if name.startswith("automations"):
            words["name"] = "rfi-to-database"
        if name.startswith("data"):
            words["name"] = "rfis"
        found[name] = path_of(access, **words) + ("?kind=retry&state=failed" if name == "operations.ask" else "")
    return found


class Seen(HTMLParser):
    """Tags that a browser would make of a page, with what could run."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.risky: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "script":
            self.scripts.append(named.get("src"))
        if tag in ("style", "iframe", "object", "embed", "base") or (tag == "img"):
            self.risky.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc") or name.startswith(("hx-on", "hx-vals", "hx-vars")):
                self.risky.append(f"{tag} {name}")
            if name in ("href", "src", "action", "formaction") and str(value).strip().lower().startswith(
                ("javascript:", "data:")
            ):
                self.risky.append(f"{tag} {name}={value}")


def test_what_was_planted_in_every_field_is_text(planted: tuple[Visitor, dict[str, Any]]) -> None:
    visitor, ids = planted
    shown = 0
    for name, path in pages_to_see(ids).items():
        page = visitor.get(path)
        assert page.status in (200, 303), (name, page.text[:300])
        if not page.headers["content-type"].startswith("text/html"):
            continue
        seen = Seen()
        seen.feed(page.text)
        assert seen.risky == [], name
        assert set(seen.scripts) <= {"/static/vendor/htmx-2.0.8.min.js", "/static/console.js"}, name
        assert "49" not in [line.strip() for line in page.text.splitlines()], "a template ran"
        shown += "onerror=alert(1)" in page.text
    # A test that planted nothing would prove nothing.
    assert shown >= 15


def test_a_search_for_an_attack_is_text_too(planted: tuple[Visitor, dict[str, Any]]) -> None:
    from urllib.parse import quote

    visitor, _ = planted
    for path in (
        "/find?q=",
        "/runs?automation=",
        "/runs?text=",
        "/events?text=",
        "/audit?actor=",
        "/data/rfis?text=",
        "/data/rfis?sort=",
    ):
        page = visitor.get(path + quote(EVIL))
        seen = Seen()
        seen.feed(page.text)
        assert (page.status, seen.risky) == (200, []), path


def test_every_answer_carries_the_headers_that_shut_the_browser(console: Served) -> None:
    console.person("ana", "admin")
    visitor = Visitor(console.url)
    visitor.sign_in("ana")
    for path in ("/", "/sign-in", "/runs/999", "/nowhere", "/api/v1/runs", "/api/v1/openapi.json", "/static/console.css"):
        headers = visitor.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["referrer-policy"] == "same-origin"
        if path != "/static/console.css":
            assert headers["cache-control"] == "no-store"


def test_over_tls_the_browser_is_told_to_stay_there(console: Served) -> None:
    from dataclasses import replace

    behind = replace(console.here.settings, behind_proxy=True)
    with served(behind, console.engine) as proxied:
        page = Visitor(proxied.url).get("/sign-in", {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"})
    assert page.status == 303 or page.status == 200
    assert page.headers["strict-transport-security"].startswith("max-age=63072000")


def test_what_is_not_ours_is_vendored_with_its_licence_and_checksum() -> None:
    folder = ROOT / "console/static/vendor"
    scripts = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.js")}
    assert scripts == VENDORED
    assert (folder / "htmx-LICENSE.txt").read_text().startswith("Zero-Clause BSD")


def test_no_template_switches_the_escaping_off_or_holds_script_or_style() -> None:
    for path in (ROOT / "console/templates").rglob("*.html"):
        text = path.read_text("utf-8")
        assert "|safe" not in text.replace(" ", ""), path
        assert "autoescape false" not in text, path
        assert "style=" not in text, path
        assert "<style" not in text, path
        for line in text.splitlines():
            assert "<script" not in line or 'src="/static/' in line, path


def test_all_that_pages_load_is_our_own() -> None:
    for path in [*(ROOT / "console/templates").rglob("*.html"), *(ROOT / "console/static").glob("console.*")]:
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        loaded = re.findall(r"""["'(](https?://[^"')\s]+|//[\w.]+)""", text)
        # Only what a field shows as an example.
        assert all("procore" in word for word in loaded), (path, loaded)
