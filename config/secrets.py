"""Secrets: never shown, never stored in clear, only referred to.

A `Secret` prints as `***`. A connector file refers to one as `${env:NAME}` or `${file:PATH}`.
Whatever secret passes here is hidden from every log line and error from then on.
What must rest in the database is sealed with AES-256-GCM: the value carries the id of its key,
the associated data is `table/column/row`, so a ciphertext moved to another row does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import ConfigError
from config.hiding import hide

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_REFERENCE = re.compile(r"\$\{(env|file):([^}]+)\}\Z")
_KEY_ID = re.compile(r"[0-9a-f]{8}\Z")


class Secret:
    """A value that must not be shown. `reveal()` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str):
        self._value = value

    def reveal(self) -> str:
        return self._value

    def fingerprint(self) -> str:
        """Eight characters by which two secrets can be told apart; says nothing of the value."""
        return hashlib.sha256(b"tieback-fingerprint:" + self._value.encode()).hexdigest()[:8]

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def is_reference(text: object) -> bool:
    return isinstance(text, str) and _REFERENCE.match(text) is not None


def resolve(reference: str, env: Mapping[str, str], folder: Path, where: str) -> Secret:
    """The secret that `${env:NAME}` or `${file:PATH}` points at; PATH is relative to `folder`.

    Raises: ConfigError naming `where` when there is no such variable or file, or it is empty.
    """
    match = _REFERENCE.match(reference)
    if match is None:
        raise ConfigError(f"{where}: a secret is written as ${{env:NAME}} or ${{file:PATH}}, never in clear.")
    kind, name = match.groups()
    value = _of_environment(name, env, where) if kind == "env" else _of_file(name, folder, where)
    hide(value)
    return Secret(value)


def _of_environment(name: str, env: Mapping[str, str], where: str) -> str:
    if not env.get(name):
        raise ConfigError(f"{where}: the environment variable {name} is not set. Set it, or put it into tieback.env.")
    # Python keeps bytes that are no UTF-8 as lone surrogates, which nothing can send.
    if any("\ud800" <= sign <= "\udfff" for sign in env[name]):
        raise ConfigError(f"{where}: the environment variable {name} is not UTF-8 text. Set it again.")
    return env[name]


def _of_file(name: str, folder: Path, where: str) -> str:
    try:
        value = (folder / name).read_text("utf-8").strip("\r\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        # Without the cause: that error carries the bytes of the file.
        raise ConfigError(f"{where}: the secret file {name} cannot be read ({reason}). Create it in {folder}.") from None
    if not value:
        raise ConfigError(f"{where}: the secret file {name} is empty.")
    return value


def new_key() -> str:
    """A fresh secret key as TIEBACK_SECRET_KEYS takes it: 32 random bytes, urlsafe base64."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


class Box:
    """Seals and opens values; the first key seals, all keys open."""

    def __init__(self, keys: Sequence[bytes]):
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # slow to import, rarely needed

        self._ciphers = {hashlib.sha256(b"tieback-key:" + key).hexdigest()[:8]: AESGCM(key) for key in keys}
        self._first = next(iter(self._ciphers))
        for key in keys:
            hide(base64.urlsafe_b64encode(key).decode())
            hide(base64.b64encode(key).decode())

    def seal(self, secret: Secret, place: str) -> str:
        """`place` is `table/column/row`. Shape: `v1.<key id>.<base64 of nonce and ciphertext>`."""
        hide(secret.reveal())
        nonce = os.urandom(12)
        sealed = self._ciphers[self._first].encrypt(nonce, secret.reveal().encode(), place.encode())
        return f"v1.{self._first}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def is_newest(self, sealed: str) -> bool:
        """Whether it says that the first key sealed it."""
        return sealed.startswith(f"v1.{self._first}.")

    def open(self, sealed: str, place: str) -> Secret:
        """Raises: ConfigError when no key fits or the value was moved or altered, whatever it is by now."""
        version, key_id, body = [*str(sealed).split(".", 2), "", ""][:3]
        cipher = self._ciphers.get(key_id)
        if version != "v1" or not _KEY_ID.match(key_id):
            raise ConfigError(f"{place}: the sealed value was altered or moved. Enter the secret again.")
        if cipher is None:
            raise ConfigError(
                f"{place}: sealed with the key {key_id}, which is not among TIEBACK_SECRET_KEYS. Add that key after the first."
            )
        value = self._opened(cipher, body, place)
        hide(value)
        return Secret(value)

    def _opened(self, cipher: AESGCM, body: str, place: str) -> str:
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(body, altchars=b"-_", validate=True)
            return cipher.decrypt(raw[:12], raw[12:], place.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise ConfigError(f"{place}: the sealed value was altered or moved. Enter the secret again.") from None
