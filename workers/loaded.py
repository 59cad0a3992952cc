"""What a worker process has in memory of the site: connectors, destinations and the automations in force.

Read from the store, so that every process sees the same; read again when the store's generation grows.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from automations import calendars, definition, tables
from automations.match import Index
from automations.parts import Automation
from automations.scope import SiteTables
from config import yamlfile
from config.errors import ConfigError, Permanent
from config.logs import about
from config.secrets import Box
from config.settings import Settings
from connectors import definition as connector_definition
from connectors import destinations
from connectors.definition import Connector
from connectors.kinds.procore_dmsa import Procore
from store import connectors as kept
from store import definitions
from store.session import reading
from workers.ports import CallLog, StoreTokens
from workers.quota import governor

log = logging.getLogger("tieback.loaded")

T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """All that was loaded at one time; it is replaced as a whole, so that no reader sees half of two.

    `versions` has the id of the version in force of each automation.
    """

    connectors: Mapping[str, Connector] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    paused: frozenset[str] = frozenset()
    destinations: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    automations: tuple[Automation, ...] = ()
    index: Index = field(default_factory=lambda: Index([]))
    tables: SiteTables = field(default_factory=SiteTables)

    @cached_property
    def swept(self) -> frozenset[tuple[str, str]]:
        """(connector, resource in lower case) whose copies a sweep reads, so that they are kept up to date."""
        live = (one for rule in self.automations if rule.stage != "off" for one in rule.triggers)
        return frozenset((one.connector, one.resource.lower()) for one in live if one.kind == "sweep")


class Loaded:
    """One per process; `fresh` before each piece of work. Connectors that cannot be resolved are kept with their reason."""

    def __init__(self, engine: Engine, box: Box, settings: Settings, call_log: CallLog):
        self._engine = engine
        self._box = box
        self._settings = settings
        self.call_log = call_log
        self.tokens = StoreTokens(engine, box)
        self.quota = governor(engine, settings, self._place)
        self._lock = threading.Lock()
        self._generation = -1
        self.site = Site()
        self._by_version: dict[int, Automation] = {}

    @property
    def automations(self) -> tuple[Automation, ...]:
        return self.site.automations

    @property
    def index(self) -> Index:
        return self.site.index

    def fresh(self, db: Connection) -> None:
        """Load anew when something was changed since. Costs one small query when nothing was."""
        generation = definitions.generation(db)
        if generation == self._generation:
            return
        with self._lock:
            if generation != self._generation:
                self._load(db)
                self._generation = generation

    def _load(self, db: Connection) -> None:
        texts = {row.path: row.source for row in definitions.site_files(db, "connectors") if row.source}
        found: dict[str, Connector] = {}
        refused: dict[str, str] = {}
        for row in kept.every(db):
            try:
                found[row.name] = connector_of(row, texts, self._box, self._settings)
            except ConfigError as error:
                refused[row.name] = str(error)
        active = definitions.active(db)
        # A version never changes, so one that is loaded already stays as it is.
        known = self._by_version
        parsed = {one.version_id: rule for one in active if (rule := known.get(one.version_id) or _parsed(one.source, one.file))}
        automations = tuple(parsed.values())
        self._by_version = parsed
        # A token that is remembered may be of the place that a connector led to before.
        self.tokens = StoreTokens(self._engine, self._box)
        self.site = Site(
            connectors=found,
            refused=refused,
            paused=frozenset(row.name for row in kept.every(db) if row.state == "paused"),
            destinations={row.path: row.source for row in definitions.site_files(db, "destinations") if row.source},
            versions={one.name: one.version_id for one in active},
            automations=automations,
            index=Index(automations),
            tables=site_tables(db),
        )
        log.info("site.loaded", extra=about(automations=len(active), connectors=len(found)))

    def automation(self, version_id: int, db: Connection | None = None) -> Automation:
        """A version as it was when its run began, whatever is in force now; read in the transaction at hand if there is one.

        A second one beside it would wait, on SQLite, for a writer that waits for the first to end.
        Raises: Problems when this code no longer reads it.
        """
        known = self._by_version.get(version_id)
        if known is None:
            with nullcontext(db) if db is not None else reading(self._engine) as at_hand:
                row = definitions.version(at_hand, version_id)
            known = self._by_version[version_id] = definition.reload(row.source, row.file)
        return known

    def in_force(self, name: str) -> tuple[Automation | None, int | None]:
        """The automation of this name as it is in force, and the id of its version."""
        rule = next((one for one in self.site.automations if one.id == name), None)
        return rule, None if rule is None else self.site.versions[name]

    def client_ids(self) -> dict[str, str]:
        """Connector name to client id, by which our own changes are known."""
        return {name: one.client_id for name, one in self.site.connectors.items()}

    def _place(self, name: str) -> str | None:
        """Whose rate limits a connector meets; None while it cannot be used."""
        one = self.site.connectors.get(name)
        whose = one and f"{one.api_host} {one.company_id} {one.client_id}"
        return hashlib.sha256(whose.encode()).hexdigest()[:16] if whose else None

    def connector(self, name: str) -> Connector:
        """Raises: Permanent when there is none of this name, or it cannot be used, with the reason."""
        site = self.site
        if name in site.refused:
            raise Permanent(site.refused[name], kind="connector")
        if name not in site.connectors:
            raise Permanent(f'there is no connector "{name}". Add it, or name another.', kind="no_connector")
        return site.connectors[name]

    def paused(self, name: str) -> bool:
        return name in self.site.paused

    def connectors(self) -> dict[str, Connector]:
        return dict(self.site.connectors)

    def procore(self, name: str, lane: str = "webhook") -> Procore:
        return Procore(self.connector(name), self.tokens, self.call_log, self.quota, lane=lane)

    def destination(self, name: str) -> Any:
        """The destination `kind:name`. Raises: Permanent when there is none, or its secrets cannot be had."""
        for path, source in self.site.destinations.items():
            try:
                node = yamlfile.parse(source, path)
                if destinations.name_of(node) == name:
                    return destinations.load(node, self._settings.env, self._settings.site)
            except ConfigError as error:
                raise Permanent(str(error), kind="no_destination") from None
        raise Permanent(f'there is no destination "{name}". Add a file to destinations/.', kind="no_destination")


def site_tables(db: Connection) -> SiteTables:
    """The lookup tables and calendars in force."""
    found = {one.name: one for one in lookup_tables(db)}
    return SiteTables(tables.values_of(found), tables.calendars_values(site_calendars(db)))


def lookup_tables(db: Connection) -> list[tables.Table]:
    """The site's lookup tables, as their files last were good."""
    kept_rows = (row for row in definitions.site_files(db, "lookups") if row.source)
    return [one for row in kept_rows if (one := _readable(tables.table, row)) is not None]


