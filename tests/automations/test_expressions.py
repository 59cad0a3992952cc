"""CEL as we use it: typos and clashes fail at load, faults at run time are errors and never false."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.expressions import MAX_LENGTH, Expression, check
from automations.fields import ANY, ID, INT, OPEN, TEXT, TIME, Field, a_list, a_map
from automations.functions import money
from automations.scanning import scan
from automations.tokens import tokens
from config.errors import Permanent

PERSON = a_map(None, id=ID, name=TEXT, login=TEXT)
RECORD = a_map(
    "RFIs",
    id=ID, status=TEXT, title=Field("text", True), private=Field("bool", True), position=INT, latitude=Field("float", True),
    due_date=Field("date", True), updated_at=TIME, grand_total=Field("money", True), value=ANY, custom_fields=OPEN,
    assignee=a_map(None, True, **(PERSON.fields or {})), assignees=Field("list", True, item=PERSON),
    questions=a_list(a_map(None, question_date=Field("timestamp", True), answers=a_list(a_map(None, body=TEXT)))),
)  # fmt: skip
SCOPE = a_map(
    None, record=RECORD, event=a_map("event", action=TEXT, resource_id=ID), run=a_map("run", now=TIME, trigger=TEXT),
    changed=a_list(TEXT), vars=a_map("vars", days=INT), steps=a_map("steps", fetch=a_map(None, output=ANY)),
    lookup=a_map("lookup", consultants=a_list(a_map("lookup.consultants", discipline=TEXT, email=TEXT, floor=INT))),
    calendars=a_map("calendars", us=TEXT),
)  # fmt: skip
VALUES: dict[str, Any] = {
    "record": {
        "id": 4294967297001, "status": "open", "title": None, "private": False, "position": 3, "latitude": 30,
        "due_date": None, "updated_at": "2026-03-06T18:25:41Z", "grand_total": "1500.00", "value": 3,
        "custom_fields": {"a": None}, "assignee": None,
        "assignees": [{"id": 7002, "name": "Ana", "login": "ana@arch.example"}],
        "questions": [{"question_date": "2026-03-06T18:25:41Z", "answers": [{"body": "deep"}]}],
    },
    "event": {"action": "update", "resource_id": "7"}, "run": {"now": "2026-03-20T12:00:00Z", "trigger": "webhook"},
    "changed": ["status"], "vars": {"days": 3}, "steps": {"fetch": {"output": None}},
    "lookup": {"consultants": [{"discipline": "HVAC", "email": "hvac@arch.example", "floor": 3}]},
    "calendars": {"us": "5,6;2026-03-09"},
}  # fmt: skip


def expression(text: str) -> Expression:
    found, findings = check(text, SCOPE)
    assert found is not None, findings
    return found


def value(text: str, **changes: Any) -> Any:
    return expression(text).evaluate(VALUES | {"record": VALUES["record"] | changes})


def codes(text: str) -> list[str]:
    found, findings = check(text, SCOPE)
    assert (found is None) == any(not f.warning for f in findings)
    return [f.code for f in findings]


@pytest.mark.parametrize(
    "text, wanted",
    [
        ('record.status == "open"', True),
        ('record.id == "4294967297001"', True),
        ("record.due_date == null", True),
        ("record.assignee == null", True),
        ("record.assignees != null && record.assignees.size() == 1", True),
        ('record.assignee.name == "Ana"', False),
        ("record.due_date != null && record.due_date < run.now", False),
        ("record.updated_at < run.now - days(vars.days)", True),
        ("record.updated_at > date('2026-03-06')", True),
        ("day(record.updated_at) == date('2026-03-06')", True),
        ("run.now - record.updated_at > hours(24)", True),
        ('money(record.grand_total) > money("1499.9999")', True),
        ("!record.private", True),
        ("record.position > 2", True),
        ("record.latitude > 29.5", True),
        ('record.assignees.exists(a, a.id == "7002")', True),
        ("record.assignees.exists(a, has(a.login))", True),
        ("record.assignees.exists(a, a.name != null && a.name == 'Ana')", True),
        ("record.assignees[0].id == '7002'", True),
        ("record.assignees.filter(a, a.id == '7002')[0].login", "ana@arch.example"),
        ("lookup.consultants.filter(c, c.discipline == 'HVAC').map(c, c.email)", ["hvac@arch.example"]),
        ("lookup.consultants.exists(c, c.floor == 3)", True),
        ("changed.exists(c, c == 'status')", True),
        ("business_days(record.updated_at, run.now, 'us')", 9),
        ("add_business_days(record.updated_at, 1, 'us') == timestamp('2026-03-10T18:25:41Z')", True),
        ("record.questions.exists(q, q.question_date < run.now)", True),
        ("record.questions[0].question_date < run.now", True),
        ('record.questions.exists(q, q.answers.exists(a, a.body.contains("deep")))', True),
        ('"status" in changed', True),
        ("changed.exists(c, c.startsWith('st'))", True),
        ("int(record.value) == 3", True),
        ('record.custom_fields.b == null || record.custom_fields.b.c == "x"', True),
        ('record.status.upperAscii() + "!"', "OPEN!"),
        ('"id " + record.id', "id 4294967297001"),
        ("record.questions.map(q, q.question_date)", [datetime(2026, 3, 6, 18, 25, 41, tzinfo=UTC)]),
        ('record.title == null ? "none" : record.title', "none"),
        ("{'a': [1, null]}", {"a": [1, None]}),
    ],
)
def test_what_an_expression_gives(text: str, wanted: Any) -> None:
    assert value(text) == wanted


@pytest.mark.parametrize(
    "text, code",
    [
        ('record.stauts == "open"', "TB204"),
        ('record.assignee.nmae == "x"', "TB204"),
        ('record.assignees.exists(a, a.logn == "x")', "TB204"),
        ('record.assignees.filter(a, a.id == "7").exists(b, b.lgin == "x")', "TB204"),
        ('record.questions.exists(q, q.answers.exists(a, a.bdy == "x"))', "TB204"),
        ("record.questions[0].question_dat < run.now", "TB204"),
        ('record.status.name == "x"', "TB204"),
        ('recrd.status == "open"', "TB203"),
        ('steps.a.output == "x"', "TB206"),
        ("has(record.due_date)", "TB205"),
        ("has(record.custom_fields.a)", "TB205"),
        ("record.grand_total > 0", "TB210"),
        ('record.grand_total != "0.00" && 0 < record.grand_total', "TB210"),
        ("record.value > 5", "TB210"),
        ("record.value == -5", "TB210"),
        ("record.status == 1", "TB202"),
        ("record.id == 7", "TB202"),
        ("record.assignees.exists(a, a.id == 7002)", "TB202"),
        ("record.due_date == '2026-03-13'", "TB202"),
        ("record.latitude > 30", "TB202"),
        ("record.position == null || record.status == 1", "TB202"),
        ("record.assignees == null || record.status == 1", "TB202"),
        ("record.status ==", "TB201"),
        ("record.status = 'open'", "TB201"),
        ("'open", "TB201"),
        ("", "TB201"),
        ("@", "TB201"),
        ("record", "TB215"),
        ("lower(record.status)", "TB208"),
        ("record.status.lower()", "TB208"),
        ("business_days(record.due_date, run.now) > 3", "TB208"),
        ("business_days(record.due_date, run.now, record.status) > 3", "TB208"),
        ("business_days(record.due_date, run.now, 'uk') > 3", "TB217"),
        ("add_business_days('2026-03-13', 3, 'us') > run.now", "TB202"),
        ("calendars.us == 'x'", "TB203"),
        ("lookup.users.all(u, u.id == record.id)", "TB204"),
        ("lookup.consultants.exists(c, c.disciplin == record.status)", "TB204"),
        ("lookup.consultants.exists(c, c.floor == 'one')", "TB202"),
        ("lookup.consultants.discipline == record.status", "TB204"),
        ("record.assignees[0].id == 7002", "TB202"),
        ("record.assignees.filter(a, a.login != '')[0].id == 7002", "TB202"),
        ("lookup.consultants.map(c, c.discipline).exists(d, d == 3)", "TB202"),
        ("changed.exists(c, c == 3)", "TB202"),
        ("record.status.exists(s, s == 'a')", "TB202"),
        ("steps.fetch.output[0].count > 3", "TB210"),
        ("steps.fetch.output.exists(o, o.count > 3)", "TB210"),
        ("record.assignees.login == 'x'", "TB204"),
        ("item.id", "TB207"),
        ("events.size() > 1", "TB207"),
        ("error.message", "TB207"),
        ("x" * (MAX_LENGTH + 1), "TB211"),
        ("(" * 40 + "1" + ")" * 40, "TB211"),
        ("size([size([size([1])])]) == 1" + " && size(" * 33, "TB211"),
        ("changed.all(a, changed.all(b, changed.all(c, changed.all(d, a == d))))", "TB211"),
    ],
)
def test_what_is_wrong_fails_at_load(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_the_offset_is_that_of_the_original_text_behind_replaced_names() -> None:
    text = 'record.assignees.exists(a, a.id == "7002") && record.status == 1'
    found = check(text, SCOPE)[1]
    assert [f.offset for f in found] == [text.rindex("==")]


@pytest.mark.parametrize(
    "text, says",
    [
        ("record.due_date < run.now", "ask first whether the value is null"),
        ('record.custom_fields.b == "x"', "record.custom_fields.b is not there"),
        ("record.assignees[3].id == '7'", "there is no item 3"),
        ("1 / (record.position - 3) == 1", "divide by zero"),
        ('money(record.status) > money("0")', "not a decimal number"),
    ],
)
def test_a_fault_at_run_time_is_an_error_and_never_false(text: str, says: str) -> None:
    with pytest.raises(Permanent) as raised:
        value(text)
    assert raised.value.kind == "expression"
    assert says in str(raised.value)


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"status": None}, "record.status is null here"),
        ({"status": True}, "record.status holds true, which is not text"),
        ({"status": {"name": "Open"}}, "which is not text"),
        ({"position": "three"}, 'holds "three"'),
        ({"updated_at": "yesterday"}, "which is no date or time"),
    ],
)
def test_a_value_against_the_catalogue_is_an_error(changes: dict[str, Any], says: str) -> None:
    text = {"status": 'record.status == "open"', "position": "record.position == 3", "updated_at": "record.updated_at < run.now"}
    with pytest.raises(Permanent, match=says):
        value(text[next(iter(changes))], **changes)


def test_a_value_that_the_other_side_decides_already_is_not_needed() -> None:
    assert value('event.action == "update" || record.status == "open"', status=None) is True


def test_numbers_and_text_that_mean_the_same_are_brought_to_the_declared_kind() -> None:
    assert value('record.status == "15"', status=15) is True
    assert value("record.position == 15", position="15") is True
    assert value('money(record.grand_total) == money("10.5")', grand_total=10.5) is True


def test_lone_surrogates_and_huge_numbers_do_not_break_the_engine() -> None:
    assert value('record.title != ""', title="\ud800") is True
    assert value("record.value != null", value=2**70) is True


def test_a_date_in_text_is_the_date() -> None:
    assert value("string(record.due_date)", due_date="2026-03-13") == "2026-03-13"


def test_lists_within_lists_cannot_fill_the_memory() -> None:
    long = {"title": "x" * 1_000_000, "assignees": [{"id": n, "name": "y" * 100, "login": ""} for n in range(2000)]}
    with pytest.raises(Permanent, match="too much work"):
        value("record.assignees.map(a, record.assignees.map(b, record.title + record.title)).size() > 0", **long)


def test_the_values_a_line_saw_can_be_shown() -> None:
    seen = expression('record.status == "open" && record.due_date != null').seen(VALUES)
    assert seen == {"record.status": "open", "record.due_date": None}


def test_one_environment_serves_all_expressions() -> None:
    from automations.expressions import _checker, _runner

    assert expression('record.status == "a"') is not expression('record.status == "b"')
    assert _checker.cache_info().currsize == _runner.cache_info().currsize == 1


@pytest.mark.parametrize(
    "text, units", [("1500.00", 15_000_000), ("-0.0001", -1), ("200.000000000000", 2_000_000), ("1e3", 10_000_000)]
)
def test_money_is_exact(text: str, units: int) -> None:
    assert money(text) == units


@pytest.mark.parametrize("text", ["", "abc", "0.00001", "NaN", "Infinity", "9" * 30])
def test_what_is_no_money_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="money"):
        money(text)


_SIGNS = st.sampled_from(
    ["record", ".", "status", "assignees", "exists", "(", ")", "a", ",", '"x"', "'", "[", "]", "{", "}", "==", "!=", "null", "1",
     " ", "steps", "has", "&&", "!", "?", ":", "//", "\n", "\\", '"""', "r'", "0x", "é", "\ud800", "\0"]
)  # fmt: skip


