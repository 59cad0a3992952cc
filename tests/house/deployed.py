"""The files of deploy/, read as those who use them read them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
LEVELS = ("debug", "info", "warning", "error", "exception", "critical", "log")
OURS = ("migrate", "web", "console", "worker", "relay")


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def instructions(word: str) -> list[str]:
    """What stands behind a word of the Containerfile, with continued lines as one."""
    text = (DEPLOY / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    return [line.removeprefix(word).strip() for line in text.splitlines() if line.startswith(word + " ")]


def image_env() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", instructions("ENV")[-1]))


def entrypoint() -> list[str]:
    found: list[str] = json.loads(instructions("ENTRYPOINT")[-1])
    return found


def units() -> list[Path]:
    return sorted((DEPLOY / "systemd").glob("*.service"))


def directives(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """Every question that alerts and dashboard ask Prometheus."""
    yield from (rule["expr"] for rule in alerts())
    for panel in json.loads((DEPLOY / "grafana/tieback.json").read_text("utf-8"))["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def log_events() -> set[str]:
    """The names of all log lines, those that are put together from a state without their end."""
    found = set()
    for folder in ("config", "store", "connectors", "automations", "workers", "webhook", "console"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                found |= _events_of(node)
    return found


def _events_of(node: ast.AST) -> set[str]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
        return set()
    if not _is_log(node.func.value):
        return set()
    for argument in node.args[:2]:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            return {argument.value.split(" ")[0]}
        if isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
            return {str(argument.values[0].value) + "…"}
    return set()


def _is_log(value: ast.AST) -> bool:
    named = isinstance(value, ast.Name) and value.id == "log"
    got = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "getLogger"
    return named or got
