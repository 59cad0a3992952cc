"""A connection on its way through the console's wizard: kept between requests in the session's row, its secret sealed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config.errors import ConfigError, TiebackError
from config.secrets import Secret
from connectors.environments import ENVIRONMENTS as ENVIRONMENTS
from connectors.validation import Check
from console.verbs import connecting
from console.verbs.at_hand import AtHand
from console.verbs.connecting import Draft
from store import sessions
from store.session import reading, writing

Dict = dict[str, Any]
HOSTS = ("environment", "api_host", "login_host", "private")


class StepError(TiebackError):
    """`field` is the one to mend."""

    def __init__(self, field: str, message: str):
        super().__init__(message)
        self.field = field


@contextmanager
def _step(field: str) -> Iterator[None]:
    try:
        yield
    except TiebackError as error:
        raise StepError(field, str(error)) from None


def kept(here: AtHand, session: str) -> Dict:
    """`typed`, `companies`, `company`, `checks`, `fit`, and whether a secret is kept; never the secret."""
    with reading(here.engine) as db:
        found = sessions.draft(db, session) or {}
    checks = found.get("checks")
    return {
        "typed": found.get("typed", {}),
        "has_secret": bool(found.get("sealed")),
        "companies": found.get("companies"),
        "company": found.get("config", {}).get("company_id"),
        "checks": checks,
        "fit": checks is not None and connecting.fit([Check(**one) for one in checks]),
    }


def connect(here: AtHand, session: str, typed: Dict, secret: str) -> None:
    """Steps one to three: the name is free, the hosts answer, the credentials are good; keeps the companies they see.

    Raises: StepError naming the field.
    """
    with reading(here.engine) as db:
        before = sessions.draft(db, session) or {}
    given = _secret(here, session, before, typed, secret)
    _keep(here, session, {"typed": typed}, given)
    with _step("name"):
        draft = connecting.draft(here, typed["name"])
    with _step("api_host" if typed["environment"] == "custom" else "environment"):
        draft = connecting.reached(draft.of(**_endpoint(typed)))
    if given is None:
        raise StepError("client_secret", "the client secret is needed. It stands on the app's page beside the client id.")
    with _step("client_id"):
        draft = connecting.with_credentials(draft, typed["client_id"], given)
        companies = connecting.companies(draft)
    _keep(here, session, {"typed": typed, "config": draft.config, "companies": companies}, given)


def _endpoint(typed: Dict) -> Dict:
    if typed["environment"] not in ENVIRONMENTS:
        raise ConfigError(f"choose an environment: {', '.join(ENVIRONMENTS)}.")
    if typed["environment"] != "custom":
        return {"environment": typed["environment"]}
    hosts = {"api_host": typed["api_host"], "login_host": typed["login_host"] or typed["api_host"]}
    if not hosts["api_host"]:
        raise ConfigError("a custom environment needs its API host, such as https://procore.example.com.")
    return {"environment": "custom", **hosts, **({"private": True} if typed["private"] else {})}


def _secret(here: AtHand, session: str, before: Dict, typed: Dict, secret: str) -> Secret | None:
    """The secret that was typed, or the kept one; but a kept one is not sent to hosts that it was not typed for."""
    if secret:
        return Secret(secret)
    same = all(before.get("typed", {}).get(name) == typed[name] for name in HOSTS)
    return here.box.open(before["sealed"], sessions.draft_place(session)) if before.get("sealed") and same else None


def _keep(here: AtHand, session: str, draft: Dict, secret: Secret | None) -> None:
    sealed = here.box.seal(secret, sessions.draft_place(session)) if secret is not None else None
    with writing(here.engine) as db:
        sessions.keep_draft(db, session, {**draft, "sealed": sealed})


def choose(here: AtHand, session: str, company_id: str) -> None:
    """Step four and five: a company of the list, then every check. Raises: StepError."""
    draft, found = _draft(here, session)
    with _step("company_id"):
        chosen = connecting.choose(found["companies"], company_id)
    draft = draft.of(company_id=chosen["id"])
    with _step("company_id"):
        checks = connecting.validated(draft)
    with writing(here.engine) as db:
        lines = [check.as_json() for check in checks]
        sessions.keep_draft(db, session, {**found, "config": draft.config, "checks": lines})


def add(here: AtHand, session: str) -> str:
    """Put it in force; its name. Raises: Unfit, ConfigError, StepError."""
    draft, found = _draft(here, session)
    if not found.get("checks"):
        raise StepError("company_id", "validate it first.")
    connecting.keep(here, draft, [Check(**one) for one in found["checks"]])
    forget(here, session)
    return draft.name


def _draft(here: AtHand, session: str) -> tuple[Draft, Dict]:
    with reading(here.engine) as db:
        found = sessions.draft(db, session) or {}
    if not found.get("config") or not found.get("sealed"):
        raise StepError("name", "begin with the name: nothing was kept of this connection.")
    return Draft(found["config"], here.box.open(found["sealed"], sessions.draft_place(session))), found


def forget(here: AtHand, session: str) -> None:
    with writing(here.engine) as db:
        sessions.keep_draft(db, session, None)
