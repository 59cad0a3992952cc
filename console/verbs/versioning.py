"""The versions of an automation: compared, tested, back-tested, and put in force by a person.

What the site's file says is in force, unless a person has chosen another version: then the file's waits as `offered`
until somebody follows the file again.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from automations import claims, definition, differing
from automations.durations import shown as length_shown
from automations.parts import Automation
from config.errors import ConfigError
from console.verbs import holding, operating
from console.verbs.at_hand import AtHand, NotThere
from console.verbs.ruling import row_of
from store import alerts, audit, costs, definitions, hooks, operations, runs, timers
from store import connectors as kept_connectors
from store.session import reading, writing
from workers import config_events
from workers.loaded import site_tables
from workers.site import known_now

Dict = dict[str, Any]
IN_FORCE, OFFERED = "in-force", "offered"
FEWEST_SIGNS = 4
MOST_BACKTESTS = 5


def listed(here: AtHand, name: str) -> list[Dict]:
    """Every version there was, the newest first, without the texts. Raises: NotThere."""
    with reading(here.engine) as db:
        row = row_of(db, name)
        return [_short(one, row) for one in definitions.versions(db, name)]


def _short(one: Any, row: Any) -> Dict:
    return {
        "version": one.hash, "file": one.file, "created_at": one.created_at, "in_force": one.id == row.version_id,
        "offered": one.id == row.offered_id,
    }  # fmt: skip


def shown(here: AtHand, name: str, version: str) -> Dict:
    """One version with its text. `version`: its hash or the beginning of it, `in-force` or `offered`. Raises: NotThere."""
    with reading(here.engine) as db:
        row = row_of(db, name)
        one = _version(db, row, version)
    return {"automation": name, **_short(one, row), "source": one.source}


def _version(db: Any, row: Any, version: str) -> Any:
    if version in (IN_FORCE, OFFERED):
        id = row.version_id if version == IN_FORCE else row.offered_id
        if id is None:
            what = "in force" if version == IN_FORCE else "offered by its file"
            raise NotThere(f"version: nothing of {row.name} is {what}.")
        return definitions.version(db, id)
    known = definitions.versions(db, row.name)
    found = [one for one in known if len(version) >= FEWEST_SIGNS and one.hash.startswith(version.lower())]
    if len(found) != 1:
        which = ", ".join(one.hash[:8] for one in known[:10])
        what = f"is the beginning of {len(found)} versions" if found else "is no version"
        raise NotThere(f'version: "{version[:64]}" {what} of {row.name}. There are {which}, {IN_FORCE} and {OFFERED}.')
    return definitions.version(db, found[0].id)


def difference(here: AtHand, name: str, before: str, after: str) -> Dict:
    """`changes` are sentences in the words of a rule, `diff` the lines of a unified diff. Raises: as `shown`."""
    one, other = shown(here, name, before), shown(here, name, after)
    lines = difflib.unified_diff(
        one["source"].splitlines(), other["source"].splitlines(), one["version"][:8], other["version"][:8], lineterm=""
    )
    try:
        changes = differing.differences(one["source"], other["source"])
    except ConfigError as error:  # a text that this Tieback no longer reads differs as text all the same
        changes = [str(error)]
    return {"from": one["version"], "to": other["version"], "changes": changes, "diff": list(lines)}


def rule(here: AtHand, name: str, version: str) -> Automation:
    """As it is run. Raises: as `shown`; Problems when this Tieback no longer reads it."""
    one = shown(here, name, version)
    return definition.reload(one["source"], one["file"])


def tested(here: AtHand, name: str, version: str) -> list[Dict]:
    """Each of the version's `tests:` with how it ended. Nothing is called or stored. Raises: as `shown`; Problems."""
    with reading(here.engine) as db:
        tables = site_tables(db)
    return [
        {"test": each.test, "ok": each.ok, "why": each.why, "values": dict(each.values),
         "differences": [vars(difference) for difference in each.differences]}
        for each in claims.verdicts(rule(here, name, version), tables)
    ]  # fmt: skip


def backtest(here: AtHand, name: str, version: str, since: str) -> int:
    """Begin one over what is stored since then, such as 30d; the operation's id. Raises: as `shown`; ConfigError."""
    one = shown(here, name, version)
    what = {"automation": name, "since": since, "source": one["source"], "file": one["file"]}
    return operating.start(here, "backtest", what, why=f"version {one['version'][:8]} of {name}")


