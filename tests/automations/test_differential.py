"""Our expressions against another implementation of CEL: for any condition and record both agree, or both refuse.

Where the two are known to differ, and which of them the specification of CEL is with:

- An integer beyond 64 bits: both refuse, ours already when it is written.
- `record.x == null` for a record without `x`: ours is true, because a missing field of Procore's is null; the other one
  fails. The records here have every field.
- A null inside a function or a comparison: ours is an error, as the specification says; the other one takes size(null) for 0.
  So the titles here, which may be null, are asked for it first.
- `false && <error>` and `true || <error>`: ours is false and true, as the specification says; the other one sometimes fails,
  when the error comes out of a function of Python's. So its refusal counts only where no && or || may absorb it.
- Types: ours are checked before anything runs. What does not compile here is no rule and is not compared.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.expressions import check
from automations.fields import INT, TEXT, TIME, Field, a_list, a_map
from automations.functions import iso
from config.errors import Permanent

PERSON = a_map(None, login=TEXT, level=INT, name=Field("text", True))
RECORD = a_map(
    "RFIs", status=TEXT, title=Field("text", True), private=Field("bool"), position=INT, ratio=Field("float"), updated_at=TIME,
    tags=a_list(TEXT), numbers=a_list(INT), people=a_list(PERSON),
)  # fmt: skip
SCOPE = a_map(None, record=RECORD, run=a_map("run", now=TIME))
NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)

WORDS = st.sampled_from(["", "open", "draft", "Open", "é", "a.b", "op", "日本", "x y", "n"])
SMALL = st.integers(-3, 5)
MOMENTS = st.sampled_from(["2026-03-20T12:00:00Z", "2026-03-19T00:00:00Z", "2025-01-01T08:30:00.250000Z"])
RECORDS = st.fixed_dictionaries(
    {
        "status": WORDS, "title": st.none() | WORDS, "private": st.booleans(),
        "position": st.integers(-(2**63), 2**63 - 1) | SMALL,
        "ratio": st.sampled_from([0.0, 1.5, -2.25, 3.0]), "updated_at": MOMENTS, "tags": st.lists(WORDS, max_size=3),
        "numbers": st.lists(SMALL, max_size=3),
        "people": st.lists(st.fixed_dictionaries({"login": WORDS, "level": SMALL, "name": st.none() | WORDS}), max_size=3),
    }
)  # fmt: skip


def quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def joined(pattern: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda given: pattern.format(*given))


COMPARE = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
TITLE = '(record.title == null ? "" : record.title)'
LITERALS = WORDS.map(quoted)


def texts(depth: int) -> st.SearchStrategy[str]:
    plain = LITERALS | st.sampled_from(["record.status", TITLE, "record.tags[0]", "record.people[0].login"])
    if depth == 0:
        return plain
    inner = texts(depth - 1)
    return st.one_of(
        plain,
        joined("({} + {})", inner, inner),
        joined("string({})", ints(depth - 1)),
        joined("({} ? {} : {})", bools(depth - 1), LITERALS, LITERALS),
    )


def ints(depth: int) -> st.SearchStrategy[str]:
    plain = SMALL.map(str) | st.sampled_from(["record.position", "size(record.tags)", "record.numbers[1]", "size(record.status)"])
    if depth == 0:
        return plain
    inner = ints(depth - 1)
    return st.one_of(
        plain,
        joined("({} {} {})", inner, st.sampled_from("+-*/%"), inner),
        joined("size({})", texts(depth - 1)),
        joined("(-({}))", inner),
    )


def bools(depth: int) -> st.SearchStrategy[str]:
    plain = st.sampled_from(
        ["record.private", "record.title == null", "record.updated_at < run.now", "record.ratio > 1.0", "true"]
    )
    if depth == 0:
        return plain
    inner, text, number = bools(depth - 1), texts(depth - 1), ints(depth - 1)
    return st.one_of(
        plain,
        joined("({} {} {})", inner, st.sampled_from(["&&", "||"]), inner),
        joined("!({})", inner),
        joined("({} ? {} : {})", inner, inner, inner),
        joined("({} {} {})", text, COMPARE, text),
        joined("({} {} {})", number, COMPARE, number),
        joined("({} in [{}, {}])", text, LITERALS, LITERALS),
        joined("({} in record.tags)", text),
        joined("record.tags.{}(t, t {} {})", st.sampled_from(["exists", "all", "exists_one"]), COMPARE, LITERALS),
        joined("record.people.exists(p, p.login == {} && p.level > {})", LITERALS, number),
        joined("(size(record.numbers.filter(n, n {} {})) > 1)", COMPARE, number),
        joined("record.numbers.map(n, n * 2).exists(n, n == {})", number),
        joined("record.people.exists(p, p.name != null && p.name.{}({}))", st.sampled_from(["contains", "startsWith"]), LITERALS),
        joined("record.status.{}({})", st.sampled_from(["contains", "startsWith", "endsWith"]), LITERALS),
        joined("(record.updated_at {} timestamp({}))", COMPARE, MOMENTS.map(quoted)),
        joined("(record.updated_at + duration({}) {} run.now)", st.sampled_from(['"1h"', '"36h"', '"-24h"']), COMPARE),
    )


ERROR = object()


def ours(text: str, record: dict[str, Any]) -> Any:
    expression, _ = check(text, SCOPE)
    assert expression is not None
    try:
        return expression.evaluate({"record": record, "run": {"now": iso(NOW)}})
    except Permanent:
        return ERROR


ENVIRONMENT = celpy.Environment()


def theirs(text: str, record: dict[str, Any]) -> Any:
    values: Any = json_to_cel({"record": {k: v for k, v in record.items() if k != "updated_at"}, "run": {}})
    values[celtypes.StringType("record")][celtypes.StringType("updated_at")] = celtypes.TimestampType(record["updated_at"])
    values[celtypes.StringType("run")][celtypes.StringType("now")] = celtypes.TimestampType(iso(NOW))
    program = ENVIRONMENT.program(ENVIRONMENT.compile(text))
    try:
        return program.evaluate({str(name): value for name, value in values.items()})
    except (CELEvalError, ValueError, OverflowError, TypeError, ZeroDivisionError):
        return ERROR


@settings(max_examples=400, deadline=None)
@given(bools(3), RECORDS)
def test_both_engines_agree_or_both_refuse(text: str, record: dict[str, Any]) -> None:
    if check(text, SCOPE)[0] is None:
        return  # it does not load, so it is no rule
    assert _same(text, ours(text, record), theirs(text, record))


def _same(text: str, our: Any, other: Any) -> bool:
    if our is not ERROR and other is ERROR:
        return any(absorbing in text for absorbing in ("&&", "||", ".exists(", ".all("))
    return our is other if other is ERROR or our is ERROR else bool(our) == bool(other)


def test_most_of_what_is_generated_is_compared() -> None:
    """The property above would hold of nothing: a rule that does not load is not compared."""
    compared = 0

    @settings(max_examples=100, deadline=None, database=None, derandomize=True)
    @given(bools(2))
    def count(text: str) -> None:
        nonlocal compared
        compared += check(text, SCOPE)[0] is not None

    count()
    assert compared > 60
