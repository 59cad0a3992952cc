"""Changes outside: whether they are held back, what is in doubt, and what does not fit a cap."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from config.settings import Settings
from console.doctor import Finding
from console.doctor.outside import with_database
from store import audit, caps, definitions, listings, switch

DAY_S = 86_400.0
MOST = 1000


def _effects(db: Connection, given: Settings) -> Iterator[Finding]:
    held = switch.state(db)
    doubtful = len(listings.effects(db, limit=MOST, state="uncertain"))
    if held is not None:
        seen = f"paused since {held['at']} by {held['by']}: {held['reason']}"
        yield Finding("effects", "warn", seen, "To let them go out again: tieback queue resume --effects")
    if doubtful:
        mend = "Look at the far end, then say so: tieback effects list --state uncertain, tieback effects settle ID …"
        yield Finding("effects", "warn", f"{doubtful} of which nobody knows whether they happened", mend)
    if held is None and not doubtful:
        yield Finding("effects", "ok", "changes go out, and none is in doubt")


def _caps(db: Connection, given: Settings) -> Iterator[Finding]:
    for row in caps.held_back(db, DAY_S):
        seen = f"{row.automation}: {row.left} {row.kind} are held back by limits: {row.kind}: in the last 24 hours"
        yield Finding("caps", "warn", seen, f"Is that meant? Then raise the limit, and: tieback runs retry {row.run_id}")


def _paused(db: Connection, given: Settings) -> Iterator[Finding]:
    for row in definitions.every(db):
        if row.state == "paused":
            by, reason = audit.last_reason(db, "automation paused", row.name)
            seen = f"paused by {by}: {reason}"
            yield Finding(f"automation {row.name}", "warn", seen, f"To let it go on: tieback rules resume {row.name}")


LOOKS = tuple(map(with_database, (_effects, _caps, _paused)))
