"""Passwords as salted scrypt digests, and codes of an authenticator app (RFC 6238).

Each digest carries its cost, so that a higher one can be chosen later without asking anybody for a new password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
import threading
import time
from urllib.parse import quote

from config.errors import ConfigError

SHORTEST = 15
LONGEST = 256
COST = (2**16, 8, 2)  # 64 MiB and about a quarter of a second for each try
# So many at once: a flood of sign-ins waits in line, and the rest of the process keeps its memory.
_AT_ONCE = threading.BoundedSemaphore(2)
STEP_S = 30
DIGITS = 6


def fit(password: str, name: str) -> None:
    """Raises: ConfigError saying what is wrong with it."""
    if len(password) < SHORTEST:
        raise ConfigError(
            f"the password has {len(password)} characters; write at least {SHORTEST}. A few words in a row are good."
        )
    if len(password) > LONGEST:
        raise ConfigError(f"the password has {len(password)} characters; at most {LONGEST} are taken.")
    if len(set(password)) < 5 or password.casefold() == name.casefold() * (len(password) // max(1, len(name))):
        raise ConfigError("the password is one that is guessed at once. Write a few words that do not belong together.")


def digest(password: str, cost: tuple[int, int, int] = COST) -> str:
    """Such as `scrypt$65536$8$2$<salt>$<digest>`."""
    salt = secrets.token_bytes(16)
    found = _scrypt(password, salt, cost)
    return "$".join(["scrypt", *map(str, cost), base64.b64encode(salt).decode(), base64.b64encode(found).decode()])


def fits(password: str, kept: str) -> bool:
    """Whether this is the password of a digest."""
    _, n, r, p, salt, wanted = kept.split("$")
    found = _scrypt(password[:LONGEST], base64.b64decode(salt), (int(n), int(r), int(p)))
    return hmac.compare_digest(found, base64.b64decode(wanted))


def _scrypt(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, r, p = cost
    with _AT_ONCE:
        return hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)


# What an unknown name is compared with: it must cost as much as a known one.
NOBODY = "$".join(["scrypt", *map(str, COST), base64.b64encode(b"n" * 16).decode(), base64.b64encode(b"n" * 32).decode()])


def new_factor() -> str:
    """160 random bits, in the base32 that authenticator apps take."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def factor_url(secret: str, name: str) -> str:
    return f"otpauth://totp/Tieback:{quote(name)}?secret={secret}&issuer=Tieback&digits={DIGITS}&period={STEP_S}"


def code(secret: str, counter: int) -> str:
    """The code of one 30-second step (RFC 4226, section 5.3)."""
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1).digest()
    start = mac[-1] & 15
    return str((int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF) % 10**DIGITS).zfill(DIGITS)


def counter_of(secret: str, given: str, at: float | None = None) -> int | None:
    """The step whose code was given; the one before and the one after are taken too, since clocks differ."""
    step = int((time.time() if at is None else at) // STEP_S)
    given = "".join(given.split())
    fitting = [one for one in (step - 1, step, step + 1) if hmac.compare_digest(code(secret, one).encode(), given.encode())]
    return max(fitting) if fitting else None
