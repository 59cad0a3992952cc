"""`tieback rules test`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from automations.values import shown
from config import settings
from console.cli.output import json_option, say, show_json
from console.verbs import testing
from console.verbs.testing import Proved, Verdict


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--changed", is_flag=True, help="Only what differs from what is in force; without a database, from git's HEAD.")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="Show at most so many.")
@json_option
def test(paths: tuple[Path, ...], changed: bool, limit: int, as_json: bool) -> int:
    """Run the tests: of automations; without a path, of the site. Calls nobody.

    Exit 1 when a test fails or a file does not load.
    """
    proved = testing.prove(settings.load(), paths, changed=changed)
    if as_json:
        show_json([_as_json(one) for one in proved.verdicts[:limit]] + [_broken(one.as_json()) for one in proved.broken])
    else:
        _tell(proved, limit)
    return 0 if proved.ok else 1


def _as_json(one: Verdict) -> dict[str, Any]:
    return {
        "automation": one.automation, "test": one.test, "ok": one.ok, "why": one.why, "values": one.values,
        "differences": [vars(difference) for difference in one.differences],
    }  # fmt: skip


def _broken(one: dict[str, Any]) -> dict[str, Any]:
    where = f"{one['file']}:{one['line']}:{one['column']}"
    return {"automation": None, "test": None, "ok": False, "why": f"{where}: {one['message']}", "values": {}, "differences": []}


def _tell(proved: Proved, limit: int) -> None:
    for problem in proved.broken:
        say(problem.drawn(proved.sources.get(problem.file, "")))
    for one in proved.verdicts[:limit]:
        say(f"{'ok  ' if one.ok else 'FAIL'}  {one.automation}: {one.test}")
        if not one.ok:
            _difference(one)
    failed = sum(not one.ok for one in proved.verdicts)
    many = f"{len(proved.verdicts)} test{'' if len(proved.verdicts) == 1 else 's'}"
    without = f"; without tests: {', '.join(proved.untested)}" if proved.untested else ""
    broken = f", {len(proved.broken)} error{'' if len(proved.broken) == 1 else 's'} in files" if proved.broken else ""
    say(f"{many}, {failed} failed{broken}{without}")


def _difference(one: Verdict) -> None:
    for difference in one.differences:
        say(f"      {difference.claim}: expected {difference.expected}, seen {difference.seen}")
    say(f"      because: {one.why}")
    if one.values:
        say(f"      saw: {', '.join(f'{path} = {shown(value)}' for path, value in one.values.items())}")
