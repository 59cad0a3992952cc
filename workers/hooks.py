"""Hooks at Procore: what the automations in force need, against what is there."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine

from automations.parts import Automation
from config.errors import ConfigError
from config.logs import about
from config.secrets import Box, Secret
from config.settings import Settings
from connectors import catalogue
from connectors import hooks as remote
from connectors.definition import Connector
from connectors.hook_api import Trigger
from connectors.hooks import Change, Done, Plan
from connectors.kinds.procore_dmsa import Procore
from store import audit, connectors, cursors, definitions, hooks, timers
from store.session import reading, writing
from workers import config_events, looking, projects
from workers.loaded import Loaded, connector_of

log = logging.getLogger("tieback.hooks")

HOOKS_EVERY_S = looking.EVERY_S
VALIDATE_EVERY_S = 24 * 3600
IDS_FIRST_S, IDS_EVERY_S = 24 * 3600, 3600
RETIRED_AFTER_S = 24 * 3600
BELIEVED_FOR = dt.timedelta(days=1)
NOT_OFFERED = "not offered"
# A door reads our hooks again at most every 0.2 s, so a secret or a key is known everywhere after that.
KNOWN_AFTER_S = 0.5
MOST_NAMED = 20


class Hooks:
    """The hooks of one connector. Making one of our keys and asking Procore are separate transactions, never one."""

    def __init__(self, engine: Engine, box: Box, settings: Settings, loaded: Loaded, name: str, lane: str = "manual"):
        self._engine = engine
        self._box = box
        self._settings = settings
        self._loaded = loaded
        self._known_at = 0.0
        self.connector: Connector = loaded.connector(name)
        self.procore: Procore = loaded.procore(name, lane)

    def listeners(self) -> dict[Trigger, list[str]]:
        """The automations that listen to each (resource in lower case, action)."""
        return listeners(self._loaded.automations, self.connector.name)

    def subscriptions(self) -> tuple[set[Trigger], list[str]]:
        """The (resource, action) pairs to subscribe to, and a sentence for each that Procore does not send."""
        listening = listeners(self._loaded.automations, self.connector.name, as_written=True)
        pairs, refused = remote.sent(listening)
        return pairs, [f"{why} Needed by: {', '.join(listening[pair])}." for pair, why in refused.items()]

    def plan(self, *, deletions: bool = False, permitted: list[str] | None = None, most: int | None = None) -> Plan:
        """What would be done. `permitted` are the project ids if they are known; `most` how many scopes to look at that
        need nothing as far as we know.

        Raises: ConfigError without TIEBACK_PUBLIC_URL; else as the connector does.
        """
        self._check_public_url()
        pairs, warnings = self.subscriptions()
        if permitted is None and of_projects(pairs):
            permitted = [str(one["id"]) for one in self.procore.wanted_projects()]
        wanted = remote.desired(pairs if most is None else pairs - self._withheld(pairs), permitted or [])
        self._ensure_keys(wanted)
        rows = self._rows()
        vanished = [] if permitted is None else self._vanished(rows, permitted)
        chosen = _chosen(wanted, rows, most)
        left_over = [scope for scope in rows if scope not in wanted and scope not in vanished] if deletions else []
        believed = {scope for scope in chosen if not deletions and _believed(rows[scope], wanted[scope])}
        plan = remote.plan(
            self.procore,
            chosen,
            lambda scope: self._url(rows[scope]),
            deletions=deletions,
            rewrite=_rewrite(rows),
            also_look_at=left_over,
            believed=believed,
        )
        self._note_seen(plan, {*chosen, *left_over}, vanished)
        self._withhold(plan.not_offered)
        return replace(plan, warnings=(*warnings, *self._named(vanished), *plan.warnings))

    def _withheld(self, pairs: Iterable[Trigger]) -> set[Trigger]:
        """Those that this account did not offer less than a day ago: the timer does not ask for them at every look."""
        with reading(self._engine) as db:
            until = {pair: cursors.get(db, NOT_OFFERED, self.connector.name, *pair) for pair in pairs}
            here = timers.clock(db)
        return {pair for pair, moment in until.items() if moment is not None and moment > here}

    def _withhold(self, pairs: Iterable[Trigger]) -> None:
        with writing(self._engine) as db:
            for name, action in pairs:
                cursors.move(db, NOT_OFFERED, self.connector.name, name, action, timers.clock(db) + BELIEVED_FOR)

    def _vanished(self, rows: Mapping[str, Any], permitted: list[str]) -> list[str]:
        chosen = self.connector.projects
        return [scope for scope in rows if scope and scope not in permitted and (chosen == "all" or scope in chosen)]

    def _named(self, vanished: list[str]) -> list[str]:
        """One sentence for all of them."""
        if not vanished:
            return []
        shown = ", ".join(vanished[:MOST_NAMED]) + (", …" if len(vanished) > MOST_NAMED else "")
        count = "project" if len(vanished) == 1 else f"{len(vanished)} projects"
        return [
            f"{self.connector.name}: {count} {shown} not permitted any more, so the hook there cannot be looked at. Nothing was "
            "deleted. Permit it again in Procore: Company Admin > App Management > Permissions."
        ]

    def apply(self, changes: Iterable[Change], actor: str) -> list[Done]:
        """Do what was planned; what became of each scope. What was done is noted at once, so a stop in the middle is none."""
        with writing(self._engine) as db:
            secret = self._secret(db)
        rows = self._rows()
        time.sleep(max(0.0, self._known_at - time.monotonic()))
        return remote.apply(self.procore, changes, lambda _scope: secret, lambda one: self._note_done(one, rows, secret, actor))

    def rotate(self, actor: str, *, at_once: bool = False) -> tuple[Plan, list[Done], bool]:
        """Renew the secret: made and accepted beside the old one, then written to every hook, then the old one ends.

        One that stopped in the middle is gone on with. The last value says whether every hook sends the new one.
        Raises: ConfigError when the connector's file names the secret; else as `plan` and `apply` do.
        """
        if self.connector.source == "file" and self.connector.webhooks.secret is not None:
            raise ConfigError(
                f"the webhook secret of {self.connector.name} comes from its file (webhooks.secret). Change the value there: "
                "the new one is then written to every hook, and the old one stays valid for 24 hours."
            )
        if not any(row.procore_id and not hooks.is_told(row) for row in self._rows().values()):
            with writing(self._engine) as db:
                _renew(db, self._box, self.connector)
                audit.note(db, actor, "webhook secret renewed", self.connector.name)
                definitions.changed(db)
        plan = self.plan()
        done = self.apply(plan.changes, actor)
        return plan, done, self.retire(0.0 if at_once else RETIRED_AFTER_S)

    def retire(self, in_s: float) -> bool:
        with writing(self._engine) as db:
            return hooks.retire(db, self.connector.name, in_s)

    def url_of(self, scope: str) -> str:
        return self._url(self._rows()[scope])

    def _url(self, row: Any) -> str:
        return f"{self._settings.public_url}/webhooks/{row.key}"

    def expected(self) -> dict[str, Any]:
        """What validation compares hooks with, as far as it can be known without asking Procore for projects."""
        rows = self._rows()
        if not rows or not self._settings.public_url:
            return {}
        there = [scope for scope, row in rows.items() if scope and row.status != "vanished"]
        return {"hook_url_of": self.url_of, "wanted": remote.desired(self.subscriptions()[0], there)}

    def _check_public_url(self) -> None:
        url = self._settings.public_url
        if not url:
            raise ConfigError(
                "TIEBACK_PUBLIC_URL is not set: Procore must know where to send. Write https://host that leads to us."
            )
        if url.startswith("http:") and self.connector.environment != "custom":
            raise ConfigError(f'TIEBACK_PUBLIC_URL is "{url}": Procore sends to https only. Put a proxy that ends TLS in front.')

    def _ensure_keys(self, scopes: Iterable[str]) -> None:
        """A key for each of the scopes, and the secret of today for every hook."""
        name, company = self.connector.name, self.connector.company_id
        with writing(self._engine) as db:
            secret = self._secret(db)
            before = {row.project_id: row.sealed for row in hooks.of_connector(db, name)}
            for scope in dict.fromkeys([*scopes, *before]):
                hooks.ensure(db, self._box, name, company, scope, secret)
            after = {row.project_id: row.sealed for row in hooks.of_connector(db, name)}
        if after != before:
            self._known_at = time.monotonic() + KNOWN_AFTER_S

    def _secret(self, db: Connection) -> Secret:
        """As it is now: what a file refers to may have changed since it was loaded."""
        row = connectors.get(db, self.connector.name)
        if row is None or row.source != "file":
            return secret_of(db, self._box, self.connector)
        texts = {one.path: one.source for one in definitions.site_files(db, "connectors") if one.source}
        return secret_of(db, self._box, connector_of(row, texts, self._box, self._settings))

    def _rows(self) -> dict[str, Any]:
        with reading(self._engine) as db:
            return {row.project_id: row for row in hooks.of_connector(db, self.connector.name)}

    def _note_seen(self, plan: Plan, looked_at: set[str], vanished: list[str]) -> None:
        seen = {hook.scope: hook for hook in plan.hooks}
        with writing(self._engine) as db:
            for row in hooks.of_connector(db, self.connector.name):
                scope = row.project_id
                if scope in vanished:
                    hooks.note(db, row.key, procore_id=row.procore_id, status="vanished")
                if scope not in looked_at or scope in plan.problems:
                    continue
                hook = seen.get(scope)
                ours = hook is not None and hook.url.endswith(f"/webhooks/{row.key}")
                read = list(hook.triggers) if hook and all(hook.triggers.values()) else None
                id, status = (hook.id, hook.status) if hook and ours else (None, "missing")
                hooks.note(db, row.key, procore_id=id, status=status, triggers=read)

    def _note_done(self, one: Done, rows: Mapping[str, Any], secret: Secret, actor: str) -> None:
        with writing(self._engine) as db:
            detail = {"scope": one.scope, "changes": [change.kind for change in one.changes], "error": one.error}
            audit.note(db, actor, "hooks applied", self.connector.name, detail)
            gone = any(change.kind == "delete_hook" for change in one.changes) and one.hook_id is None
            if one.scope not in rows:
                return
            if gone and one.error is None:
                hooks.remove(db, rows[one.scope].key)
            elif one.hook_id:
                there = _after(one, rows[one.scope])
                hooks.note(db, rows[one.scope].key, procore_id=one.hook_id, status="active", triggers=there)
            if one.written:
                hooks.told(db, self._box, rows[one.scope].key, secret)


def secret_of(db: Connection, box: Box, connector: Connector) -> Secret:
    """The Authorization value Procore is to send: the file's, else one of 256 random bits that we keep."""
    if connector.source == "file" and connector.webhooks.secret is not None:
        return connector.webhooks.secret
    row = connectors.get(db, connector.name)
    if row is None:
        raise ConfigError(f'there is no connector "{connector.name}". Add it first.')
    kept = connectors.unseal(box, row)
    return kept["webhook_secret"] if "webhook_secret" in kept else _renew(db, box, connector)


