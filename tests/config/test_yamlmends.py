"""What is no YAML: one line, at the place that must be changed, with what to write there."""

from __future__ import annotations

import pytest

from config.problems import Problems
from config.yamlfile import parse

SLIPS = [
    ("a tab", "a:\n\tb: 1\n", (2, 1), "spaces, not tabs"),
    ("a tab behind spaces", "a:\n  b: 1\n \tc: 2\n", (3, 2), "spaces, not tabs"),
    ("a colon inside text", "title: Watch RFIs: all of them\n", (1, 18), 'put quotes around it: "Watch RFIs: all of them"'),
    ("a colon inside text of a list", "- a\n- no: b: c\n", (2, 8), 'put quotes around it: "b: c"'),
    ("a line pushed in", "a: 1\n  b: 2\n", (2, 4), "indented too far"),
    ("a line pulled out", "a:\n    - b: 1\n      c: 2\n     d: 3\n", (4, 6), "line it up"),
    ("a list and a mapping mixed", "do:\n  a: 1\n  - b: 2\n", (3, 3), "begin every entry of a list with '- '"),
    ("no space behind a colon", "a: 1\nstage:live\nb: 2\n", (2, 6), "a space is missing behind this colon"),
    ("a line without a colon", "a: 1\nstage live\nb: 2\n", (2, 1), "a colon is missing"),
    ("a quote that is never closed", "a: 1\nb: 'x\nc: 3\n", (2, 4), "never closed"),
    ("a double quote that is never closed", 'a: 1\nb: "x\nc: 3\n', (2, 4), "never closed"),
    ("text behind a closing quote", 'a: "open" == record.status\n', (1, 11), "the other kind of quote"),
    ("a template without quotes in a flow mapping", "a: {b: ${record.id}, c: 1}\n", (1, 8), 'write "${…}"'),
    ("a bracket that is never closed", "a: {b: 1, c: 2\nd: 3\n", (1, 4), 'no closing "}"'),
    ("a list that is never closed", "a: [1, 2\nd: 3\n", (1, 4), 'no closing "]"'),
    ("a value that begins with %", "a: %done\n", (1, 4), "cannot begin with %"),
    ("a value that begins with @", "a: @all\n", (1, 4), "cannot begin with @"),
    ("a value that begins with a backtick", "a: `x`\n", (1, 4), "cannot begin with `"),
    ("a value in asterisks", "a: *important*\n", (1, 14), "cannot begin with *"),
    ("a no-break space", "a: 1\ntitle:\u00a0Watch\nb: 2\n", (2, 7), "a no-break space stands here"),
    ("two documents", "a: 1\n---\nb: 2\n", (2, 1), "remove the '---'"),
]


@pytest.mark.parametrize(("text", "at", "says"), [one[1:] for one in SLIPS], ids=[one[0] for one in SLIPS])
def test_a_slip_is_named_where_it_stands(text: str, at: tuple[int, int], says: str) -> None:
    with pytest.raises(Problems) as raised:
        parse(text, "rule.yaml")
    (found,) = raised.value.found
    assert (found.line, found.column) == at, found.sentence()
    assert found.code == "TB101"
    assert says in found.message
    assert "\n" not in found.message


@pytest.mark.parametrize("text", ["a: x:y\n", "a: 'x: y'\n", "a: http://x/y\n", 'a: "${x}"\n', "a: ${x}\n", "a: 1\r\nb: 2\r\n"])
def test_what_only_looks_like_a_slip_is_read(text: str) -> None:
    assert "a" in parse(text, "rule.yaml").value
