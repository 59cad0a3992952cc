"""Log lines keep their own fields."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN = {"at", "level", "event"}
FOLDERS = ("config", "store", "connectors", "automations", "workers", "webhook", "console")


def test_no_field_of_a_log_line_takes_the_place_of_its_name() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} {word.arg}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("about")
        for word in node.keywords
        if word.arg in OWN
    ]
    assert wrong == []