@given(st.lists(_SIGNS, max_size=40).map("".join))
@settings(max_examples=300, deadline=None)
def test_the_scanner_answers_whatever_the_text_is(text: str) -> None:
    scan(text, SCOPE)
    spans = [(t.start, t.end) for t in tokens(text)]
    assert spans == sorted(spans)
    assert all(text[t.start : t.end] == t.text for t in tokens(text))


@given(st.lists(_SIGNS.filter(lambda s: s != "\ud800"), max_size=30).map("".join))
@settings(max_examples=200, deadline=None)
def test_checking_and_evaluating_any_text_ends_in_a_value_or_a_sentence(text: str) -> None:
    found, findings = check(text, SCOPE)
    assert (found is not None) or findings
    if found is not None:
        with suppress(Permanent):
            found.evaluate(VALUES)


@pytest.mark.parametrize(
    "text, kind",
    [
        ("record.status", "text"),
        ("record.assignees", "list"),
        ("record.status == 'open'", "bool"),
        ("record.assignees.map(a, a.id)", "list"),
        ("size(record.title)", "int"),
        ("run.now - days(3)", "timestamp"),
    ],
)
def test_what_an_expression_gives_is_known(text: str, kind: str) -> None:
    assert expression(text).field.kind == kind


def test_the_items_of_a_list_stay_known_on_their_way() -> None:
    # Given lists that were filtered, mapped or indexed
    filtered = expression("lookup.consultants.filter(c, c.floor > 1)").field
    # Then a later step still knows the columns, so that a misspelt one is found
    assert filtered.item is not None
    assert set(filtered.item.fields or {}) == {"discipline", "email", "floor"}
    assert expression("record.assignees.map(a, a.id)").field.item == ID
    assert expression("record.questions[0].answers").field.item == a_map(None, body=TEXT)


def test_a_calendar_is_not_among_the_values_that_are_shown() -> None:
    assert list(expression("business_days(record.updated_at, run.now, 'us') > 3").seen(VALUES)) == [
        "record.updated_at",
        "run.now",
    ]


def test_a_list_asked_for_a_field_says_how_to_ask_its_items() -> None:
    _, findings = check("record.assignees.login == 'x'", SCOPE)
    said = 'RFIs: "assignees" is a list and has no "login"; ask its items, such as assignees.exists(x, x.login == …)'
    assert findings[0].message == f"{said}, or take one: [0]"
