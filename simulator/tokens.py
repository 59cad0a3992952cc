"""Access tokens, refresh tokens and authorization codes of the one registered application."""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass

from simulator.stamps import Clock

LIFETIME_S = 5400
CODE_LIFETIME_S = 600
_HEADER = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"ES512"}').decode().rstrip("=")


@dataclass(frozen=True)
class Token:
    """`refresh` is what a person's token is renewed with; None for the application's own tokens."""

    text: str
    created_at: int
    user_id: int
    refresh: str | None = None

    @property
    def expires_at(self) -> int:
        return self.created_at + LIFETIME_S


@dataclass(frozen=True)
class Code:
    """What a person's consent gives: good once, for ten minutes, for the redirect address that asked."""

    text: str
    redirect_uri: str
    user_id: int
    expires_at: float


class Tokens:
    """Issues and checks tokens. Parallel tokens live side by side."""

    def __init__(self, client_id: str, client_secret: str, user_id: int, clock: Clock) -> None:
        self.client_id, self.client_secret, self.user_id = client_id, client_secret, user_id
        self._clock = clock
        self._issued: dict[str, Token] = {}
        self._renewable: dict[str, Token] = {}
        self._codes: dict[str, Code] = {}
        self._guard = threading.Lock()

    def knows(self, client_id: str | None, client_secret: str | None) -> bool:
        return (client_id, client_secret) == (self.client_id, self.client_secret)

    def issue(self, person_id: int | None = None) -> Token:
        """A token of the application's own user; of a person when one is named, then with a refresh token."""
        # Real tokens are longer than 255 characters, which has broken text columns before.
        text = f"{_HEADER}.{secrets.token_urlsafe(160)}.{secrets.token_urlsafe(99)}"
        refresh = secrets.token_urlsafe(32) if person_id is not None else None
        token = Token(text, int(self._clock()), person_id or self.user_id, refresh)
        with self._guard:
            self._issued[text] = token
            if refresh:
                self._renewable[refresh] = token
        return token

    def consent(self, person_id: int, redirect_uri: str) -> Code:
        code = Code(secrets.token_hex(32), redirect_uri, person_id, self._clock() + CODE_LIFETIME_S)
        with self._guard:
            self._codes[code.text] = code
        return code

    def redeem(self, text: str, redirect_uri: str) -> Token | None:
        """A token for a code; None when the code is unknown, used, too old, or of another redirect address."""
        with self._guard:
            code = self._codes.pop(text, None)
        if code is None or code.expires_at <= self._clock() or code.redirect_uri != redirect_uri:
            return None
        return self.issue(code.user_id)

    def renew(self, refresh: str) -> Token | None:
        """A new pair. The old pair is dead from here on, whether or not the answer arrives."""
        with self._guard:
            old = self._renewable.pop(refresh, None)
            if old:
                self._issued.pop(old.text, None)
        return self.issue(old.user_id) if old else None

    def valid(self, text: str) -> Token | None:
        token = self._issued.get(text)
        return token if token and token.expires_at > self._clock() else None

    def revoke(self, text: str) -> None:
        """End a pair, named by either half. An unknown text is no error."""
        with self._guard:
            token = self._issued.get(text) or self._renewable.get(text)
            if token:
                self._issued.pop(token.text, None)
                self._renewable.pop(token.refresh or "", None)

    def revoke_all(self) -> None:
        with self._guard:
            self._issued.clear()
            self._renewable.clear()
