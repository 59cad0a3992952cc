"""docs/reliability.md lists the sixty faults with tests that exist, or says why there is none."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.crash.faults import BEGIN, FAULTS, PAGE, page

TESTS = Path(__file__).parents[1]


@cache
def names(file: str) -> set[str]:
    path = TESTS / file
    body = ast.parse(path.read_text("utf-8")).body if path.is_file() else []
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def test_every_fault_has_its_row_in_order() -> None:
    assert [one.number for one in FAULTS] == list(range(1, 61))


def test_every_fault_is_shown_by_a_test_or_says_why_not() -> None:
    assert [one.number for one in FAULTS if not (one.tests or one.without)] == []


def test_every_test_that_a_fault_names_exists() -> None:
    gone = [test for one in FAULTS for test in one.tests if test.partition("::")[2] not in names(test.partition("::")[0])]
    assert gone == []


def test_the_page_is_the_one_that_is_made_of_them() -> None:
    text = PAGE.read_text("utf-8")
    assert BEGIN in text
    assert text == page(text), "run: python -m tests.crash.faults"
