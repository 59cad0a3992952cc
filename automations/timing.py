"""When schedules and sweeps are due. Cron expressions are read as Debian's cron does, also in the weeks of daylight saving.

A time that a spring night skips is run once the night is over; one that an autumn night repeats is run once. Source: cronsim.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from automations.durations import shown
from automations.parts import Timing
from config.problems import did_you_mean

PROJECT_ZONE = "project"
MOST_CAUGHT_UP = 100
_AT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\Z")
_SOONEST_S = 60.0


def cron_of(text: object) -> str:
    """A five-field cron expression that comes true some day. Raises: ValueError with what to write."""
    if not isinstance(text, str) or len(text) > 100 or len(text.split()) != 5:
        raise ValueError(f'"{str(text)[:40]}" is no cron expression; write five fields: minute hour day month weekday')
    try:
        next(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(f'"{text}" is no cron expression ({error}); write five fields: minute hour day month weekday') from None
    except StopIteration:
        raise ValueError(f'"{text}" never comes true; look at its day and month') from None
    return " ".join(text.split())


def cron_at(text: object) -> str:
    """`07:00` as a cron expression. Raises: ValueError."""
    match = _AT.match(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'"{text}" is no time of day; write hours and minutes in quotes, such as "07:00"')
    return f"{int(match.group(2))} {int(match.group(1))} * * *"


def zone_of(name: object) -> str:
    """An IANA zone, or `project`. Raises: ValueError."""
    if name == PROJECT_ZONE:
        return PROJECT_ZONE
    if not isinstance(name, str) or _zone(name) is None:
        guess = _city(str(name)) or did_you_mean(str(name), available_timezones())
        mend = guess or "; write one such as America/Chicago, UTC, or project"
        raise ValueError(f'"{name}" is no time zone{mend}')
    return name


def _city(name: str) -> str:
    """`Chicago` is `America/Chicago`."""
    found = sorted(zone for zone in available_timezones() if zone.lower().endswith(f"/{name.lower().replace(' ', '_')}"))
    return f'; did you mean "{found[0]}"?' if found else ""


def often_enough(every_s: float) -> float:
    """Raises: ValueError when it is more often than once a minute."""
    if every_s < _SOONEST_S:
        raise ValueError("more often than once a minute; write every: 1m or longer")
    return every_s


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # absent, or a name that leads out of the folder of zones
        return None


def known_zone(name: str) -> ZoneInfo:
    """UTC when Procore names a zone that nobody knows."""
    return _zone(name) or ZoneInfo("UTC")


def day_of(moment: datetime, zone: str) -> datetime:
    """The date that it is then in the zone, as every date is written in expressions: its midnight in UTC.

    So `record.due_date < run.today` says of a project in Chicago what people there mean by it.
    """
    local = moment.astimezone(known_zone(zone))
    return datetime(local.year, local.month, local.day, tzinfo=UTC)


def following(timing: Timing, after: datetime, zone: str) -> datetime:
    """The first planned time after this moment, in UTC; jitter not counted."""
    return next(_planned(timing, after, zone))


def planned(timing: Timing, after: datetime, until: datetime, zone: str) -> list[datetime]:
    """The planned times in (after, until], oldest first, at most a hundred of them."""
    return list(takewhile(lambda moment: moment <= until, islice(_planned(timing, after, zone), MOST_CAUGHT_UP)))


def upcoming(timing: Timing, after: datetime, zone: str, count: int) -> list[datetime]:
    """The next planned times, in UTC; jitter not counted."""
    return list(islice(_planned(timing, after, zone), count))


def in_words(timing: Timing) -> str:
    """As people say it: `at 07:00 every day`, `every 15 minutes`."""
    every = [f"every {shown(timing.every_s)}"] if timing.every_s is not None else []
    # What is explained was read as a cron expression when the rule was loaded: nothing in it can be large.
    crons = [CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)).explain() for cron in timing.crons]
    return " and ".join([*every, *(cron[:1].lower() + cron[1:] for cron in crons)])


def missed(timing: Timing, after: datetime, until: datetime, zone: str) -> list[datetime]:
    """The planned times in (after, until] that are to be made up for, oldest first: all of them, the last one, or none."""
    found = planned(timing, after, until, zone)
    if timing.catch_up == "all":
        return found
    latest = found[-1:]
    if timing.catch_up == "one" or not latest:
        return latest
    return latest if (until - latest[0]).total_seconds() <= _SOONEST_S + timing.jitter_s else []


def jitter(timing: Timing, name: str, planned: datetime) -> timedelta:
    """The same for the same time of the same schedule, whoever asks."""
    if not timing.jitter_s:
        return timedelta(0)
    digest = hashlib.sha256(f"{name} {planned.isoformat()}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:4]) / 2**32 * timing.jitter_s)


def _planned(timing: Timing, after: datetime, zone: str) -> Iterator[datetime]:
    if timing.every_s is not None:
        step = timing.every_s
        number = int(after.timestamp() // step) + 1
        while True:
            yield datetime.fromtimestamp(number * step, UTC)
            number += 1
    local = after.astimezone(known_zone(zone))
    clocks = [CronSim(cron, local) for cron in timing.crons]
    times = [_utc(next(clock)) for clock in clocks]
    while True:
        soonest = min(times)
        yield soonest
        for index, clock in enumerate(clocks):
            while times[index] <= soonest:
                times[index] = _utc(next(clock))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
