"""docs/security.md names every requirement once, and only tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs/security.md").read_text("utf-8")


def named() -> set[tuple[str, str]]:
    return set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE))


def names_in(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_page_names_exists() -> None:
    gone = {f"{file}::{name}" for file, name in named() if not (TESTS / file).is_file() or name not in names_in(TESTS / file)}
    assert gone == set()


def test_every_requirement_is_answered_once_in_order() -> None:
    assert re.findall(r"^\| (R\d+) \|", PAGE, re.MULTILINE) == [f"R{number}" for number in range(1, 43)]


def test_who_names_no_test_says_not_yet() -> None:
    rows = re.findall(r"^\| (R\d+) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 42
    assert [row for row, said, shown in rows if "::test_" not in shown and "Not yet" not in said] == []


def test_every_file_of_attacks_is_on_the_page() -> None:
    files = {f"security/{path.name}" for path in Path(__file__).parent.glob("test_r*.py")}
    assert files <= {file for file, _ in named()}
