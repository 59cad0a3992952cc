"""Adding a connection and looking after it: name, endpoint, credentials, company, validate, then it is kept.

Nothing is kept unless every check is green. A connector that a file defines is read-only here.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from config.errors import ConfigError
from config.problems import Problems, did_you_mean
from config.secrets import Secret
from connectors import validation
from connectors.definition import Connector, as_config, from_stored
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls, MemoryQuota, MemoryTokens
from connectors.validation import Check
from console.verbs.at_hand import AtHand
from store import audit, calls, connectors, definitions, timers
from store.session import reading, writing
from workers.hooks import arm

ANY_COMPANY = "1"


@dataclass(frozen=True)
class Draft:
    """A connection on its way; `config` has the keys of a connector file without secrets."""

    config: dict[str, Any]
    secret: Secret

    def connector(self) -> Connector:
        """Raises: ConfigError with the first thing that does not fit."""
        config = {"company_id": ANY_COMPANY, **self.config}
        try:
            return from_stored(config, {"client_secret": self.secret})
        except Problems as problems:
            raise ConfigError(problems.found[0].message) from None

    def of(self, **more: Any) -> Draft:
        return Draft({**self.config, **more}, self.secret)

    def without(self, *keys: str) -> Draft:
        return Draft({key: value for key, value in self.config.items() if key not in keys}, self.secret)


def draft(name: str) -> Draft:
    """The beginning of one. Raises: ConfigError when the name does not fit."""
    begun = Draft({"format": 1, "kind": "procore_dmsa", "name": name, "client_id": "x"}, Secret("x"))
    begun.of(environment="production").connector()
    return begun


def free_name(here: AtHand, name: str) -> None:
    """Raises: ConfigError when a connector of this name exists."""
    with reading(here.engine) as db:
        row = connectors.get(db, name)
    if row is not None and row.state != "removed":
        raise ConfigError(
            f'there is a connector "{name}" already. Choose another name, or change it: tieback connector update {name}'
        )


def procore_of(connector: Connector) -> Procore:
    """A client that shares nothing with the running system: the connection may not be ours yet."""
    return Procore(connector, MemoryTokens(), MemoryCalls(), MemoryQuota(), lane="manual")


def companies(of: Draft) -> list[dict[str, str]]:
    """The companies that these credentials see, by name. Raises: Permanent or Transient with the reason."""
    nobody = replace(of.connector(), company_id="")
    found = procore_of(nobody).companies()
    return sorted(({"id": str(one["id"]), "name": str(one.get("name", ""))} for one in found), key=lambda one: one["name"])


def choose(listed: list[dict[str, str]], company_id: str) -> dict[str, str]:
    """The company of this id. Raises: ConfigError listing what there is."""
    for company in listed:
        if company["id"] == company_id:
            return company
    there = ", ".join(f"{one['id']} ({one['name']})" for one in listed) or "none: the app is installed in no company"
    mend = did_you_mean(company_id, [one["id"] for one in listed])
    raise ConfigError(f"company {company_id} is not among those of these credentials{mend or '.'} There are: {there}")


def validated(connector: Connector) -> list[Check]:
    """Field by field, against Procore as it is now."""
    return validation.validate(procore_of(connector))


def green(checks: list[Check]) -> bool:
    return all(check.state != "wrong" for check in checks)


def verdict(checks: list[Check]) -> dict[str, Any]:
    return {
        "ok": green(checks),
        "at": dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z"),
        "checks": [asdict(check) for check in checks],
    }


def keep(here: AtHand, of: Draft, checks: list[Check], *, news: str = "connector added") -> None:
    """Seal the secrets and put the connection in force."""
    connector = of.connector()
    with writing(here.engine) as db:
        row = connectors.get(db, connector.name)
        known = connectors.unseal(here.box, row) if row is not None and row.state != "removed" else {}
        hook_secret = known.get("webhook_secret") or Secret("tb_" + secrets.token_urlsafe(32))
        sealed = connectors.seal(here.box, connector.name, {"client_secret": of.secret, "webhook_secret": hook_secret})
        connectors.put(db, connector.name, "store", as_config(connector), sealed)
        connectors.set_verdict(db, connector.name, verdict(checks))
        calls.forget_token(db, connector.name)  # the credentials may be other ones
        arm(db, connector.name)
        audit.note(
            db, here.actor, news, connector.name, {"company_id": connector.company_id, "environment": connector.environment}
        )
        definitions.changed(db)


def existing(here: AtHand, name: str) -> Any:
    """The row of a connector. Raises: ConfigError when there is none."""
    with reading(here.engine) as db:
        row = connectors.get(db, name)
        names = [one.name for one in connectors.every(db)]
    if row is None or row.state == "removed":
        mend = did_you_mean(name, names) or (f"; there are {', '.join(names)}" if names else "; add one: tieback connector add")
        raise ConfigError(f'there is no connector "{name}"{mend}')
    return row


def ours(here: AtHand, name: str) -> Any:
    """The same, and ConfigError when a file defines it."""
    row = existing(here, name)
    if row.source == "file":
        raise ConfigError(
            f'connector "{name}" is defined by the file {row.config.get("file")}. Change the file, then run: tieback rules apply'
        )
    return row


def current_draft(here: AtHand, name: str, given: Mapping[str, Any], secret: Secret | None) -> Draft:
    """A kept connection with some of its fields replaced."""
    row = ours(here, name)
    kept = connectors.unseal(here.box, row)
    webhooks = {**row.config.get("webhooks", {}), **given.get("webhooks", {})}
    return Draft({**row.config, **given, "webhooks": webhooks}, secret or kept["client_secret"])


def remove(here: AtHand, name: str) -> None:
    """Retire a connector that was added by hand. Its hooks are `hooking.remove_all`'s work, before this."""
    with writing(here.engine) as db:
        connectors.set_state(db, name, "removed", None)
        timers.disarm(db, name)
        audit.note(db, here.actor, "connector removed", name)
        definitions.changed(db)


def set_state(here: AtHand, name: str, state: str, reason: str | None) -> None:
    """`paused` or `active`; both kinds of connector, since a pause is no change of its definition."""
    existing(here, name)
    with writing(here.engine) as db:
        connectors.set_state(db, name, state, reason)
        audit.note(
            db,
            here.actor,
            f"connector {'paused' if state == 'paused' else 'resumed'}",
            name,
            {"reason": reason} if reason else None,
        )
        definitions.changed(db)


def listed(here: AtHand) -> list[dict[str, Any]]:
    with reading(here.engine) as db:
        return [_shown(row) for row in connectors.every(db)]


def shown(here: AtHand, name: str) -> dict[str, Any]:
    """One connector with its definition and last verdict; never a secret."""
    row = existing(here, name)
    return {**_shown(row), "config": row.config, "verdict": row.verdict}


def _shown(row: Any) -> dict[str, Any]:
    config = row.config
    return {
        "name": row.name,
        "environment": config.get("environment"),
        "company_id": config.get("company_id"),
        "projects": config.get("projects"),
        "state": row.state,
        "reason": row.reason,
        "source": row.config.get("file", "file") if row.source == "file" else "store",
        "valid": None if row.verdict is None else row.verdict.get("ok"),
        "validated_at": None if row.verdict is None else row.verdict.get("at"),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
