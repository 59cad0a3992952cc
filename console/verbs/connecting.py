"""Adding a connection: name, endpoint, credentials, company, validate; then it is kept.

The five steps as functions, for the command line and the console alike: each takes a draft and gives a draft.
Nothing is kept before the last one, and that is one transaction, so whatever happens on the way leaves nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from config.errors import ConfigError, Permanent, TiebackError
from config.logs import hide
from config.problems import Problems, did_you_mean
from config.secrets import Secret
from connectors import validation
from connectors.deadline import InLine
from connectors.definition import Connector, as_config, from_stored
from connectors.environments import api_hosts, environment_of
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls, MemoryQuota, MemoryTokens
from connectors.remarks import plain
from connectors.signin import OUT_OF_BAND, SignIn
from connectors.validation import Check
from console.verbs.at_hand import AtHand
from console.verbs.connected import existing as existing
from store import audit, connectors, definitions
from store.session import reading, writing
from workers import config_events
from workers.hooks import arm
from workers.validating import verdict

ANY_COMPANY = "1"
MOST_SHOWN = 10
# What must be known to be well before anything is kept; the other checks may have no ground yet.
PROVEN = ("hosts", "credentials", "company", "projects", "webhooks")


class Unfit(TiebackError):
    """Some checks are not green. The sentence is the first of them with its mend."""

    def __init__(self, checks: Sequence[Check]):
        self.checks = [one for one in checks if one.state == "wrong"] or [
            one for one in checks if one.state != "ok" and one.name in PROVEN
        ]
        first = self.checks[0]
        super().__init__(f"{first.name}: {first.seen} {first.mend}".strip())


@dataclass(frozen=True)
class Draft:
    """A connection on its way; `config` has the keys of a connector file without secrets."""

    config: dict[str, Any]
    secret: Secret

    @property
    def name(self) -> str:
        return str(self.config["name"])

    def connector(self) -> Connector:
        """Raises: ConfigError with the first thing that does not fit."""
        config = {"company_id": ANY_COMPANY, **self.config}
        try:
            return from_stored(config, {"client_secret": self.secret})
        except Problems as problems:
            raise ConfigError(problems.found[0].message) from None

    def of(self, **more: Any) -> Draft:
        return Draft({**self.config, **more}, self.secret)


# 1. A name


def draft(here: AtHand, name: str) -> Draft:
    """The beginning of one. Raises: ConfigError when the name does not fit, or is taken."""
    begun = Draft({"format": 1, "kind": "procore_dmsa", "name": name, "client_id": "x"}, Secret("x"))
    begun.of(environment="production").connector()
    with reading(here.engine) as db:
        row = connectors.get(db, name)
    if row is not None and row.state != "removed":
        raise _taken(name)
    return begun


def _taken(name: str) -> ConfigError:
    return ConfigError(
        f'there is a connector "{name}" already. Choose another name, or change it: tieback connector update {name}'
    )


# 2. An endpoint


def environment_for(api_host: str | None, login_host: str | None) -> str | None:
    """The environment that hosts belong to when only they were given; None when neither was."""
    host = api_host or login_host
    return None if host is None else environment_of(host) or "custom"


def knocked(of: Draft) -> list[Check]:
    """Whether the hosts answer, and what time it is there."""
    return validation.validate(procore_of(of.connector()), only=("hosts", "clock"))


def reached(of: Draft, knock: Callable[[Draft], list[Check]] = knocked) -> Draft:
    """The draft with the API host that answers, where Procore names two of them.

    Raises: Unfit when the hosts do not answer as Procore's do, are no pair, or this machine's clock is off.
    """
    checks = knock(of)
    others = (of.of(api_host=host) for host in _other_hosts(of))
    if checks[0].state == "wrong" and (other := next((one for one in others if green(knock(one))), None)):
        return other
    if not green(checks):
        raise Unfit(checks)
    return of


def _other_hosts(of: Draft) -> Iterable[str]:
    environment = str(of.config.get("environment"))
    if "api_host" in of.config or environment == "custom":
        return []
    return api_hosts(environment)[1:]


# 3. Credentials


def with_credentials(of: Draft, client_id: str, secret: Secret) -> Draft:
    """Raises: ConfigError when they are empty."""
    if not client_id or not secret.reveal():
        raise ConfigError("the client id and the client secret are both needed. They stand on the app's page, side by side.")
    hide(secret.reveal())
    return Draft({**of.config, "client_id": client_id}, secret)


def signing_in(of: Draft, redirect_uri: str = OUT_OF_BAND, state: str | None = None) -> SignIn:
    """A person's consent on its way: show its `url`, then give what he brings back to `companies_of_person`."""
    return SignIn(of.connector(), redirect_uri, state)


