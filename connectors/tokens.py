"""Access tokens of a DMSA: one per connector, fetched by one caller while the others wait.

Source: Procore documentation, OAuth 2.0 client credentials; two production integrations do the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from config.errors import Permanent, Transient, Uncertain
from config.logs import hide
from config.secrets import Secret
from connectors import http
from connectors.definition import Connector
from connectors.environments import known_there
from connectors.ports import Token, Tokens
from connectors.remarks import plain

EARLY_S = 300.0
PATH = "/oauth/token"


class TokenSource:
    """The token to use now. `login` is a client of the connector's login host."""

    def __init__(self, connector: Connector, login: http.Client, tokens: Tokens, clock: Callable[[], float] = time.time):
        self._connector, self._login, self._tokens, self._clock = connector, login, tokens, clock

    def token(self) -> Token:
        """Raises: Permanent(kind="unauthorized") when the credentials are refused; Transient."""
        kept = self._usable()
        if kept is not None:
            return kept
        with self._tokens.exclusively(self._connector.name):
            # Whoever was inside before us has most likely fetched it.
            kept = self._usable()
            if kept is None:
                kept = self._fetch()
                self._tokens.keep(self._connector.name, kept)
        return kept

    def instead_of(self, refused: Token) -> Token:
        """Another token, after Procore refused this one. All who saw the refusal get the same new one."""
        self._tokens.forget(self._connector.name, refused)
        return self.token()

    def _usable(self) -> Token | None:
        kept = self._tokens.current(self._connector.name)
        return kept if kept is not None and kept.expires_at > self._clock() else None

    def _fetch(self) -> Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._connector.client_id,
            "client_secret": self._connector.client_secret.reveal(),
        }
        try:
            reply = self._login.send("POST", PATH, form=form)
            if reply.status in (400, 401):
                raise self._refused(reply)
            http.checked(self._login.who, "POST", PATH, reply)
            granted = http.json_of(self._login.who, "POST", PATH, reply)
        except Uncertain as error:
            # Asking for a token twice does no harm, and the caller's own request has not gone out yet.
            raise Transient(str(error), kind=error.kind, retry_after_s=error.retry_after_s) from None
        return self._granted(granted)

    def _granted(self, granted: object) -> Token:
        value = granted.get("access_token") if isinstance(granted, dict) else None
        lives_s = granted.get("expires_in") if isinstance(granted, dict) else None
        if not isinstance(value, str) or not value or not isinstance(lives_s, (int, float)) or isinstance(lives_s, bool):
            raise Transient(
                f"{self._login.who}: the answer of {PATH} holds no access token. It is asked for again.", kind="unreadable"
            )
        hide(value, lives_s)
        return Token(Secret(value), self._clock() + lives_s - min(EARLY_S, lives_s / 5))

    def _refused(self, reply: http.Reply) -> Permanent:
        connector = self._connector
        host = connector.login_host
        try:
            code = str(reply.json().get("error", ""))
        except (ValueError, AttributeError):
            code = ""
        seen = f"{connector.name}: {reply.status} on POST {PATH}" + (f": {plain(code, 60)}" if code else "")
        return Permanent(
            f"{seen}; the credentials are unknown at {host}. A client id belongs to one environment only: "
            f"that host {known_there(host)}. Compare client_id and client_secret with the app's page in the Procore developer "
            "portal; a secret that was reset there must be entered here again.",
            kind="unauthorized",
        )
