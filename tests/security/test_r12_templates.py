"""R12: templates are `${ CEL }` over values. No text, however made, reaches more, runs for ever or ends in a traceback."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.expressions import MAX_RESULT, check
from automations.fields import ANY, ID, INT, TEXT, Field, a_list, a_map
from automations.scanning import Finding
from automations.templates import compiled, render
from config.errors import Permanent
from config.problems import Mark
from config.yamlfile import Node

RECORD = a_map("RFIs", id=ID, title=Field("text", True), number=INT, tags=a_list(TEXT), more=ANY)
SCOPE = a_map(None, record=RECORD, vars=a_map("vars", n=INT))
VALUES: dict[str, Any] = {
    "record": {"id": 7, "title": "${record.id} {{ 7*7 }}", "number": 3, "tags": ["a", "b"], "more": {"__class__": "x"}},
    "vars": {"n": 2},
}


def node(text: str) -> Node:
    return Node(text, Mark("t.yaml", 1, 1), {})


def noting(found: list[Finding]) -> Any:
    return lambda _, finding: found.append(finding)


@pytest.mark.parametrize(
    "text",
    [
        "${''.__class__}", "${record.__class__.__mro__}", "${record.more.__class__.__init__}", "${().__class__}",
        "${[].__class__.__base__.__subclasses__()}", "${'%s'.format([record])}", "${self}", "${globals()}", "${__builtins__}",
        "${cycler.__init__.__globals__.os}", "${record.title.constructor('x')()}", "${run.env}", "${process.env.HOME}",
    ],
)  # fmt: skip
def test_no_attribute_of_the_machine_is_reached(text: str) -> None:
    found: list[Finding] = []
    template = compiled(node(text), SCOPE, lambda _, finding: found.append(finding))
    if found:
        return
    with suppress(Permanent):
        assert render(template, VALUES) is None


def test_what_a_record_holds_is_data_and_never_a_template() -> None:
    template = compiled(node("x ${record.title}"), SCOPE, lambda _, finding: pytest.fail(str(finding)))
    assert render(template, VALUES) == "x ${record.id} {{ 7*7 }}"


WORDS = st.sampled_from(
    ["record", "title", "number", "tags", ".", "(", ")", "[", "]", "+", "*", "==", "&&", "||", "!", "?", ":", "'a'", '"', "1",
     "0", "map", "filter", "exists", "x", ",", "${", "}", "{", "vars", "n", "size", "matches", "'('", "null", "in", " ", "\\",
     "\ud800", "date", "replace", "-", "/", "%", "string", "int", "has", "__ts", "_0", "_s0", "calendars", "business_days"]
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(WORDS, max_size=14).map("".join))
def test_whatever_is_written_ends_in_findings_a_value_or_an_error_of_ours(text: str) -> None:
    for given_text in (text, f"${{{text}}}"):
        found: list[Finding] = []
        template = compiled(node(given_text), SCOPE, noting(found))
        if any(not one.warning for one in found):
            continue
        with suppress(Permanent):
            render(template, VALUES)


@pytest.mark.parametrize("text", ["__ts(record.title)", "_0 == 1", "_s0 == 'x'", "__as_s(record.title)", "calendars.us == ''"])
def test_the_names_of_our_own_machinery_are_no_names_of_a_rule(text: str) -> None:
    expression, findings = check(text, SCOPE)
    assert expression is None
    assert findings


@pytest.mark.parametrize(
    "text",
    [
        "record.tags.map(a, record.tags.map(b, record.tags.map(c, a + b + c)))",
        "record.tags.map(a, record.title + record.title)",
        "record.title.replace('a', record.title)",
        "record.title.split('').map(a, record.title)",
        "[record.title, record.title].map(a, a + a + a + a)",
    ],
)
def test_a_small_text_that_grows_is_cut_off(text: str) -> None:
    expression, findings = check(text, SCOPE)
    assert expression is not None, findings
    huge = {"record": {**VALUES["record"], "title": "a" * 200_000, "tags": ["t" * 10_000] * 300}, "vars": {"n": 2}}
    with pytest.raises(Permanent) as raised:
        expression.evaluate(huge)
    assert raised.value.kind == "expression"


def test_a_result_that_is_too_large_is_an_error() -> None:
    expression, _ = check("record.title + record.title", SCOPE)
    assert expression is not None
    with pytest.raises(Permanent, match="gives more than"):
        expression.evaluate({"record": {**VALUES["record"], "title": "a" * MAX_RESULT}})
