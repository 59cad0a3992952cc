"""The name of what a run failed for: equal where two failures differ in ids and numbers alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

# What differs between two failures of one cause: ids, numbers, hashes, what stands in quotation marks.
_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{12,}\b|\d+|\"[^\"]*\"|'[^']*'")


def cause_of(kind: str, message: str) -> str:
    """The name of a cause; equal for messages that differ in ids and numbers alone."""
    text = kind + "\n" + _VARIES.sub("#", message.split("\n", 1)[0])[:400]
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of(state: str, reason: str | None, error: Mapping[str, Any] | None) -> str | None:
    """The cause to keep with a run that ends so; None when it did not fail."""
    return cause_of(*told(state, reason, error)) if state in ("failed", "parked") else None


def told(state: str, reason: str | None, error: Mapping[str, Any] | None) -> tuple[str, str]:
    """The kind and the message of a failure."""
    said = error or {}
    return str(said.get("kind") or state), str(said.get("message") or reason or "no reason was kept")
