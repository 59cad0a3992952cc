"""When automations are due by the clock: in plain words, let happen now, held back, and made up for."""

from __future__ import annotations

import datetime as dt
from typing import Any

from automations import definition, timing
from automations.parts import Automation
from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs import holding, importing
from console.verbs.at_hand import AtHand, NotThere
from store import audit, definitions, schedules, timers
from store.session import reading, writing
from workers import schedules as clock

Dict = dict[str, Any]
AHEAD = 5


def listed(here: AtHand) -> list[Dict]:
    """Every schedule, the next one first: also `words`, the `coming` times, those `missed` within a week, and who holds it."""
    with reading(here.engine) as db:
        moment = timers.clock(db)
        rules: dict[str, Automation | None] = {}
        texts = {one.name: one for one in definitions.active(db)}
        found = []
        for row in schedules.every(db):
            if row.automation not in rules:
                rules[row.automation] = _rule(texts.get(row.automation))
            found.append(_shown(db, row, rules[row.automation], moment))
    return found


def _rule(active: definitions.Active | None) -> Automation | None:
    try:
        return None if active is None else definition.reload(active.source, active.file)
    except ConfigError:
        return None


def _shown(db: Any, row: Any, rule: Automation | None, moment: dt.datetime) -> Dict:
    trigger = None if rule is None else rule.trigger(row.trigger)
    plan = None if trigger is None else trigger.timing
    why = clock.let_pass(row, moment)
    return {
        **row._mapping,
        "held": row.held if why else None,
        "words": timing.in_words(plan) if plan else row.written,
        "coming": timing.upcoming(plan, moment, row.zone, AHEAD) if plan else [],
        "missed": clock.passed(db, rule, row, moment) if rule else [],
        "in_force": plan is not None,
    }


def run(here: AtHand, name: str) -> str:
    """Let it happen now, beside its times. What came of it. Raises: ConfigError when there is none of this name in force."""
    _existing(here, name)
    with importing.desk(here) as desk:
        told = clock.now(desk, name)
    with writing(here.engine) as db:
        audit.note(db, here.actor, "schedule run by hand", name, {"came of it": told})
    return told


def catch_up(here: AtHand, name: str, at: str) -> str:
    """Make up for a planned time of the last week that made no event; `at` in ISO 8601. What came of it. Raises: ConfigError."""
    _existing(here, name)
    try:
        planned = dt.datetime.fromisoformat(at)
    except ValueError:
        raise ConfigError(f'at: "{at[:40]}" is no time. Write such as 2026-03-01T07:00:00Z.') from None
    planned = planned.astimezone(dt.UTC) if planned.tzinfo else planned.replace(tzinfo=dt.UTC)
    with importing.desk(here) as desk:
        told = clock.catch_up(desk, name, planned)
    with writing(here.engine) as db:
        audit.note(db, here.actor, "schedule caught up", name, {"at": planned.isoformat(), "came of it": told})
    return told


def hold(here: AtHand, name: str, reason: str, for_s: float | None = None) -> None:
    """Its times pass without an event until somebody lets it go on, or for so long. Raises: NotThere; ConfigError."""
    why = holding.said_why(reason, "the schedule")
    holding.within(for_s)
    _existing(here, name)
    with writing(here.engine) as db:
        moment = timers.clock(db)
        until = None if for_s is None else (moment + dt.timedelta(seconds=for_s)).isoformat()
        schedules.hold(db, name, {"by": here.actor, "reason": why, "at": moment.isoformat(), "until": until})
        audit.note(db, here.actor, "schedule paused", name, {"reason": why, "until": until})


def go_on(here: AtHand, name: str) -> None:
    """What it missed is made up for by hand. Raises: NotThere; ConfigError when nobody holds it."""
    if _existing(here, name).held is None:
        raise ConfigError(f"nobody holds the schedule {name}.")
    with writing(here.engine) as db:
        schedules.hold(db, name, None)
        audit.note(db, here.actor, "schedule resumed", name)


def _existing(here: AtHand, name: str) -> Any:
    with reading(here.engine) as db:
        row = schedules.get(db, name)
        names = [one.name for one in schedules.every(db)]
    if row is None:
        raise NotThere(f'there is no schedule "{name[:200]}"{did_you_mean(name, names) or "."} List them: tieback schedules list')
    return row
