"""README.md beside this file lists all 33 traps, each with tests that bear its number and exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("README.md").read_text("utf-8")
ROWS = {int(number): shown for number, shown in re.findall(r"^\| (\d+) \| .+ \| (.+) \|$", PAGE, re.MULTILINE)}
TRAPS = 33


def named_in(row: str) -> list[tuple[str, str]]:
    return re.findall(r"`([\w/]+\.py)::(test_\w+)`", row)


def exists(file: str, name: str) -> bool:
    path = TESTS / file
    return path.is_file() and any(
        isinstance(node, ast.FunctionDef) and node.name == name for node in ast.parse(path.read_text("utf-8")).body
    )


def test_every_trap_has_its_row_in_order() -> None:
    assert list(ROWS) == list(range(1, TRAPS + 1))


def test_every_row_names_a_test_that_bears_its_number() -> None:
    nameless = [number for number, row in ROWS.items() if not any(f"trap_{number:02d}_" in name for _, name in named_in(row))]
    assert nameless == []


def test_every_test_that_a_row_names_exists() -> None:
    gone = [f"{file}::{name}" for row in ROWS.values() for file, name in named_in(row) if not exists(file, name)]
    assert gone == []


def test_every_test_of_a_trap_is_on_the_page() -> None:
    written = {
        name for path in TESTS.rglob("test_*.py") for name in re.findall(r"^def (test_trap_\w+)", path.read_text("utf-8"), re.M)
    }
    assert written == {name for row in ROWS.values() for _, name in named_in(row)}
