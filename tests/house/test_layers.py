"""Who may import whom: imports only go up the list of docs/architecture.md."""

from __future__ import annotations

import ast
import importlib.util
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "config": set(),
    "store": {"config"},
    "connectors": {"config"},
    "automations": {"config", "connectors"},
    "workers": {"config", "store", "connectors", "automations"},
    "webhook": {"config", "store", "workers"},
    "console": {"config", "store", "connectors", "automations", "workers", "webhook"},
    "simulator": set(),
}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_only_go_up_the_list(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(folder)
        for name, line in imported(path)
        if name.split(".")[0] in MAY_IMPORT and name.split(".")[0] not in MAY_IMPORT[folder] | {folder}
    ]
    assert wrong == []


def test_the_public_door_uses_nothing_of_the_workers_but_the_broker() -> None:
    names = {name for path in modules("webhook") for name, _ in imported(path) if name.startswith("workers")}
    assert names <= {"workers.broker"}


def test_queries_live_in_the_store_and_in_the_sql_destination() -> None:
    allowed = {ROOT / "connectors/destinations/sql.py"} | set(modules("store"))
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in MAY_IMPORT
        for path in modules(folder)
        if path not in allowed
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("select", "text", "insert", "delete")
        if any(name == "sqlalchemy" for name, _ in imported(path))
    ]
    assert wrong == []


def test_no_module_is_longer_than_400_lines() -> None:
    long = [str(p.relative_to(ROOT)) for f in MAY_IMPORT for p in modules(f) if len(p.read_text("utf-8").splitlines()) > 400]
    assert [p for p in long if "/migrations/" not in p] == []


def test_pyproject_lists_every_package_and_nothing_else() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {str(p.parent.relative_to(ROOT)).replace("/", ".") for f in MAY_IMPORT for p in modules(f) if p.name == "__init__.py"}
    assert listed == found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_each_package_name_resolves_to_us(folder: str) -> None:
    spec = importlib.util.find_spec(folder)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent == ROOT / folder


def test_every_action_and_destination_has_its_test() -> None:
    missing = [
        f"tests/{folder}/test_{path.stem}.py"
        for folder in ("automations/actions", "connectors/destinations", "connectors/kinds")
        for path in (ROOT / folder).glob("[a-z]*.py")
        if not (ROOT / "tests" / folder / f"test_{path.stem}.py").exists()
    ]
    assert missing == []
