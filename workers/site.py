"""Brings the site folder into the store. A broken file never stops the others; its last good text stays in force."""

from __future__ import annotations

import datetime as dt
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from automations import calendars, definition, tables
from automations.known import Known
from config import yamlfile
from config.errors import ConfigError
from config.logs import about
from config.problems import Problems
from config.secrets import Box
from config.settings import Settings
from connectors import definition as connector_definition
from connectors import destinations
from store import audit, connectors, definitions, hooks, timers
from store.session import reading, retrying, writing
from store.types import storable
from workers import alert_file, alerting, config_events, expecting, purging, schedules
from workers.hooks import HOOKS_EVERY_S, arm
from workers.loaded import lookup_tables, site_calendars

log = logging.getLogger("tieback.site")

HOOKS_SOON_S = 10.0
FOLDERS = ("connectors", "destinations", "lookups", "calendars", "automations")
MOST_NAME = 64
MOST_NAMED = 50
MOST_FILE_NAME = 180

_stamps: dict[Path, tuple[Any, ...]] = {}


def look(engine: Engine, box: Box, settings: Settings) -> None:
    """Load the site when a file of it was added, changed or removed since the last look, or somebody said so."""
    with reading(engine) as db:
        asked = definitions.fact(db, "site_asked")
    if _stamps.get(settings.site) != (asked, _stamp(settings.site)):
        load(engine, box, settings)


@retrying
def load(engine: Engine, box: Box, settings: Settings, actor: str = "relay") -> list[str]:
    """Read every file and put in force what loads, all in one transaction. Returns the messages of what does not."""
    stamp = _stamp(settings.site)
    with writing(engine) as db:
        asked = definitions.fact(db, "site_asked")
        messages = _Site(db, settings, actor).apply()
        definitions.set_fact(db, "site_loaded", "yes")
    _stamps[settings.site] = asked, stamp
    for message in messages:
        log.error("site.broken", extra=about(error=message))
    return messages


