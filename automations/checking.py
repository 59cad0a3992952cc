"""Check many automations at once, and show what was found. Needs no database, network or secret."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from automations import checks
from automations.definition import load
from automations.known import Known
from automations.parts import Automation
from config import yamlfile
from config.errors import ConfigError
from config.problems import Mark, Problem, Problems, problem


@dataclass
class Checked:
    """`automations` are those that load; `problems` all that was found, in file order; `sources` the texts."""

    automations: list[Automation] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Warnings are no failure."""
        return not any(p.severity == "error" for p in self.problems)


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The YAML files among and inside the paths, sorted, each once."""
    found: set[Path] = set()
    for path in paths:
        inside = [p for pattern in ("*.yaml", "*.yml") for p in path.rglob(pattern)] if path.is_dir() else [path]
        found |= {p for p in inside if not p.name.startswith(".")}
    return sorted(found)


def check(paths: Iterable[Path], known: Known | None = None, folder: Path | None = None) -> Checked:
    """Load every file; one that is broken never hides another. `folder` shortens the names in problems."""
    checked = Checked()
    for path in files_of(paths):
        _one(checked, path, _name(path, folder), known or Known())
    _same_ids(checked)
    checked.problems += checks.across(checked.automations, known or Known())
    checked.problems.sort(key=lambda p: (p.file, p.line, p.column, p.code))
    return checked


def _one(checked: Checked, path: Path, name: str, known: Known) -> None:
    try:
        text = _read(path, name)
        checked.sources[name] = text
        automation = load(text, name, known)
    except Problems as problems:
        checked.problems += problems.found
    except ConfigError as error:
        checked.problems.append(problem(Mark(name, 1, 1), "TB116", str(error).removeprefix(f"{name}: ")))
    else:
        checked.automations.append(automation)
        checked.problems += automation.warnings


def _read(path: Path, name: str) -> str:
    # yamlfile.read knows how to say what is wrong with a file; the text itself is needed for its marks.
    yamlfile.read(path, name)
    return path.read_text("utf-8-sig")


def _name(path: Path, folder: Path | None) -> str:
    return str(path.relative_to(folder)) if folder is not None and path.is_relative_to(folder) else str(path)


def _same_ids(checked: Checked) -> None:
    """The first file keeps the id; each other one is refused at its own `id:`."""
    first: dict[str, Automation] = {}
    for automation in list(checked.automations):
        known = first.setdefault(automation.id, automation)
        if known is not automation:
            mark = yamlfile.parse(automation.source, automation.file).at(["id"]).mark
            message = f'the id "{automation.id}" is already that of {known.file}; choose another'
            checked.problems.append(problem(mark, "TB110", message))
            checked.automations.remove(automation)


def as_text(checked: Checked) -> str:
    """Each problem with its line and a caret, then one line of summary."""
    drawn = [p.drawn(checked.sources.get(p.file, "")) for p in checked.problems]
    errors = sum(p.severity == "error" for p in checked.problems)
    warnings = len(checked.problems) - errors
    summary = f"{_many(len(checked.automations), 'automation')} fine, {_many(errors, 'error')}, {_many(warnings, 'warning')}"
    return "\n".join([*drawn, summary])


def as_json(checked: Checked) -> str:
    """An array of {file, line, column, code, severity, message, suggestion}."""
    return json.dumps([p.as_json() for p in checked.problems], ensure_ascii=False, indent=2)


def as_github(checked: Checked) -> str:
    """Workflow commands that GitHub shows beside the lines. Source: docs.github.com, workflow commands for GitHub Actions."""
    return "\n".join(
        f"::{p.severity} file={_property(p.file)},line={p.line},col={p.column},title={p.code}::{_data(p.message)}"
        for p in checked.problems
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
