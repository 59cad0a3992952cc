"""Is this Authorization header one of the hook's secrets? Answered in the same time for every wrong one.

Digests are compared, never the values: all have 32 bytes, so neither length nor a right beginning shows.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from config.secrets import Secret

COMPARED = 2  # as many as may be valid while one is rotated
# What an unknown key is compared against, and what fills the place of a second secret.
NOBODY = tuple(os.urandom(32) for _ in range(COMPARED))


def digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


def digests(secrets: tuple[Secret, ...]) -> tuple[bytes, ...]:
    """What `matches` compares against; padded, so that every hook costs the same number of comparisons."""
    known = tuple(digest(secret.reveal().strip().encode()) for secret in secrets)
    return (known + NOBODY)[: max(COMPARED, len(known))]


def matches(header: str, valid: tuple[bytes, ...]) -> bool:
    """True when the header's value is one of the secrets. WSGI hands headers over as Latin-1 text."""
    seen = digest(header.encode("latin-1", "replace"))
    found = [hmac.compare_digest(seen, one) for one in valid]  # a list: all are compared, whichever fits
    return any(found)