def _renew(db: Connection, box: Box, connector: Connector) -> Secret:
    row = connectors.get(db, connector.name)
    assert row is not None
    kept = {**connectors.unseal(box, row), "webhook_secret": Secret("tb_" + secrets.token_urlsafe(32))}
    connectors.put(db, connector.name, row.source, row.config, connectors.seal(box, connector.name, kept))
    return kept["webhook_secret"]


def _after(one: Done, row: Any) -> set[Trigger] | None:
    """The triggers of a hook now that this was done; None when they must be read to know."""
    if one.error or one.adopted:
        return None
    made = any(change.kind == "create_hook" for change in one.changes)
    pairs = set() if made else _pairs(row.triggers)
    for change in one.changes:
        pair = (str(change.resource).lower(), str(change.action))
        pairs = pairs | {pair} if change.kind == "add_trigger" else pairs - {pair}
    return pairs


def _rewrite(rows: Mapping[str, Any]) -> dict[str, str]:
    """The scopes whose secret must be written anew, with the reason."""
    found = {}
    for scope, row in rows.items():
        if not hooks.is_told(row):
            found[scope] = "its secret is renewed"
        elif row.refused:
            found[scope] = (
                f"{row.refused} of its deliveries came with a secret that is not ours, last at {row.refused_at:%H:%M} UTC"
            )
    return found


