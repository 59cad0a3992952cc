"""What a rule as its file stands now would have done with what is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from automations.durations import seconds
from automations.parts import Automation
from config.errors import ConfigError
from config.problems import Problems, did_you_mean
from console.verbs import checking
from console.verbs.at_hand import AtHand, NotThere
from store import timers
from store.session import reading
from workers import backtest
from workers.backtest import Result as Result
from workers.loaded import site_tables


def run(here: AtHand, name: str, since: str, *, shown: int = 50, told: Callable[[int], None] = lambda _n: None) -> Result:
    """`since` is a length of time such as 30d. Raises: ConfigError when the file does not load, or there is none."""
    try:
        back_s = seconds(since)
    except ValueError as error:
        raise ConfigError(f"--since: {error}") from None
    rule = of_file(here, name)
    with reading(here.engine) as db:
        moment, tables = timers.clock(db), site_tables(db)
    return backtest.run(here.engine, rule, moment - dt.timedelta(seconds=back_s), tables, shown=shown, told=told)


def of_file(here: AtHand, name: str) -> Automation:
    """The automation as its file stands now. Raises: NotThere; Problems when the file does not load."""
    checked = checking.load_alone(here.settings, [])
    found = next((rule for rule in checked.automations if rule.id == name), None)
    if found is not None:
        return found
    broken = [one for one in checked.problems if one.severity == "error" and _is_of(one.file, name, checked.sources)]
    if broken:
        raise Problems(broken, checked.sources.get(broken[0].file, ""))
    known = [rule.id for rule in checked.automations]
    mend = did_you_mean(name, known) or "."
    raise NotThere(f'the site {here.settings.site} has no automation "{name[:80]}"{mend} Check its files: tieback rules check')


def _is_of(file: str, name: str, sources: dict[str, str]) -> bool:
    return any(line.split("#")[0].split() == ["id:", name] for line in sources.get(file, "").splitlines())