class _Site:
    def __init__(self, db: Connection, settings: Settings, actor: str):
        self._db = db
        self._site = settings.site
        self._actor = actor
        self._messages: list[str] = []
        self._changed = False
        self._automations_changed: list[str] = []
        self._named: dict[str, str] = {}  # path of a connector's file -> the name it gives

    def apply(self) -> list[str]:
        if not self._site.is_dir() and self._anything_loaded():
            return [f"the site folder {self._site} is not there. What was loaded last stays in force; bring the folder back."]
        kept_paths: set[str] = set()
        paths = _files(self._site, "connectors")
        self._named = {f"connectors/{path.name}": name for path in paths if (name := _name_in(path))}
        for folder, take in (
            ("connectors", self._connector), ("destinations", self._destination),
            ("lookups", tables.table), ("calendars", calendars.parse),
        ):  # fmt: skip
            for path in _files(self._site, folder):
                shown = f"{folder}/{path.name}"
                kept_paths.add(shown)
                self._site_file(path, shown, take)
        if (self._site / alert_file.FILE).is_file():
            kept_paths.add(alert_file.FILE)
            self._site_file(self._site / alert_file.FILE, alert_file.FILE, self._alerts)
        self._changed |= definitions.forget_site_files(self._db, kept_paths)
        self._retire_connectors(kept_paths)
        self._automations()
        self._messages += [
            f"{path.name[:40]}…: the file's name is too long, so it is not read. Shorten it." for path in _ignored(self._site)
        ]
        if self._changed:
            definitions.changed(self._db)
            self._look_after_hooks()
        if self._automations_changed:
            detail = {"automations": self._automations_changed[:MOST_NAMED], "by": self._actor}
            config_events.note(self._db, "automations.changed", "", config_events.SITE, detail)
        return self._messages

    def _anything_loaded(self) -> bool:
        return bool(definitions.every(self._db)) or any(row.source == "file" for row in connectors.every(self._db))

    def _look_after_hooks(self) -> None:
        """Where hooks are in place already, what the automations need now is added soon; the first ones a person applies."""
        for row in connectors.every(self._db):
            if any(hook.status == "active" for hook in hooks.of_connector(self._db, row.name)):
                timers.arm(self._db, "hooks", row.name, in_s=HOOKS_SOON_S, every_s=HOOKS_EVERY_S)

    def _site_file(self, path: Path, shown: str, take: Any) -> None:
        source, broken = "", None
        try:
            source = path.read_text("utf-8-sig")
            take(source, shown)
        except (OSError, UnicodeDecodeError) as error:
            broken = f"{shown}: cannot be read ({error})"
        except ConfigError as error:
            broken = storable(str(error))
        if broken:
            self._messages.append(broken)
        self._note(definitions.keep_site_file(self._db, shown, source, broken), "site file changed", shown)

    def _connector(self, source: str, shown: str) -> None:
        parsed = connector_definition.parse(yamlfile.parse(source, shown))
        row = connectors.get(self._db, parsed.name)
        if row is not None and row.state != "removed" and not self._is_its_file(row, shown):
            raise ConfigError(f'{shown}: a connector "{parsed.name}" exists already. Give this one another name.')
        config = {**connector_definition.as_config(parsed), "file": shown}
        known = row is not None and row.state != "removed"
        kind = "connector.updated" if known else "connector.created"
        if known and row is not None and connectors.leads_elsewhere(row.config, config):
            self._moved(row)
        self._note(connectors.put(self._db, parsed.name, "file", config, None), "connector changed", parsed.name, kind)
        arm(self._db, parsed.name)

    def _moved(self, row: Any) -> None:
        """What was learnt at the old place is of no use at the new one; the hooks there need somebody to take them away."""
        connectors.forget_place(self._db, row.name)
        count = hooks.leave(self._db, row.name, connectors.place_of(row.config))
        if count:
            audit.note(self._db, self._actor, "hooks left behind", row.name, {"hooks": count, **connectors.place_of(row.config)})
            log.warning("hooks.left", extra=about(connector=row.name, company=row.config.get("company_id"), count=count))

    def _is_its_file(self, row: Any, shown: str) -> bool:
        """True also when the file it came from is gone, or names another connector now: then it was moved here."""
        before = row.config.get("file")
        return row.source == "file" and (before == shown or not self._still_names(before, row.name))

    def _still_names(self, shown: str, name: str) -> bool:
        """A file that cannot be read right now still stands for what it named."""
        return (self._site / shown).exists() and self._named.get(shown, name) == name

    def _destination(self, source: str, shown: str) -> None:
        destinations.parse(yamlfile.parse(source, shown))

    def _alerts(self, source: str, shown: str) -> None:
        alert_file.read(source, shown, known_now(self._db).destinations)

    def _retire_connectors(self, kept_paths: set[str]) -> None:
        for row in connectors.every(self._db):
            file = row.config.get("file")
            if row.source == "file" and (file not in kept_paths or self._named.get(file, row.name) != row.name):
                connectors.set_state(self._db, row.name, "removed", "its file is gone")
                timers.disarm(self._db, row.name)
                self._note(True, "connector removed", row.name, "connector.removed")

    def _automations(self) -> None:
        known = known_now(self._db)
        names: dict[str, str] = {}
        broken: dict[str, str] = {}
        rules: list[definition.Automation] = []
        standing = definitions.every(self._db)
        before = {row.file: row.name for row in standing if row.file}
        held = {row.name: row for row in standing if row.held and row.source}
        for path in _files(self._site, "automations"):
            shown = f"automations/{path.name}"
            try:
                source = yamlfile.text(path, shown)
                rule = definition.load(source, shown, known)
                if rule.id in names:
                    raise ConfigError(f'{shown}: the id "{rule.id}" is taken by {names[rule.id]}. Give one of them another id.')
                names[rule.id] = shown
                news = definitions.activate(self._db, rule.id, shown, source)
                self._note(bool(news), f"automation {news}", rule.id, detail={"version": rule.version, "file": shown})
                kept = held.get(rule.id)
                rules.append(rule if kept is None else definition.reload(kept.source, kept.file))
            except ConfigError as error:
                self._messages.append(_drawn(error))
                broken.setdefault(before.get(shown, path.stem[:MOST_NAME]), _drawn(error))
        for name, message in broken.items():
            if name not in names:  # else another file has taken over what this one was, or is called alike
                self._note(definitions.note_broken(self._db, name, storable(message)), "automation broken", name)
        for name in definitions.keep_only(self._db, {*names, *broken}):
            self._note(True, "automation retired", name)
        paused = set(definitions.in_state(self._db, "paused"))
        schedules.sync(self._db, [rule for rule in rules if rule.id not in paused], also={*broken, *paused})
        timers.ensure(self._db, "schedules", "site", in_s=schedules.SYNC_EVERY_S, every_s=schedules.SYNC_EVERY_S)
        timers.ensure(self._db, "expect", "site", in_s=expecting.EVERY_S, every_s=expecting.EVERY_S)
        timers.ensure(self._db, "alerts", "site", in_s=alerting.EVERY_S, every_s=alerting.EVERY_S)
        night_s = purging.until_night_s(dt.datetime.now().astimezone())
        timers.ensure(self._db, purging.KIND, purging.SUBJECT, in_s=night_s, every_s=86_400)

    def _note(self, news: bool, verb: str, subject: str, kind: str | None = None, detail: Any = None) -> None:
        """`kind` is that of the configuration event which tells of it; automations are told of together, at the end."""
        if not news:
            return
        self._changed = True
        audit.note(self._db, self._actor, verb, subject, detail)
        if kind:
            config_events.note(self._db, kind, subject, config_events.SITE, {"by": self._actor})
        elif verb.startswith("automation"):
            self._automations_changed.append(subject)


