"""Run the tests that automations bring along. Nothing is called, stored or needed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from automations import claims, tables
from automations.checking import Checked
from automations.claims import Verdict as Verdict
from automations.parts import Automation
from automations.scope import SiteTables
from config.errors import ConfigError
from config.problems import Problem
from config.settings import Settings
from console.verbs import checking
from console.verbs.at_hand import there
from store import definitions
from store.session import open_engine, reading


@dataclass
class Proved:
    """`broken` are files that do not load, so their tests could not run; `untested` are automations without tests."""

    verdicts: list[Verdict] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    broken: list[Problem] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.broken and all(one.ok for one in self.verdicts)


def prove(settings: Settings, paths: Sequence[Path], *, changed: bool = False) -> Proved:
    """Run the tests of these files, or of the whole site. `changed`: only of those that differ from what is in force, or
    from git's HEAD where there is no database.

    Raises: ConfigError when there is no site, or nothing to compare with.
    """
    checked = checking.load_alone(settings, paths)
    proved = Proved(broken=[one for one in checked.problems if one.severity == "error"], sources=checked.sources)
    rules = _changed(settings, checked, paths) if changed else checked.automations
    site = tables_of(checking.site_of(settings, paths))
    for rule in sorted(rules, key=lambda one: one.id):
        proved.verdicts += claims.verdicts(rule, site)
        proved.untested += [] if rule.tests else [rule.id]
    return proved


def tables_of(folder: Path) -> SiteTables:
    """The lookup tables and calendars of a site's files."""
    lookups, _ = tables.lookups_in(folder / "lookups")
    calendars, _ = tables.calendars_in(folder / "calendars")
    return SiteTables(tables.values_of(lookups), tables.calendars_values(calendars))


def _changed(settings: Settings, checked: Checked, paths: Sequence[Path]) -> list[Automation]:
    standing = _in_force(settings)
    if standing is not None:
        return [rule for rule in checked.automations if standing.get(rule.id) != rule.version]
    folder = checking.site_of(settings, paths)
    return [rule for rule in checked.automations if _at_head(folder, rule) != rule.source]


def _in_force(settings: Settings) -> dict[str, str] | None:
    """The version of each automation; None when there is no database."""
    try:
        there(settings)
        engine = open_engine(settings, pool_size=1)
    except ConfigError:
        return None
    try:
        with reading(engine) as db:
            return {row.name: row.hash for row in definitions.every(db) if row.hash}
    except DBAPIError:
        return None
    finally:
        engine.dispose()


def _at_head(folder: Path, rule: Automation) -> str | None:
    """The file as it was last committed; None when it never was. Raises: ConfigError outside of a git repository."""
    path = folder / rule.file if (folder / rule.file).exists() else Path(rule.file)
    where = path.resolve().parent
    try:
        inside = subprocess.run(["git", "-C", str(where), "rev-parse"], capture_output=True, check=False)
        told = subprocess.run(["git", "-C", str(where), "show", f"HEAD:./{path.name}"], capture_output=True, check=False)
    except OSError:
        inside = None
    if inside is None or inside.returncode != 0:
        raise ConfigError("--changed compares with what is in force, or with git: there is neither a database nor a repository.")
    return told.stdout.decode("utf-8", "replace").removeprefix("\ufeff") if told.returncode == 0 else None
