"""Changing a connection that is kept: other fields, another secret, another place. Validated before anything is replaced.

Automations name a connector, so they go on with whatever it leads to. A run asks for the connector at each step:
one that is under way finishes its step with the old one and does the next with the new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from config.errors import ConfigError, TiebackError
from config.secrets import Secret
from connectors.definition import Connector, as_config
from connectors.environments import environment_of
from connectors.validation import Check
from console.verbs import connecting
from console.verbs.at_hand import AtHand
from console.verbs.connected import ours
from console.verbs.connecting import Draft, Unfit
from console.verbs.parting import taken_away
from store import calls, connectors
from store.session import reading, writing
from workers.validating import keep as keep_verdict

HOSTS = ("api_host", "login_host", "private")


class Conflict(TiebackError):
    """Somebody else changed it meanwhile. `theirs` is what is kept now, `ours` what was to be; neither holds a secret."""

    def __init__(self, name: str, began: int, version: int, theirs: Mapping[str, Any], ours: Mapping[str, Any]):
        self.version, self.theirs, self.ours = version, dict(theirs), dict(ours)
        self.seen = (
            f'connector "{name}" was changed by somebody else: it is at version {version}, this began at {began}. '
            f"{_difference(theirs, ours)} Nothing was changed."
        )
        super().__init__(
            f"{self.seen} Look at it: tieback connector show {name}; "
            f"to change it all the same, say it again with --if-version {version}."
        )


@dataclass(frozen=True)
class Editing:
    """A connection with some of its fields replaced, and what it was when the editing began."""

    draft: Draft
    before: Connector
    version: int
    secrets: Mapping[str, Secret]

    @property
    def moves(self) -> bool:
        """Whether it will lead to another place: what was learnt at the old one does not hold there."""
        return place(self.before) != place(self.draft.connector())

    @property
    def leaves_hooks(self) -> bool:
        """Whether the hooks it has would be found no more: they are known by company, app and namespace."""
        return _hooks_of(self.before) != _hooks_of(self.draft.connector())


def place(connector: Connector) -> tuple[str, str]:
    return environment_of(connector.api_host) or connector.api_host, connector.company_id


def _hooks_of(connector: Connector) -> tuple[object, ...]:
    return place(connector), connector.client_id, connector.webhooks.namespace


def edit(here: AtHand, name: str, given: Mapping[str, Any], secret: Secret | None, if_version: int | None = None) -> Editing:
    """Begin. `given` has keys of a connector file; `if_version` is what the person has looked at.

    Raises: ConfigError, Conflict when it is at another version already.
    """
    row = ours(here, name)
    kept = connectors.unseal(here.box, row)
    if secret is None and "client_secret" not in kept:
        raise ConfigError(f'connector "{name}": its client secret is not kept. Give it with --client-secret-file.')
    before = Draft(row.config, kept.get("client_secret") or Secret("x")).connector()
    draft = Draft(_merged(row.config, given), secret or kept["client_secret"])
    if if_version is not None and if_version != row.version:
        raise Conflict(name, if_version, row.version, row.config, draft.config)
    if secret is None and (host := _strange_host(before, draft.connector())):
        raise ConfigError(
            f'connector "{name}": {host} is no host of Procore\'s and has not had the client secret so far. '
            "Whoever sends it there must know it: give it again with --client-secret-file."
        )
    return Editing(draft, before, row.version, kept)


def _strange_host(before: Connector, after: Connector) -> str | None:
    """A host that would be sent the kept credentials although neither Procore nor who entered them has named it."""
    fresh = {after.login_host, after.api_host} - {before.login_host, before.api_host}
    return next((host for host in sorted(fresh) if environment_of(host) is None), None)


def _merged(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Hosts of the environment it had do not come along into another one."""
    other = given.get("environment") not in (None, config.get("environment"))
    base = {key: value for key, value in config.items() if not (other and key in HOSTS)}
    return {**base, **given, "webhooks": {**config.get("webhooks", {}), **given.get("webhooks", {})}}


