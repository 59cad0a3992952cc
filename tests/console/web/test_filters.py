"""A filter with a value that there is not says so, on its page and through the API; it is no empty list."""

from __future__ import annotations

import json
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from console.access import TABLE
from console.api.openapi import document
from console.api.table import DESCRIBED
from tests.console.web.served import Served, Visitor

Filled = tuple[Served, dict[str, Any]]
PAGES = (
    "runs state", "runs lane", "events state", "events source", "deliveries state", "effects state", "approvals state",
    "alerts state", "operations kind", "operations state", "imports state",
)  # fmt: skip
CLOSED = [(endpoint, name) for endpoint, said in DESCRIBED.items() for name in said.choices]


@pytest.fixture(scope="module")
def visitor(filled: Filled) -> Visitor:
    found = Visitor(filled[0].url)
    found.sign_in("ana")
    return found


@pytest.mark.parametrize("filter", PAGES)
def test_a_page_names_the_filter_and_keeps_what_was_typed(visitor: Visitor, filter: str) -> None:
    page, _, name = filter.partition(" ")
    answer = visitor.get(f"/{page}?{name}=nonsense")
    assert answer.status == 422
    assert f'{name.capitalize()}: there is no "nonsense". There are: ' in unescape(answer.text)
    assert "hx-get" not in answer.text, "it is not asked again every ten seconds"
    if page != "imports":
        assert "<option selected>nonsense</option>" in answer.text


@pytest.mark.parametrize(
    ("path", "said"),
    [("/runs?state=faild", 'State: there is no "faild"; did you mean "failed"? There are: waiting, running, ok, failed, '),
     ("/runs?since=x", 'Since: "x" is no span of time. Write it as 6h or 7d.'),
     ("/events?since=5", 'Since: "5" is no span of time.'),
     ("/runs?operation=x", 'Operation: "x" is no operation. Write its number.'),
     ("/effects?run=12a", 'Run: "12a" is no run. Write its number.')],
)  # fmt: skip
def test_a_page_says_what_to_write(visitor: Visitor, path: str, said: str) -> None:
    answer = visitor.get(path)
    assert answer.status == 422
    assert said in unescape(answer.text)


@pytest.mark.parametrize(("endpoint", "name"), CLOSED)
def test_the_api_refuses_it_naming_the_field_and_its_document_names_the_choices(
    visitor: Visitor, endpoint: str, name: str
) -> None:
    access, known = TABLE[endpoint], list(DESCRIBED[endpoint].choices[name])
    answer = visitor.get(f"{access.rule}?{name}=nonsense")
    body = json.loads(answer.text)
    assert (answer.status, body["type"]) == (422, "urn:tieback:unfit")
    assert body["errors"] == [{"field": name, "message": f'there is no "nonsense". There are: {", ".join(known)}'}]
    asked = {one["name"]: one for one in document()["paths"][access.rule]["get"]["parameters"]}
    assert asked[name]["schema"]["enum"] == known
    assert [visitor.get(f"{access.rule}?{urlencode({name: one})}").status for one in known] == [200] * len(known)


def test_what_is_no_span_of_time_is_named_as_the_field_that_it_is(visitor: Visitor) -> None:
    body = json.loads(visitor.get("/api/v1/runs?since=soon").text)
    assert body["errors"] == [{"field": "since", "message": '"soon" is no span of time. Write it as 6h or 7d.'}]
