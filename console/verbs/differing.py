"""The site's files against what is in force."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from automations import differing
from automations.checking import Checked
from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs import checking
from console.verbs.at_hand import AtHand, NotThere
from store import definitions
from store.session import reading


@dataclass(frozen=True)
class Difference:
    """`state` is new, changed, removed or broken; `changes` are sentences, `diff` the lines of a unified diff."""

    automation: str
    state: str
    file: str
    changes: list[str]
    diff: list[str]


def diff(here: AtHand, name: str | None = None) -> list[Difference]:
    """What `rules apply` would change; of one automation or of all. Raises: NotThere when there is none of this name."""
    if not here.settings.site.is_dir():
        raise ConfigError(f"there is no site at {here.settings.site}. Set TIEBACK_SITE.")
    checked = checking.load_alone(here.settings, [])
    with reading(here.engine) as db:
        standing = {row.name: (row.file or "", row.source or "") for row in definitions.every(db)}
    files = {rule.id: (rule.file, rule.source) for rule in checked.automations}
    known = {*standing, *files, *_broken_names(checked, standing)}
    if name is not None and name not in known:
        raise NotThere(f'there is no automation "{name[:80]}"{did_you_mean(name, known) or "."}')
    wanted = sorted(known) if name is None else [name]
    return [found for one in wanted if (found := _of(one, standing.get(one), files.get(one), checked)) is not None]


def _of(name: str, was: tuple[str, str] | None, now: tuple[str, str] | None, checked: Checked) -> Difference | None:
    if now is None:
        return _without_file(name, was, checked)
    before = was[1] if was is not None else ""
    if before == now[1]:
        return None
    changes = differing.differences(before, now[1]) if before else []
    return Difference(name, "changed" if before else "new", now[0], changes, _unified(before, now[1], now[0]))


def _without_file(name: str, was: tuple[str, str] | None, checked: Checked) -> Difference:
    file, source = was if was is not None else (name, "")
    wrong = [f"line {one.line}: {one.message}" for one in checked.problems if one.severity == "error" and one.file == file]
    if wrong:
        kept = "the version in force stays" if source else "no version of it was ever good"
        return Difference(name, "broken", file, [*wrong, kept], [])
    return Difference(name, "removed", file, ["its file is gone; apply takes it out of force"], _unified(source, "", file))


def _broken_names(checked: Checked, standing: dict[str, tuple[str, str]]) -> set[str]:
    """Files that do not load and are of no automation in force are called by their names."""
    files = {file for file, _ in standing.values()}
    return {one.file for one in checked.problems if one.severity == "error" and one.file not in files}


def _unified(before: str, after: str, file: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"in force {file}", f"file {file}", lineterm="")
    return list(lines)
