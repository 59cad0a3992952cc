"""Which program this is: a change of it is in the audit and marks the charts, so that a bad night can be laid beside it."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import Connection

from store import audit, definitions

ROOT = Path(__file__).parents[1]
PARTS = ("config", "store", "connectors", "automations", "workers", "webhook", "console")
FACT = "program"


def identity(root: Path = ROOT) -> str:
    """The release and a mark of the code that runs, such as `0.3.0 (1a2b3c4d)`: a checkout changes without a release."""
    digest = hashlib.sha256()
    for part in PARTS:
        for path in sorted((root / part).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    try:
        release = version("tieback")
    except PackageNotFoundError:
        release = "not installed"
    return f"{release} ({digest.hexdigest()[:8]})"


def note(db: Connection, now: str) -> bool:
    """Remember which program runs. True when another one did before; the first start is no change."""
    before = definitions.fact(db, FACT, "")
    if before == now:
        return False
    definitions.set_fact(db, FACT, now)
    if before:
        audit.note(db, "tieback", "program updated", now, {"was": before})
    return bool(before)