def _chosen(wanted: remote.Wanted, rows: Mapping[str, Any], most: int | None) -> dict[str, Any]:
    """The scopes to look at: those that need something, then those that were not looked at for longest."""
    if most is None:
        return dict(wanted)
    pressing = _rewrite(rows)
    urgent = [
        scope
        for scope, pairs in wanted.items()
        if scope in pressing or rows[scope].status != "active" or not _lower(pairs) <= _pairs(rows[scope].triggers)
    ]
    others = sorted((scope for scope in wanted if scope not in urgent), key=lambda scope: rows[scope].updated_at)
    return {scope: wanted[scope] for scope in [*urgent, *others[: max(0, most - len(urgent))]]}


def _believed(row: Any, wanted: Iterable[Trigger]) -> bool:
    lately = row.looked_at is not None and row.here - row.looked_at < BELIEVED_FOR
    return lately and _pairs(row.triggers) == _lower(wanted)


def _pairs(kept: Any) -> set[Trigger]:
    return {(name, action) for name, action in kept or ()}


def _lower(pairs: Iterable[Trigger]) -> set[Trigger]:
    return {(name.lower(), action) for name, action in pairs}


def listeners(automations: Iterable[Automation], connector: str, *, as_written: bool = False) -> dict[Trigger, list[str]]:
    """The automations that listen to each (resource, action) of a connector; the resource in lower case or as they write it."""
    found: dict[Trigger, list[str]] = defaultdict(list)
    for automation in automations:
        for trigger in automation.triggers:
            if trigger.kind in ("webhook", "sweep") and trigger.connector == connector and automation.stage != "off":
                name = str(trigger.resource) if as_written else str(trigger.resource).lower()
                for action in trigger.actions or _of_sweep(name):
                    if automation.id not in found[name, action]:
                        found[name, action].append(automation.id)
    return dict(found)


