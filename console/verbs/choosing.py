"""Which runs or events a person means: by a filter, chosen one by one, or all of them, said explicitly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs import fitting, looking, replaying
from console.verbs.at_hand import AtHand, NotThere
from store import replays, searching, timers
from store.models import Event, Run
from store.runs import AGAIN
from store.session import reading
from workers import bulk
from workers import replaying as replays_of

Dict = dict[str, Any]
OF_RUNS = (
    "state", "automation", "connector", "lane", "resource", "record", "project", "event_id", "cause", "operation",
    "text", "since", "until",
    "ended_since",
)  # fmt: skip
OF_EVENTS = ("state", "connector", "source", "resource", "record", "project", "text", "since")
EVENTS: fitting.Choices = {"state": replaying.STATES, "source": fitting.EVENTS["source"]}
STATES: Mapping[str, Sequence[str]] = {"retry": AGAIN, "cancel": ("waiting", "running", "parked")}
USUAL: Mapping[str, Sequence[str]] = {"retry": ("failed",), "cancel": ("waiting", "running", "parked")}
MOST_CHOSEN = 10_000


def runs(here: AtHand, kind: str, what: Mapping[str, Any]) -> tuple[Dict, int]:
    """What an operation keeps of a wish about runs, and how many it means now.

    Raises: ConfigError for an empty filter, an unknown name or a value that does not fit; NotThere for a run that is not there.
    """
    where, ids = _said(what, OF_RUNS, "runs")
    states = where.get("state") or list(USUAL[kind])
    for state in states if isinstance(states, (list, tuple)) else [states]:
        if state not in STATES[kind]:
            raise ConfigError(
                f'a run that is "{str(state)[:40]}" is nothing to {kind}. State is one of: {", ".join(STATES[kind])}'
            )
    where["state"] = states
    looking.runs_fit(where)
    with reading(here.engine) as db:
        if where.get("text"):
            where["text_above"] = searching.text_above(db, Run)
        _pin(where, timers.clock(db))
        kept: Dict = {"where": where}
        if ids is not None:
            _all_there(ids, searching.run_ids(db, here.only, len(ids), ids=ids), "run")
            kept = {"ids": ids[::-1]}
        asked = {**bulk.asked_of(kept), **({"ids": ids, "state": states} if ids is not None else {})}
        count, kept["newest"] = searching.run_count(db, here.only, **asked)
    return kept, count


def events(here: AtHand, what: Mapping[str, Any]) -> tuple[Dict, int]:
    """The same of events that one automation is to hear again: `rule`, and which. The state is theirs or that of its runs."""
    if here.only is not None:
        raise ConfigError("replays are about the installation as a whole, and you see some companies of it.")
    where, ids = _said(what, OF_EVENTS, "events")
    fitting.check(EVENTS, where)
    with reading(here.engine) as db:
        if where.get("text"):
            where["text_above"] = searching.text_above(db, Event)
        rule, version = replaying.in_force(db, str(what.get("rule") or ""))
        if rule.stage == "off":
            raise ConfigError(f"{rule.id} is in stage: off. Write stage: shadow or live.")
        _pin(where, timers.clock(db))
        kept: Dict = {"rule": rule.id, "version": version, "repeat_effects": bool(what.get("repeat_effects"))}
        if ids is not None:
            for id in ids:
                replaying.event(db, id)
            return {**kept, "ids": ids}, len(ids)
        count, kept["newest"] = replays.count(db, rule.id, *replays_of.heard_by(rule), **bulk.asked_of({"where": where}))
    return {**kept, "where": where}, count


def event_ids(here: AtHand, what: Mapping[str, Any], limit: int) -> tuple[list[int], int]:
    """The ids of those events, oldest first and at most `limit`, and how many there are."""
    kept, count = events(here, what)
    if "ids" in kept:
        return kept["ids"][:limit], count
    with reading(here.engine) as db:
        rule, _ = replaying.in_force(db, kept["rule"])
        return replays_of.found(db, rule, bulk.asked_of(kept), limit), count


def _said(what: Mapping[str, Any], names: Sequence[str], subjects: str) -> tuple[Dict, list[int] | None]:
    where = {name: value for name, value in dict(what.get("where") or {}).items() if value not in (None, "", [])}
    ids = sorted(set(what["ids"])) if what.get("ids") else None
    for name in where:
        if name not in names:
            raise ConfigError(
                f'{subjects} have no "{name[:40]}"{did_you_mean(name, names) or "."} A filter knows: {", ".join(names)}'
            )
    if ids is not None and len(ids) > MOST_CHOSEN:
        raise ConfigError(f"{len(ids)} {subjects} were chosen; at most {MOST_CHOSEN} at once. Use a filter for more.")
    if ids is not None and where:
        raise ConfigError(f"give ids of {subjects} or a filter, not both.")
    if ids is None and not where and not what.get("everything"):
        raise ConfigError(
            f"no filter was given, and that would be all {subjects}. Say which are meant ({', '.join(names)}), or say explicitly "
            'that it is all of them (--all, in the API "everything": true).'
        )
    return where, ids


def _pin(where: Dict, here: dt.datetime) -> None:
    """`6h` and `2026-03-01T08:00:00Z` become moments that stay what they are while the work goes on."""
    for name in bulk.MOMENTS:
        if name in where:
            where[name] = moment(str(where[name]), here).isoformat()


def moment(text: str, here: dt.datetime) -> dt.datetime:
    """Raises: ConfigError when it is neither a span of time nor a moment."""
    if text[:1].isdigit() and text[-1:] in "hd":
        return here - dt.timedelta(hours=fitting.hours(text) or 0)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f'"{text[:40]}" is no moment. Write a span such as 6h or 7d, or 2026-03-01T08:00:00Z.') from None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _all_there(wanted: Sequence[int], found: Sequence[int], what: str) -> None:
    if missing := sorted(set(wanted).difference(found)):
        raise NotThere(f"there is no {what} {missing[0]}. List them: tieback {what}s list")