def companies(here: AtHand, name: str, given: Mapping[str, Any], secret: Secret | None) -> list[dict[str, str]]:
    """The companies that these credentials see at this place, by name; nothing is changed.

    Raises: as `edit`; Permanent or Transient when Procore cannot be asked.
    """
    return connecting.companies(edit(here, name, given, secret).draft)


def change(
    here: AtHand, name: str, given: Mapping[str, Any], secret: Secret | None, if_version: int | None = None
) -> tuple[list[str], list[Check]]:
    """All in one go, for who asks no questions: edited, reached, validated, put in force. What else happened, and the checks.

    Raises: as `edit` and `replace`; then nothing was changed.
    """
    editing = edit(here, name, given, secret, if_version)
    draft = connecting.reached(editing.draft)
    checks = connecting.validated(draft)
    return replace(here, editing, draft, checks), checks


def replace(here: AtHand, editing: Editing, draft: Draft, checks: Sequence[Check]) -> list[str]:
    """Put the change in force; what else happened, such as hooks that are left behind at the old place.

    Raises: Unfit, Conflict; then nothing was changed.
    """
    if not connecting.fit(checks):
        raise Unfit(checks)
    final = Editing(draft, editing.before, editing.version, editing.secrets)
    _still(here, final)
    told = taken_away(here, draft.name) if final.leaves_hooks else []
    told += _going_over(here, draft.name) if final.moves else []
    connector = draft.connector()
    sealed = connecting.sealed_secrets(here, connector.name, draft.secret, editing.secrets)
    with writing(here.engine) as db:
        if not connectors.change(db, connector.name, editing.version, as_config(connector), sealed):
            raise _conflict(connectors.get(db, connector.name), final)
        _forget(db, final)
        keep_verdict(db, connector.name, checks, here.actor)
        changed = _changed(as_config(editing.before), as_config(connector), draft.secret != editing.secrets.get("client_secret"))
        connecting.note(here, db, "connector updated", "connector.updated", connector, changed=changed)
    return told


def _still(here: AtHand, editing: Editing) -> None:
    """Before hooks are taken away: nobody else may have changed it. The change itself asks once more."""
    with reading(here.engine) as db:
        row = connectors.get(db, editing.draft.name)
    if row is None or row.state == "removed" or row.version != editing.version:
        raise _conflict(row, editing)


def _conflict(row: Any, editing: Editing) -> TiebackError:
    if row is None or row.state == "removed":
        return ConfigError(f'connector "{editing.draft.name}" was removed by somebody else. Add it anew: tieback connector add')
    return Conflict(row.name, editing.version, row.version, row.config, as_config(editing.draft.connector()))


def _going_over(here: AtHand, name: str) -> list[str]:
    """Work that was made at the old place."""
    with reading(here.engine) as db:
        waiting = connectors.unfinished(db, name)
    listed = ", ".join(f"{count} {what}" for what, count in waiting.items())
    return [f"{listed} began at the old place and go on at the new one; cancel those that should not"] if listed else []


def _forget(db: Connection, editing: Editing) -> None:
    if editing.moves:
        connectors.forget_place(db, editing.draft.name)
    else:
        calls.forget_token(db, editing.draft.name)  # the credentials may be other ones


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], other_secret: bool) -> list[str]:
    keys = [key for key in (*before, *(set(after) - set(before))) if before.get(key) != after.get(key)]
    return keys + (["client_secret"] if other_secret else [])


def _difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    there, here = _flat(theirs), _flat(ours)
    keys = [key for key in dict.fromkeys((*there, *here)) if there.get(key) != here.get(key)]
    if not keys:
        return "The fields are alike; its secrets or hooks differ."
    return "; ".join(f"{key} is {_said(there.get(key))} there and {_said(here.get(key))} here" for key in keys) + "."


def _flat(config: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The fields with their dotted names: `webhooks.namespace`."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        found |= _flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {above + key: value}
    return found


def _said(value: Any) -> str:
    text = "not set" if value is None else value if isinstance(value, str) else str(value)
    return text if len(text) <= 100 else text[:99] + "…"
