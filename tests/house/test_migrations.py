"""Migrations say whether the version before them can go on with what they leave, and those that say so keep to it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

VERSIONS = sorted((Path(__file__).parents[2] / "store/migrations/versions").glob("0*.py"))
# What the version before would stumble over. An index that is gone makes it slower at most.
NARROWS = {
    "drop_table", "drop_column", "rename_table", "alter_column", "create_unique_constraint", "create_check_constraint",
    "drop_constraint",
}  # fmt: skip


def says(tree: ast.Module) -> bool | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "expands":
            assert isinstance(node.value, ast.Constant)
            return bool(node.value.value)
    return None


def narrowing(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        given = {one.arg: ast.unparse(one.value) for one in node.keywords}
        if node.func.attr in NARROWS:
            found.append(ast.unparse(node))
        if node.func.attr == "create_index" and given.get("unique") == "True":
            found.append(ast.unparse(node))
        if node.func.attr == "add_column":
            column = node.args[-1]
            own = {one.arg: ast.unparse(one.value) for one in column.keywords} if isinstance(column, ast.Call) else {}
            if own.get("nullable") != "True" and "server_default" not in own:
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_a_migration_says_whether_the_version_before_it_can_go_on_and_keeps_to_it(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    said = says(tree)
    assert said is not None, f"{path.name}: write expands = True when it only adds what old code need not know, else False"
    if said:
        assert narrowing(tree) == [], f"{path.name} says that it only expands; old code would stumble over this"


def test_the_look_sees_what_narrows() -> None:
    for wrong in (
        'op.drop_column("t", "c")', 'op.add_column("t", sa.Column("c", sa.Text(), nullable=False))',
        'op.create_index("i", "t", ["c"], unique=True)', 'op.alter_column("t", "c", nullable=False)',
    ):  # fmt: skip
        assert narrowing(ast.parse(wrong)) != []
    assert narrowing(ast.parse('op.add_column("t", sa.Column("c", sa.Text(), nullable=False, server_default=""))')) == []
