"""`${…}`: the whole value keeps its type, a part becomes text, a hole in a text is an error."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from automations.scanning import Finding
from automations.templates import Piece, RecordCopy, Unclosed, compiled, pieces, render
from config.errors import Permanent
from config.problems import Mark
from config.yamlfile import Node
from tests.automations.test_expressions import SCOPE, VALUES


def rendered(value: Any, values: dict[str, Any] = VALUES) -> Any:
    found: list[Finding] = []
    template = compiled(_node(value), SCOPE, lambda node, finding: found.append(finding))
    assert found == []
    return render(template, values)


def findings(text: str) -> list[tuple[int, str]]:
    found: list[Finding] = []
    compiled(_node(text), SCOPE, lambda node, finding: found.append(finding))
    return [(f.offset, f.code) for f in found]


def _node(value: Any) -> Node:
    if isinstance(value, dict):
        return Node({k: _node(v) for k, v in value.items()}, Mark("f", 1, 1), {})
    return Node([_node(v) for v in value] if isinstance(value, list) else value, Mark("f", 1, 1), {})


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("no template", "no template"),
        ("${record.position}", 3),
        ("${record.position + 1}", 4),
        ("${record.id}", "4294967297001"),
        ("${record.private}", False),
        ("${record.due_date}", None),
        ("${record.updated_at}", datetime(2026, 3, 6, 18, 25, 41, tzinfo=UTC)),
        ("${record.grand_total}", "1500.00"),
        ("${changed}", ["status"]),
        ("${ record.assignees }", VALUES["record"]["assignees"]),
        ("n ${record.position}, ${record.private}", "n 3, false"),
        ("at ${record.updated_at}", "at 2026-03-06T18:25:41Z"),
        ("$${record.id}", "${record.id}"),
        ("a $${b} ${record.position}", "a ${b} 3"),
        ("${'}'}", "}"),
        ("${{'a': {'b': 1}}}", {"a": {"b": 1}}),
        ("x${'a' + '}' + \"${\"}y", "xa}${y"),
        ("$5 and 100%", "$5 and 100%"),
        ({"a": ["${record.position}", 2]}, {"a": [3, 2]}),
    ],
)
def test_what_a_template_gives(text: Any, wanted: Any) -> None:
    assert rendered(text) == wanted


def test_the_record_as_a_whole_is_passed_on_untouched() -> None:
    record = RecordCopy({"id": 7, "at": "2026-01-01"})
    assert rendered("${record}", VALUES | {"record": record}) is record


def test_a_date_keeps_its_type() -> None:
    values = VALUES | {"record": VALUES["record"] | {"due_date": "2026-03-13"}}
    assert rendered("${record.due_date}", values) == date(2026, 3, 13)
    assert rendered("due ${record.due_date}", values) == "due 2026-03-13"


@pytest.mark.parametrize("text", ["/orders/${record.due_date}", "a ${record.assignee.name}"])
def test_a_null_inside_text_is_an_error_with_a_mend(text: str) -> None:
    with pytest.raises(Permanent, match="is null and stands inside text; write"):
        rendered(text)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("${record.titel}", [(9, "TB204")]),
        ("a ${record.id} b ${record.titel}", [(26, "TB204")]),
        ("${record.id", [(0, "TB212")]),
        ("ok ${'}'", [(3, "TB212")]),
        ("${}", [(2, "TB201")]),
        ("x ${record.assignees.map(a, a.id)}", [(4, "TB216")]),
        ("x ${record}", [(4, "TB215")]),
    ],
)
def test_what_is_wrong_stands_at_its_place(text: str, wanted: list[tuple[int, str]]) -> None:
    assert findings(text) == wanted


def _pieces(text: str) -> list[Piece] | Unclosed:
    try:
        return pieces(text)
    except Unclosed as unclosed:
        return unclosed


@given(st.text(alphabet="${}'\"\\ abr.", max_size=40))
@example("$${${")
@settings(max_examples=500, deadline=None)
def test_pieces_never_lose_or_invent_a_character(text: str) -> None:
    found = _pieces(text)
    if isinstance(found, Unclosed):
        assert text.startswith("${", found.offset)
        return
    again = "".join("${" + p.text + "}" if p.is_expression else p.text.replace("${", "$${") for p in found)
    assert again == text
    assert all(text.startswith(p.text, p.offset) for p in found if p.is_expression)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_text_without_a_template_stays_as_it_is(text: str) -> None:
    if "${" not in text:
        assert rendered(text) == text


@given(st.text(alphabet="${}'\"\\ record.status[]()+=!?:0", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_rendered_or_answered(text: str) -> None:
    found: list[Finding] = []
    template = compiled(_node(text), SCOPE, lambda node, finding: found.append(finding))
    if not found:
        with suppress(Permanent):
            render(template, VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "{{ record.title }}", "RFI {{record.title}}", "{{- event.action -}}", "{% if record.private %}x{% endif %}",
        "$record.title", "$(record.title)", "#{record.title}", "%{record.title}", "<%= record.title %>", "{record.title}",
        "${run.rule} {vars.days}",
    ],
)  # fmt: skip
def test_a_template_of_another_language_is_never_sent_as_it_stands(text: str) -> None:
    found: list[Finding] = []
    compiled(_node(text), SCOPE, lambda node, finding: found.append(finding))
    assert [f.code for f in found if f.code != "TB204"] == ["TB219"]


@pytest.mark.parametrize(
    "text", ["{{ name }}", "{recordings}", "$5 {a}", "{'record': 1}", "$${record.title}", "${ {'a': record.id} }"]
)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    found: list[Finding] = []
    compiled(_node(text), SCOPE, lambda node, finding: found.append(finding))
    assert found == []