def _of_sweep(resource: str) -> tuple[str, ...]:
    """A sweep reads our copies, which hooks keep up to date where Procore sends any."""
    row = catalogue.subscribable(resource)
    return () if row is None else tuple(action for action in row.actions if action not in row.retired)


def of_projects(subscriptions: Iterable[Trigger]) -> bool:
    known = (catalogue.subscribable(name) for name, _ in subscriptions)
    return any(one is not None and one.scope == "project" for one in known)


def keep_in_order(desk: Any, name: str) -> None:
    """The timer's work: add what is missing at Procore, and enable what was disabled. Deletions wait for a person."""
    if not desk.settings.public_url or name not in desk.loaded.connectors() or desk.loaded.paused(name):
        return
    mine = Hooks(desk.engine, desk.box, desk.settings, desk.loaded, name, lane="schedule")
    with writing(desk.engine) as db:
        hooks.keep_delivered(db, name)
    most = looking.most(desk.loaded.quota, name)
    pairs, _ = mine.subscriptions()
    permitted = projects.look(desk, mine.procore, {resource for resource, _ in pairs}) if of_projects(pairs) else None
    plan = mine.plan(permitted=permitted, most=most)
    if plan.changes:
        _mend(desk, mine, plan)
    mine.retire(RETIRED_AFTER_S)


def _mend(desk: Any, mine: Hooks, plan: Plan) -> None:
    name = mine.connector.name
    log.warning("hooks.drifted", extra=about(connector=name, changes=len(plan.changes)))
    done = mine.apply(plan.changes, "relay")
    for one in done:
        if one.error:
            log.warning("hooks.not_mended", extra=about(connector=name, project=one.scope, error=one.error))
    mended = [{"project_id": one.scope, "why": one.changes[0].reason} for one in done if one.error is None]
    if mended:
        with writing(desk.engine) as db:
            config_events.note(db, "hooks.changed", name, "relay", {"hooks": len(mended), "mended": mended[:MOST_NAMED]})


def arm(db: Connection, name: str) -> None:
    """Timers of a connector. Sweeps begin one interval after it was added: at first only lost deliveries are asked for."""
    timers.ensure(db, "hooks", name, in_s=HOOKS_EVERY_S, every_s=HOOKS_EVERY_S)
    timers.ensure(db, "validate", name, in_s=VALIDATE_EVERY_S, every_s=VALIDATE_EVERY_S)
    timers.ensure(db, "repair", name, in_s=looking.EVERY_S, every_s=looking.EVERY_S)
    timers.ensure(db, "sweep", name, in_s=looking.EVERY_S, every_s=looking.EVERY_S)
    timers.ensure(db, "ids", name, in_s=IDS_FIRST_S, every_s=IDS_EVERY_S)
