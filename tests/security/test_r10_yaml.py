"""R10: a rule is YAML from a stranger. Bombs are refused before they are built, scalars mean what stands there."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.definition import load
from config import yamlfile
from config.problems import Problem, Problems
from tests.automations.given import KNOWN

HEAD = "format: 1\nid: bomb\nwhen:\n  - manual: {}\ndo:\n  - use: set\n    with:\n      a: "


def refused(text: str) -> str:
    with pytest.raises(Problems) as raised:
        load(text, "bomb.yaml", KNOWN)
    return " ".join(one.code for one in raised.value.found)


def alias_bomb() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefghij", "bcdefghijk", strict=True):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 9)}]")
    return "\n".join(lines) + "\n"


def merge_bomb() -> str:
    lines = ["a: &a {x: 1}"]
    for before, name in zip("abcdefghij", "bcdefghijk", strict=True):
        lines.append(f"{name}: &{name} {{<<: [{', '.join(['*' + before] * 9)}]}}")
    return "\n".join(lines) + "\n"


HOSTILE = {
    "an alias bomb": alias_bomb(),
    "a merge bomb": merge_bomb(),
    "an anchor alone": HEAD + "&x 1\n",
    "a merge key": HEAD.replace("a: ", "<<: ") + "{b: 1}\n",
    "a tag that builds an object": HEAD + "!!python/object/apply:os.system [id]\n",
    "a tag of our own name": HEAD + "!secret x\n",
    "a harmless tag": HEAD + "!!str 1\n",
    "a deep list": HEAD + "[" * 21 + "]" * 21 + "\n",
    "a very deep list": HEAD + "[" * 100_000,
    "a deep mapping": HEAD + "{a: " * 21 + "1" + "}" * 21 + "\n",
    "too many values": HEAD + "[" + "1," * 5001 + "]\n",
    "too large": HEAD + "x" * (256 * 1024) + "\n",
    "two documents": HEAD + "1\n---\nformat: 1\n",
    "a key that is no text": HEAD + "{[1]: 2}\n",
    "a key written twice": HEAD + "{a: 1, a: 2}\n",
    "a NUL": HEAD + '"a\x00b"\n',
    "a lone surrogate": HEAD + '"\ud800"\n',
    "a control character": HEAD + '"\x1b[2J"\n',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_it_is_refused_with_a_code_and_never_a_crash(text: str) -> None:
    assert set(refused(text).split()) <= {"TB101", "TB102", "TB103"}


@pytest.mark.parametrize("name", ["an alias bomb", "a merge bomb", "a very deep list", "too many values"])
def test_a_bomb_costs_no_memory(name: str) -> None:
    tracemalloc.start()
    refused(HOSTILE[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 1024 * 1024


@pytest.mark.parametrize(
    ("text", "meant"),
    [("12:30:45", "12:30:45"), ("9:05", "9:05"), ("NO", "NO"), ("on", "on"), ("1_000", "1_000"), ("2026-01-01", "2026-01-01")],
)
def test_a_scalar_is_what_stands_there(text: str, meant: str) -> None:
    assert yamlfile.parse(f"a: {text}\n", "t.yaml").unmarked() == {"a": meant}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%@`#,? \n\t0~<$"), max_size=60))
def test_whatever_is_written_the_answer_is_problems_or_a_value(text: str) -> None:
    found: list[Problem] = []
    try:
        yamlfile.parse(text, "t.yaml").unmarked()
    except Problems as problems:
        found = problems.found
    assert all(one.line >= 1 and one.column >= 1 and "\n" not in one.message for one in found)
