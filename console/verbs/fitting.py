"""Filters whose values are known beforehand: what each may say, and a sentence for what it may not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from config.errors import ConfigError
from config.problems import did_you_mean
from connectors.quota_state import LANES
from store import operations

Choices = Mapping[str, Sequence[str]]

RUNS: Choices = {"state": ("waiting", "running", "ok", "failed", "skipped", "cancelled", "parked"), "lane": LANES}
EVENTS: Choices = {
    "state": ("received", "matched", "ignored", "unsupported", "quarantined"),
    "source": ("webhook", "sweep", "manual", "schedule", "config", "inbound", "run"),
}
DELIVERIES: Choices = {"state": ("received", "sorted", "ignored", "quarantined")}
EFFECTS: Choices = {"state": ("intent", "applied", "failed", "uncertain")}
APPROVALS: Choices = {"state": ("open", "answered", "expired")}
ALERTS: Choices = {"state": ("open", "resolved")}
IMPORTS: Choices = {"state": ("waiting", "running", "ok", "failed", "cancelled")}
OPERATIONS: Choices = {"kind": ("retry", "cancel", "replay", "backtest", "import"), "state": operations.STATES}


class Misfit(ConfigError):
    """A filter says what it cannot. `field` is its name; `said` what was seen and what may be written."""

    def __init__(self, field: str, said: str):
        super().__init__(f"{field}: {said}")
        self.field = field
        self.said = said


def check(choices: Choices, asked: Mapping[str, Any]) -> None:
    """Each filter is None, one of its choices, or several of them. Raises: Misfit for the first that is not."""
    for name, known in choices.items():
        value = asked.get(name)
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is not None and one not in known:
                seen = str(one)[:40]
                raise Misfit(name, f'there is no "{seen}"{did_you_mean(seen, known) or "."} There are: {", ".join(known)}')


def number(name: str, text: Any) -> int | None:
    """The id that a filter names; None when it is empty. Raises: Misfit."""
    if text in (None, ""):
        return None
    if not re.fullmatch("[0-9]{1,18}", str(text)):
        raise Misfit(name, f'"{str(text)[:40]}" is no {name.removesuffix("_id")}. Write its number.')
    return int(text)


def hours(text: str | None) -> float | None:
    """`1h`, `24h`, `7d` as hours. Raises: ConfigError for anything else."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,4})([hd])", text)
    if found is None:
        raise ConfigError(f'"{text[:20]}" is no span of time. Write it as 6h or 7d.')
    return float(found[1]) * (24 if found[2] == "d" else 1)


def since(text: str | None) -> float | None:
    """The filter `since` as hours. Raises: Misfit."""
    try:
        return hours(text)
    except ConfigError as error:
        raise Misfit("since", str(error)) from None