def known_now(db: Connection) -> Known:
    """The names that an automation may use, as they were loaded last."""
    rows = definitions.site_files(db, "destinations")
    return Known(
        connectors={row.name for row in connectors.every(db)},
        destinations={name for row in rows if row.source and (name := _destination_in(row))},
        lookups={one.name: one.item for one in lookup_tables(db)},
        calendars=set(site_calendars(db)),
    )


def _name_in(path: Path) -> str | None:
    """The connector that a file names; None when it cannot be told."""
    with suppress(OSError, UnicodeDecodeError, ConfigError):
        return connector_definition.parse(yamlfile.parse(path.read_text("utf-8-sig"), path.name)).name
    return None


def _destination_in(row: Any) -> str | None:
    with suppress(ConfigError):  # its last good text was good for an older version of Tieback
        return destinations.name_of(yamlfile.parse(row.source, row.path))
    return None


def _drawn(error: ConfigError) -> str:
    if isinstance(error, Problems) and error.source:
        return "\n".join(problem.drawn(error.source) for problem in error.found)
    return str(error)


def _files(site: Path, folder: str) -> list[Path]:
    return [path for path in _yaml(site / folder) if len(path.name) <= MOST_FILE_NAME]


def _ignored(site: Path) -> list[Path]:
    return [path for folder in FOLDERS for path in _yaml(site / folder) if len(path.name) > MOST_FILE_NAME]


def _yaml(folder: Path) -> list[Path]:
    endings = (".yaml", ".yml", ".csv") if folder.name == "lookups" else (".yaml", ".yml")
    return sorted(p for p in folder.glob("*") if p.suffix in endings and not p.name.startswith("."))


def _stamp(site: Path) -> tuple[Any, ...]:
    """What changes when a file does: names, sizes and times. A file that vanishes meanwhile counts as absent."""
    stamp = []
    for folder in (*FOLDERS, "."):
        for path in _files(site, folder) if folder != "." else [site / alert_file.FILE]:
            try:
                about_it = path.stat()
            except OSError:
                continue
            stamp.append((str(path), about_it.st_size, about_it.st_mtime_ns, about_it.st_ino))
    return tuple(stamp)
