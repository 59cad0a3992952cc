"""R31: after signing in, and after any form, one lands on a page of ours."""

from __future__ import annotations

import pytest

from console.guard import own_page
from tests.console.web.conftest import ana as ana
from tests.console.web.conftest import console as console
from tests.console.web.served import Served, Visitor

EVIL = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "http:/evil.example",
    "javascript:alert(1)",
    "%2f%2fevil.example/..",
    "/\t/evil.example",
    " //evil.example",
    "/\n/evil.example",
    "/x//evil.example",
    "evil.example",
    "",
    "/\u2028/evil.example",
    "//evil.example/%2e%2e",
]


@pytest.mark.parametrize("target", EVIL)
def test_a_target_elsewhere_becomes_the_overview(target: str) -> None:
    assert own_page(target) == "/"


@pytest.mark.parametrize("target", ["/", "/runs", "/runs?state=failed&text=a%2F%2Fb", "/records/acme/RFIs/1"])
def test_a_page_of_ours_stays(target: str) -> None:
    assert own_page(target) == target


@pytest.mark.parametrize("target", EVIL)
def test_signing_in_leads_nowhere_else(console: Served, target: str) -> None:
    console.person("ana", "admin")
    assert Visitor(console.url).sign_in("ana", next=target).location == "/"


def test_signing_in_leads_back_to_the_page_that_was_wanted(console: Served) -> None:
    console.person("ana", "admin")
    visitor = Visitor(console.url)
    wanted = visitor.get("/runs?state=failed").location
    assert wanted == "/sign-in?next=/runs%3Fstate%3Dfailed"
    assert 'name="next" value="/runs?state=failed"' in visitor.get(wanted).text
    assert visitor.sign_in("ana", next="/runs?state=failed").location == "/runs?state=failed"


def test_after_a_form_a_foreign_referer_is_not_followed(console: Served, ana: Visitor) -> None:
    form = {"form_token": ana.token(), "reason": "x"}
    page = ana.post("/queues/manual/pause", form, {"Referer": "https://evil.example/queues"})
    assert page.location == "/queues"