def site_calendars(db: Connection) -> dict[str, calendars.Calendar]:
    kept_rows = (row for row in definitions.site_files(db, "calendars") if row.source)
    return {PurePath(row.path).stem: one for row in kept_rows if (one := _readable(calendars.parse, row)) is not None}


def _readable(read: Callable[[str, str], T], row: Any) -> T | None:
    try:
        return read(row.source, row.path)
    except ConfigError as error:  # good for an older version of Tieback
        log.error("site_file.unreadable", extra=about(file=row.path, error=error))
        return None


def _parsed(source: str, file: str) -> Automation | None:
    """A version in force; None when this code no longer reads it, which must not stop the others."""
    try:
        return definition.reload(source, file)
    except ConfigError as error:
        log.error("automation.unreadable", extra=about(file=file, error=error))
        return None


def connector_of(row: Any, texts: dict[str, str], box: Box, settings: Settings) -> Connector:
    """A usable connector from its row; secrets come from where its file refers to, or sealed from the row.

    Raises: ConfigError with the reason.
    """
    sealed = kept.unseal(box, row)
    if row.source != "file":
        return connector_definition.from_stored(row.config, sealed)
    path = row.config.get("file", "")
    if path not in texts:
        raise ConfigError(f"connector {row.name}: its file {path} is gone or does not load. Restore it, or run: tieback doctor")
    parsed = connector_definition.parse(yamlfile.parse(texts[path], path))
    return connector_definition.resolve(parsed, settings.env, settings.site)
