"""Do a connector's two hosts answer, as Procore's do, and does this machine's clock agree with theirs?

Nobody is signed in for this, so no credential goes anywhere yet.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from config.errors import Permanent, TiebackError
from connectors.definition import Connector
from connectors.environments import environment_of
from connectors.http import Reply
from connectors.remarks import plain

MOST_SKEW_S = 300.0
KNOCKS = {"login_host": "/oauth/token/info", "api_host": "/rest/v1.0/me"}


def mixed(connector: Connector) -> str | None:
    """What is wrong with the pair, as far as the names alone tell."""
    api, login = environment_of(connector.api_host), environment_of(connector.login_host)
    if not api or not login or api == login:
        return None
    return f"{connector.api_host} belongs to {api}, {connector.login_host} to {login}."


def trouble(connector: Connector, key: str, answer: Reply | TiebackError | None) -> tuple[str, str] | None:
    """What was seen and the mend, when this is no answer of Procore's; None is one that did not come in time."""
    host = connector.login_host if key == "login_host" else connector.api_host
    if answer is None:
        return f"{host} did not answer in time.", _look_at_network(connector)
    if isinstance(answer, TiebackError):
        said = str(answer).removeprefix(f"{connector.name}: ")
        return said, "" if isinstance(answer, Permanent) else _look_at_network(connector)
    if answer.status >= 500:
        return f"{host} is in trouble: it answered {answer.status}.", "Try again in some minutes; status.procore.com tells more."
    if 300 <= answer.status < 400:
        target = plain(answer.headers.get("Location", ""), 80)
        seen = f"{host} redirects{f' to {target}' if target else ''}, which is never followed."
        return seen, f"Write the host that answers itself as {key}."
    if _is_page(answer):
        seen = f"{host} answered a web page, not Procore's API."
        return seen, f"Correct {key}: the host for programs is another one than the one for browsers."
    if answer.status == 404:
        seen = f"{host} knows no {KNOCKS[key]}, so it is not Procore's {'sign-in' if key == 'login_host' else 'API'} host."
        return seen, f"Correct {key}."
    return None


def _is_page(answer: Reply) -> bool:
    # An empty body may well be called text/html.
    body = answer.body.lstrip()
    return body.startswith(b"<") or (bool(body) and "html" in answer.headers.get("Content-Type", "").lower())


def _look_at_network(connector: Connector) -> str:
    mend = "Check the host's name, this machine's DNS and firewall: outgoing 443 must be open."
    if connector.environment == "federal":
        return f"{mend} The federal zone answers to addresses in the United States only."
    return mend


def skew_s(answers: Mapping[str, Reply | TiebackError | None], now: float | None = None) -> float | None:
    """How far this machine's clock is ahead of Procore's, in seconds; None when no answer says what time it is.

    The smaller difference counts: a single host may have a wrong clock of its own.
    """
    now = time.time() if now is None else now
    found = []
    for answer in answers.values():
        if isinstance(answer, Reply):
            try:
                found.append(now - parsedate_to_datetime(answer.headers.get("Date", "")).timestamp())
            except (ValueError, TypeError, OverflowError):
                continue
    return min(found, key=abs, default=None)