def backtests(here: AtHand, name: str) -> list[Dict]:
    """The newest back-tests of an automation, with `version` and `result`; the newest first."""
    with reading(here.engine) as db:
        found = operations.listed(db, limit=200, kind="backtest")
    mine = [one for one in found if one["what"].get("automation") == name][:MOST_BACKTESTS]
    return [{**one, "version": definitions.content_hash(one["what"].get("source", ""))} for one in mine]


def about(here: AtHand, name: str) -> Dict:
    """Who holds a version and why, what it costs in calls, and how what it expects stands. Raises: NotThere."""
    with reading(here.engine) as db:
        row = row_of(db, name)
        return {
            "held": row.held,
            "offered": row.offered_hash,
            "cost": costs.of_automation(db, name),
            "expect": _expected(db, row),
            "manual": _manual(row),
        }


def _manual(row: Any) -> str | None:
    """What its manual trigger is about: a resource, "" for nothing; None when it has none."""
    if not row.source:
        return None
    try:
        triggers = definition.reload(row.source, row.file).triggers
    except ConfigError:
        return None
    return next((one.resource for one in triggers if one.kind == "manual"), None)


def _expected(db: Any, row: Any) -> Dict | None:
    """What the version in force promises, the last run that was ok, and what is amiss now; None when it promises nothing."""
    if not row.source:
        return None
    try:
        expect = definition.reload(row.source, row.file).expect
    except ConfigError:
        return None
    wanted = {"success every": expect.success_every_s, "lag p95": expect.lag_p95_s}
    promised = {key: length_shown(value) for key, value in wanted.items() if value is not None}
    if not promised:
        return None
    amiss = [one for kind in ("silence", "lag") for one in alerts.every(db, kind=kind) if one.subject == row.name]
    return {"promised": promised, "last_ok": runs.last_ok(db, row.name), "amiss": [one.message for one in amiss]}


def hold(here: AtHand, name: str, reason: str) -> str:
    """Keep what is in force: what the file says from now on waits for a person. Its version. Raises: NotThere; ConfigError."""
    return activate(here, name, IN_FORCE, reason)


def activate(here: AtHand, name: str, version: str, reason: str, *, follow: bool = False) -> str:
    """Put a version that was ever in force, or that waits, in force now; its hash.

    What the file says waits from now on, so that nothing of it undoes the choice, until somebody follows the file; `follow`
    does so at once when it is the file's own text. Runs that have begun go on with theirs. Raises: NotThere; ConfigError.
    """
    why = holding.said_why(reason, "the version", "held")
    with writing(here.engine) as db:
        row = row_of(db, name)
        one = _version(db, row, version)
        definition.load(one.source, one.file, known_now(db))
        files_id = row.offered_id or row.version_id
        if follow and one.id != files_id:
            raise ConfigError(f"version: {one.hash[:8]} is not what the file of {name} says; it would be undone at once.")
        held = None if follow else {"by": here.actor, "reason": why, "at": timers.clock(db).isoformat()}
        definitions.choose(db, name, one.id, held, None if one.id == files_id else files_id)
        _follows(here, db, row, one, why, held)
    return str(one.hash)


def follow(here: AtHand, name: str) -> str:
    """Let the file say again what is in force, from now on. The version's hash. Raises: NotThere; ConfigError."""
    with reading(here.engine) as db:
        row = row_of(db, name)
    if row.held is None:
        raise ConfigError(f"nobody holds a version of {name}: its file says what is in force.")
    return activate(here, name, OFFERED if row.offered_id else IN_FORCE, "the file is followed again", follow=True)


def _follows(here: AtHand, db: Any, row: Any, one: Any, why: str, held: Dict | None) -> None:
    """What has to follow from another version: audit, event, schedules, hooks, and every process reads it anew."""
    same = one.id == row.version_id
    verb = "held" if same and held else "follows its file" if same else "activated"
    detail = {"version": one.hash, "was": row.hash, "reason": why, "held": held is not None}
    audit.note(db, here.actor, f"automation {verb}", row.name, detail)
    definitions.changed(db)
    if same:
        return
    about = {"automations": [row.name], "by": here.actor, "change": "activated", "reason": why, "version": one.hash[:8]}
    config_events.note(db, "automations.changed", row.name, config_events.SITE, about)
    timers.sooner(db, "schedules", "site", in_s=0.0)
    for name in _hooked(db):
        timers.sooner(db, "hooks", name, in_s=1.0)


def _hooked(db: Any) -> Iterable[str]:
    return (
        one.name for one in kept_connectors.every(db) if any(hook.status == "active" for hook in hooks.of_connector(db, one.name))
    )
