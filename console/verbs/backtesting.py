"""What a rule as its file stands now would have done with what is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from automations import definition
from automations.durations import seconds
from automations.parts import Automation
from config.errors import ConfigError
from config.problems import Problems, did_you_mean
from console.verbs import checking
from console.verbs.at_hand import AtHand, NotThere
from store import history, timers
from store.session import reading
from workers import backtest
from workers.backtest import Result as Result
from workers.loaded import site_tables


def run(
    here: AtHand,
    name: str,
    since: str,
    *,
    rule: Automation | None = None,
    shown: int = 50,
    told: Callable[[int], None] = lambda _n: None,
) -> Result:
    """Here and now, of what its file says, or of `rule`. `since` is a length of time such as 30d.

    Raises: ConfigError when the file does not load or is not there.
    """
    rule, after = rule or of_file(here, name), _moment(here, since)
    with reading(here.engine) as db:
        tables = site_tables(db)
    return backtest.run(here.engine, rule, after, tables, shown=shown, told=told)


def prepared(here: AtHand, what: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """What an operation keeps of a wish for one, and about how many events it looks at.

    The rule is `source` of `file` when they are given, else what the site's file says now. Raises: as `run`; Problems.
    """
    if here.only is not None:
        raise ConfigError("back-tests are about the installation as a whole, and you see some companies of it.")
    name, since = str(what.get("automation") or ""), _moment(here, str(what.get("since") or "30d"))
    if what.get("source"):
        source, file = str(what["source"]), str(what.get("file") or f"automations/{name}.yaml")
        definition.reload(source, file)
    else:
        rule, source = _of_file(here, name)
        file = rule.file
    with reading(here.engine) as db:
        about = history.count_since(db, since)
    shown = int(what.get("shown") or 50)
    return {"automation": name, "source": source, "file": file, "since": since.isoformat(), "shown": shown}, about


def _moment(here: AtHand, since: str) -> dt.datetime:
    try:
        back_s = seconds(since)
    except ValueError as error:
        raise ConfigError(f"--since: {error}") from None
    with reading(here.engine) as db:
        return timers.clock(db) - dt.timedelta(seconds=back_s)


def of_file(here: AtHand, name: str) -> Automation:
    """The automation as its file stands now. Raises: NotThere; Problems when the file does not load."""
    return _of_file(here, name)[0]


def _of_file(here: AtHand, name: str) -> tuple[Automation, str]:
    """The same with its text."""
    checked = checking.load_alone(here.settings, [])
    found = next((rule for rule in checked.automations if rule.id == name), None)
    if found is not None:
        return found, checked.sources[found.file]
    broken = [one for one in checked.problems if one.severity == "error" and _is_of(one.file, name, checked.sources)]
    if broken:
        raise Problems(broken, checked.sources.get(broken[0].file, ""))
    known = [rule.id for rule in checked.automations]
    mend = did_you_mean(name, known) or "."
    raise NotThere(f'the site {here.settings.site} has no automation "{name[:80]}"{mend} Check its files: tieback rules check')


def _is_of(file: str, name: str, sources: dict[str, str]) -> bool:
    return any(line.split("#")[0].split() == ["id:", name] for line in sources.get(file, "").splitlines())
