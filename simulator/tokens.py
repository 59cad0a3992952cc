"""Access tokens of the one registered application."""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass

from simulator.stamps import Clock

LIFETIME_S = 5400
_HEADER = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"ES512"}').decode().rstrip("=")


@dataclass(frozen=True)
class Token:
    text: str
    created_at: int
    user_id: int

    @property
    def expires_at(self) -> int:
        return self.created_at + LIFETIME_S


class Tokens:
    """Issues and checks tokens. Parallel tokens live side by side."""

    def __init__(self, client_id: str, client_secret: str, user_id: int, clock: Clock) -> None:
        self.client_id, self.client_secret, self.user_id = client_id, client_secret, user_id
        self._clock = clock
        self._issued: dict[str, Token] = {}
        self._guard = threading.Lock()

    def knows(self, client_id: str | None, client_secret: str | None) -> bool:
        return (client_id, client_secret) == (self.client_id, self.client_secret)

    def issue(self) -> Token:
        # Real tokens are longer than 255 characters, which has broken text columns before.
        text = f"{_HEADER}.{secrets.token_urlsafe(160)}.{secrets.token_urlsafe(99)}"
        token = Token(text, int(self._clock()), self.user_id)
        with self._guard:
            self._issued[text] = token
        return token

    def valid(self, text: str) -> Token | None:
        token = self._issued.get(text)
        return token if token and token.expires_at > self._clock() else None

    def revoke(self, text: str) -> None:
        with self._guard:
            self._issued.pop(text, None)

    def revoke_all(self) -> None:
        with self._guard:
            self._issued.clear()
