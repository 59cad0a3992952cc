"""What people write who think of SQL, Python, JavaScript or Jinja: one finding, at its place, with what to write here."""

from __future__ import annotations

import pytest

from automations.expressions import check
from automations.slips import slip
from tests.automations.test_expressions import SCOPE

SLIPS = [
    # signs and words of other languages
    ("record.status = 'x'", 14, "TB201", 'write "=="'),
    ("record.status === 'x'", 14, "TB201", 'write "=="'),
    ("record.status !== 'x'", 14, "TB201", 'write "!="'),
    ("record.status <> 'x'", 14, "TB201", 'write "!="'),
    ("record.status ! = 'x'", 14, "TB201", "without a space"),
    ("record.position => 3", 16, "TB201", 'write ">="'),
    ("record.position =< 3", 16, "TB201", 'write "<="'),
    ("record.status =~ 'x'", 14, "TB201", ".matches(…)"),
    ("not record.private", 0, "TB201", 'write "!"'),
    ("NOT record.private", 0, "TB201", 'write "!"'),
    ("record.private and record.private", 15, "TB201", 'write "&&"'),
    ("record.private OR record.private", 15, "TB201", 'write "||"'),
    ("record.private & record.private", 15, "TB201", 'write "&&"'),
    ("record.private | record.private", 15, "TB201", 'write "||"'),
    ("record.title | lower", 13, "TB201", "x.lowerAscii()"),
    ("record.title | default('x')", 13, "TB201", "no filters"),
    ("record.title is null", 13, "TB201", 'write "=="'),
    ("record.title is not null", 13, "TB201", 'write "!="'),
    ("record.status like 'x'", 14, "TB201", 'x.contains("…")'),
    ("record.status matches 'x'", 14, "TB201", "behind a dot"),
    ("record.position between 1 and 3", 16, "TB201", "x >= a && x <= b"),
    ("if record.private", 0, "TB201", "left out"),
    ("record.status in ('a', 'b')", 17, "TB201", "[a, b]"),
    ("record.status == 'open';", 23, "TB201", "take it out"),
    ("record.title?.size() > 1", 12, "TB201", 'write "."'),
    ("record.assignees.exists(a => a.id == '7')", 26, "TB201", "a comma"),
    ("record.position ** 2 == 4", 16, "TB201", "no power"),
    ("`record.status` == 'x'", 0, "TB201", "no sign of CEL"),
    ("${record.status} == 'x'", 0, "TB201", "without ${ }"),
    ("{{ record.status }} == 'x'", 0, "TB201", "{{ }}"),
    # quotes and brackets
    ("record.status == “open”", 17, "TB201", "straight"),
    ("record.status == ‘open’", 17, "TB201", "straight"),
    ("record.status == 'it's'", 17, "TB201", "inside"),
    ('record.status == "a "b" c"', 17, "TB201", "inside"),
    ("record.status == 'open", 17, "TB201", "no closing '"),
    ("(record.private", 0, "TB201", 'no closing ")"'),
    ("record.private)", 14, "TB201", "closes nothing"),
    ("record.private &&", 17, "TB201", "missing at its end"),
    # values without quotes, names without their owner
    ("record.status == open", 17, "TB203", 'quotes around it: "open"'),
    ("record.status in [open, 'x']", 18, "TB203", "quotes"),
    ("record.title != None", 16, "TB203", "write null"),
    ("record.private == True", 18, "TB203", "write true"),
    ("status == 'open'", 0, "TB203", '"record.status"'),
    ("resource_id == '7'", 0, "TB203", '"event.resource_id"'),
    ("days > 3", 0, "TB203", '"vars.days"'),
    ("today > record.due_date", 0, "TB203", '"run.today"'),
    ("record.due_date < now", 18, "TB203", '"run.now"'),
    ("old.status == 'x'", 0, "TB203", '"previous"'),
    ("secrets.token == 'x'", 0, "TB203", "no secrets"),
    ("event.type == 'update'", 6, "TB204", '"action"'),
    ("record.login == 'x'", 7, "TB204", '"assignee.login"'),
    ("record['status'] == 'x'", 0, "TB215", "write record.status"),
    # functions of other languages
    ("len(record.title) > 3", 0, "TB208", "size(…)"),
    ("now() > record.updated_at", 0, "TB208", '"run.now"'),
    ("record.status.toLowerCase() == 'x'", 14, "TB208", "lowerAscii()"),
    ("record.status.startswith('o')", 14, "TB208", "startsWith(…)"),
    ("record.assignees.any(a, a.login == '')", 17, "TB208", "exists(x, …)"),
    ("record.assignees.length > 0", 17, "TB204", ".size()"),
    ("record.status.size > 3", 14, "TB204", ".size()"),
    ("exists(record.assignees, a.id == '7')", 0, "TB208", "list.exists(x, …)"),
    ("record.assignees.exists(a.id == '7')", 17, "TB208", "takes a name"),
    # what CEL refuses, in the words of a person
    ("record.status.exists(s, s == 'a')", 0, "TB202", "go through a list; this is text"),
    ("record.status in 'open'", 14, "TB202", "brackets"),
    ("record.status == ['open', 'x']", 14, "TB202", "in […]"),
    ("record.due_date > 2026-03-01", 16, "TB202", 'date("2026-12-31")'),
    ("record.updated_at < run.now - 3", 28, "TB202", "days(3)"),
    ("record.private == 'true'", 15, "TB202", "without quotes"),
    # changed is a list of paths
    ("changed.status", 8, "TB204", '"status" in changed'),
    ("changed.assignee.id", 8, "TB204", '"assignee.id" in changed'),
    ("changed('status')", 0, "TB208", '"status" in changed'),
    ("changed.contains('status')", 16, "TB202", '"…" in list'),
    ("changed == 'status'", 8, "TB202", "in […]"),
    # silent in CEL
    ("record.status in ['open', 3]", 17, "TB202", "mixes text and numbers"),
    # constants that can only fail
    ("date('2026-02-30') < run.now", 5, "TB218", "no date"),
    ("date('03/01/2026') < run.now", 5, "TB218", "2026-12-31"),
    ("timestamp('2026-03-01') < run.now", 10, "TB218", "with a zone"),
    ("timestamp('2026-13-01T00:00:00Z') < run.now", 10, "TB218", "no date"),
    ("money('1,250.00') > money('1')", 6, "TB218", "1250.00"),
    ("run.now - duration('3 days') > record.updated_at", 19, "TB218", "days(3)"),
    ("record.status.matches('(a')", 22, "TB218", "no pattern"),
    ("record.status.matches('(?=a)')", 22, "TB218", "look-around"),
]


@pytest.mark.parametrize(("text", "offset", "code", "says"), SLIPS)
def test_a_slip_has_one_answer_at_its_place_with_its_mend(text: str, offset: int, code: str, says: str) -> None:
    _, findings = check(text, SCOPE)
    assert [(f.offset, f.code) for f in findings] == [(offset, code)], findings
    assert says in findings[0].message


@pytest.mark.parametrize(
    "text",
    [
        "record.status == 'a | b'",
        "record.status == 'it\\'s = and or'",
        "{'a': 1}['a'] == 1",
        "record.status in ['open', 'draft']",
        'record.title == "“smart”"',
        "date('2026-02-28') < run.now && run.now - duration('36h') < run.now",
        "timestamp('2026-03-01T08:00:00+02:00') < run.now",
        "record.status.matches(r'^\\d+$')",
        "money('-1250.00') < money('1')",
    ],
)
def test_what_is_right_is_left_alone(text: str) -> None:
    expression, findings = check(text, SCOPE)
    assert findings == []
    assert expression is not None
    assert slip(text) is None