def companies_of_person(sign_in: SignIn, answer: str) -> list[dict[str, str]]:
    """The companies that the person sees who signed in; his token is gone afterwards."""
    return _by_name(sign_in.companies(answer))


def companies(of: Draft) -> list[dict[str, str]]:
    """The companies in which the app is installed, by name. Raises: Permanent or Transient with the reason."""
    try:
        return _by_name(procore_of(replace(of.connector(), company_id="")).companies())
    except Permanent as error:
        said = str(error).removeprefix(f"{of.name}: ")
        raise Permanent(f"credentials: {said}" if error.kind == "unauthorized" else str(error), kind=error.kind) from None


def _by_name(found: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Names are other people's text: without signs that could repaint a terminal."""
    listed = [{"id": plain(str(one.get("id")), 40), "name": plain(str(one.get("name") or "(no name)"), 100)} for one in found]
    return sorted(listed, key=lambda one: (one["name"].casefold(), one["id"]))


# 4. A company


def choose(listed: Sequence[Mapping[str, str]], company_id: str) -> Mapping[str, str]:
    """The company of this id. Raises: ConfigError listing what there is."""
    for company in listed:
        if company["id"] == company_id:
            return company
    if not listed:
        raise ConfigError(
            "the app is installed in no company. An administrator of yours installs it in Procore: "
            "Company Admin > App Management > Install App."
        )
    there = ", ".join(f"{one['id']} ({one['name']})" for one in listed[:MOST_SHOWN])
    more = f" and {len(listed) - MOST_SHOWN} more" if len(listed) > MOST_SHOWN else ""
    mend = did_you_mean(company_id, [one["id"] for one in listed])
    raise ConfigError(
        f"company {plain(company_id, 40)} is not among those of these credentials{mend or '.'} There are: {there}{more}. "
        "Choose one of them, or let an administrator of that company install the app: "
        "Company Admin > App Management > Install App."
    )


def matching(listed: Sequence[Mapping[str, str]], text: str) -> list[Mapping[str, str]]:
    """The companies whose id is this text; else those whose name holds it, whatever its case."""
    exact = [one for one in listed if one["id"] == text]
    return exact or [one for one in listed if text.casefold() in one["name"].casefold()]


# 5. Validate, then keep


def procore_of(connector: Connector) -> Procore:
    """A client that shares nothing with the running system: the connection may not be ours yet."""
    return Procore(connector, MemoryTokens(), MemoryCalls(), MemoryQuota(), lane="manual")


def validated(of: Draft) -> list[Check]:
    """Field by field, against Procore as it is now."""
    quota = InLine(MemoryQuota())
    procore = Procore(of.connector(), MemoryTokens(), MemoryCalls(), quota, lane="manual")
    return validation.validate(procore, waiting=quota.waits)


def green(checks: Sequence[Check]) -> bool:
    return all(check.state != "wrong" for check in checks)


def fit(checks: Sequence[Check]) -> bool:
    """Green, and what matters was really seen to be so."""
    states = {check.name: check.state for check in checks}
    return green(checks) and all(states.get(name) == "ok" for name in PROVEN)


def keep(here: AtHand, of: Draft, checks: Sequence[Check]) -> None:
    """Seal the secrets and put the connection in force.

    Raises: Unfit, ConfigError when somebody else took the name meanwhile; nothing is kept then.
    """
    if not fit(checks):
        raise Unfit(checks)
    connector = of.connector()
    sealed = sealed_secrets(here, connector.name, of.secret, {})
    with writing(here.engine) as db:
        if not connectors.add(db, connector.name, as_config(connector), sealed):
            raise _taken(connector.name)
        connectors.forget_place(db, connector.name)  # one that was removed may have led elsewhere
        connectors.set_verdict(db, connector.name, verdict(checks))
        arm(db, connector.name)
        note(here, db, "connector added", "connector.created", connector)


def sealed_secrets(here: AtHand, name: str, secret: Secret, known: Mapping[str, Secret]) -> dict[str, str]:
    """Those of `known` with another client secret; what Procore sends us is kept, or made."""
    hook_secret = known.get("webhook_secret") or Secret("tb_" + secrets.token_urlsafe(32))
    return connectors.seal(here.box, name, {**known, "client_secret": secret, "webhook_secret": hook_secret})


def note(here: AtHand, db: Connection, verb: str, kind: str, connector: Connector, **more: Any) -> None:
    """Tell the audit, the automations and every process, in the transaction of the change."""
    detail = {"company_id": connector.company_id, "environment": connector.environment, **more}
    audit.note(db, here.actor, verb, connector.name, detail)
    config_events.note(db, kind, connector.name, here.actor, detail)
    definitions.changed(db)
