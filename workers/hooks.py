"""Hooks at Procore: what the automations in force need, against what is there."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
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
from connectors.hooks import Change, Done, Plan
from connectors.kinds.procore_dmsa import Procore
from connectors.validation import Check, validate
from store import audit, connectors, hooks, timers
from store.session import writing
from workers.loaded import Loaded

log = logging.getLogger("tieback.hooks")

HOOKS_EVERY_S = 15 * 60
VALIDATE_EVERY_S = 24 * 3600


class Hooks:
    """The hooks of one connector. Making one of our keys and asking Procore are separate transactions, never one."""

    def __init__(self, engine: Engine, box: Box, settings: Settings, loaded: Loaded, name: str, lane: str = "manual"):
        self._engine = engine
        self._box = box
        self._settings = settings
        self._loaded = loaded
        self.connector: Connector = loaded.connector(name)
        self.procore: Procore = loaded.procore(name, lane)

    def wanted(self) -> remote.Wanted:
        """Scope (a project's id, or "" for the company) to what its hook must bring, from the automations in force."""
        subscriptions = set(_subscriptions(self._loaded.automations, self.connector.name))
        return remote.desired(subscriptions, self._projects() if _of_projects(subscriptions) else [])

    def _projects(self) -> list[str]:
        permitted = [str(project["id"]) for project in self.procore.projects()]
        chosen = self.connector.projects
        return permitted if chosen == "all" else [id for id in permitted if id in chosen]

    def plan(self, *, deletions: bool = False) -> Plan:
        """What would be done. Raises: ConfigError without TIEBACK_PUBLIC_URL; else as the connector does."""
        self._check_public_url()
        wanted = self.wanted()
        self._ensure_keys(wanted)
        left_over = [key for key in self._keys() if key not in wanted]
        plan = remote.plan(self.procore, wanted, self.url_of, deletions=deletions, also_look_at=left_over)
        self._note_seen(plan)
        return plan

    def apply(self, changes: Iterable[Change], actor: str) -> list[Done]:
        """Do what was planned; what became of each scope."""
        changes = list(changes)
        with writing(self._engine) as db:
            secret = secret_of(db, self._box, self.connector)
        done = remote.apply(self.procore, changes, lambda _scope: secret)
        self._note_done(done, actor)
        return done

    def url_of(self, scope: str) -> str:
        return f"{self._settings.public_url}/webhooks/{self._keys()[scope]}"

    def expected(self) -> dict[str, Any]:
        """What validation compares hooks with, as far as it can be known without asking Procore for projects."""
        keys = self._keys()
        if not keys or not self._settings.public_url:
            return {}
        subscriptions = set(_subscriptions(self._loaded.automations, self.connector.name))
        return {"hook_url_of": self.url_of, "wanted": remote.desired(subscriptions, [scope for scope in keys if scope])}

    def _check_public_url(self) -> None:
        url = self._settings.public_url
        if not url:
            raise ConfigError(
                "TIEBACK_PUBLIC_URL is not set: Procore must know where to send. Write https://host that leads to us."
            )
        if url.startswith("http:") and self.connector.environment != "custom":
            raise ConfigError(f'TIEBACK_PUBLIC_URL is "{url}": Procore sends to https only. Put a proxy that ends TLS in front.')

    def _ensure_keys(self, scopes: Iterable[str]) -> None:
        with writing(self._engine) as db:
            secret = secret_of(db, self._box, self.connector)
            for scope in scopes:
                hooks.ensure(db, self._box, self.connector.name, self.connector.company_id, scope, secret)

    def _keys(self) -> dict[str, str]:
        with writing(self._engine) as db:
            return {row.project_id: row.key for row in hooks.of_connector(db, self.connector.name)}

    def _note_seen(self, plan: Plan) -> None:
        keys = self._keys()
        seen = {hook.scope: hook for hook in plan.hooks}
        with writing(self._engine) as db:
            for scope, key in keys.items():
                if scope in plan.problems:
                    continue
                hook = seen.get(scope)
                ours = hook is not None and hook.url.endswith(f"/webhooks/{key}")
                hooks.note(
                    db, key, procore_id=hook.id if hook and ours else None, status=hook.status if hook and ours else "missing"
                )

    def _note_done(self, done: Iterable[Done], actor: str) -> None:
        keys = self._keys()
        with writing(self._engine) as db:
            for one in done:
                detail = {"scope": one.scope, "changes": [change.kind for change in one.changes], "error": one.error}
                audit.note(db, actor, "hooks applied", self.connector.name, detail)
                gone = any(change.kind == "delete_hook" for change in one.changes) and one.hook_id is None
                if gone and one.error is None and one.scope in keys:
                    hooks.remove(db, keys[one.scope])
                elif one.hook_id and one.scope in keys:
                    hooks.note(db, keys[one.scope], procore_id=one.hook_id, status="active")


def secret_of(db: Connection, box: Box, connector: Connector) -> Secret:
    """The Authorization value Procore is to send: the file's, else one of 256 random bits that we keep."""
    if connector.webhooks.secret is not None:
        return connector.webhooks.secret
    row = connectors.get(db, connector.name)
    if row is None:
        raise ConfigError(f'there is no connector "{connector.name}". Add it first.')
    kept = connectors.unseal(box, row)
    if "webhook_secret" not in kept:
        kept["webhook_secret"] = Secret("tb_" + secrets.token_urlsafe(32))
        connectors.put(db, connector.name, row.source, row.config, connectors.seal(box, connector.name, kept))
    return kept["webhook_secret"]


def _subscriptions(automations: Iterable[Automation], connector: str) -> Iterable[tuple[str, str]]:
    for automation in automations:
        for trigger in automation.triggers:
            if trigger.kind == "webhook" and trigger.connector == connector and automation.stage != "off":
                yield from ((str(trigger.resource), action) for action in trigger.actions)


def _of_projects(subscriptions: Iterable[tuple[str, str]]) -> bool:
    known = (catalogue.subscribable(name) for name, _ in subscriptions)
    return any(one is not None and one.scope == "project" for one in known)


def keep_in_order(desk: Any, name: str) -> None:
    """The timer's work: add what is missing at Procore. Deletions wait for a person."""
    if not desk.settings.public_url or name not in desk.loaded.connectors():
        return
    mine = Hooks(desk.engine, desk.box, desk.settings, desk.loaded, name, lane="schedule")
    plan = mine.plan()
    if plan.changes:
        log.warning("hooks.drifted", extra=about(connector=name, changes=len(plan.changes)))
        mine.apply(plan.changes, "relay")


def check(engine: Engine, box: Box, settings: Settings, loaded: Loaded, name: str) -> list[Check]:
    """Validate a connector as it is now, and keep the verdict."""
    mine = Hooks(engine, box, settings, loaded, name)
    resources = sorted({resource for resource, _ in _subscriptions(loaded.automations, name)})
    checks = validate(mine.procore, resources=resources, **mine.expected())
    wrong = [check for check in checks if check.state == "wrong"]
    with writing(engine) as db:
        connectors.set_verdict(db, name, {"checks": [vars(check) for check in checks], "ok": not wrong})
        row = connectors.get(db, name)
        if row is not None and row.state in ("active", "needs attention"):
            reason = f"{wrong[0].name}: {wrong[0].seen}" if wrong else None
            connectors.set_state(db, name, "needs attention" if wrong else "active", reason)
    return checks


def run_validation(desk: Any, name: str) -> None:
    """The timer's work: a change of verdict shows in `connector list` and `doctor`."""
    if name in desk.loaded.connectors():
        check(desk.engine, desk.box, desk.settings, desk.loaded, name)


def arm(db: Connection, name: str) -> None:
    """Timers of a new connector."""
    timers.ensure(db, "hooks", name, in_s=HOOKS_EVERY_S, every_s=HOOKS_EVERY_S)
    timers.ensure(db, "validate", name, in_s=VALIDATE_EVERY_S, every_s=VALIDATE_EVERY_S)
