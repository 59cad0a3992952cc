"""The kinds of alerts, in one table. `docs/alerts.md` has a heading for each: what is seen, what it means, what to type."""

from __future__ import annotations

from dataclasses import dataclass

SEVERITIES = ("ticket", "page")
"""The lesser first: a ticket waits for the morning, a page wakes somebody."""


@dataclass(frozen=True)
class Kind:
    """`severity` unless the trouble itself is worse; `after_s`: so long it must last; `type_`: what to type first."""

    severity: str
    meaning: str
    type_: str
    after_s: float = 0.0


KINDS = {
    "failures": Kind("ticket", "runs fail for one cause", "tieback failures list"),
    "silence": Kind("ticket", "no run was ok within expect: success_every:", "tieback runs list --automation NAME"),
    "lag": Kind("ticket", "runs of an automation are later than its expect: lag_p95:", "tieback quota show"),
    "quota": Kind("ticket", "few calls to Procore are left, or none may go out", "tieback quota show", 300.0),
    "validation": Kind("page", "a connector no longer validates, or needs attention", "tieback connector validate NAME"),
    "hooks": Kind("page", "hooks at Procore are disabled or missing", "tieback hooks plan NAME", 900.0),
    "workers": Kind("page", "no worker or relay gives a sign of life", "tieback doctor", 60.0),
    "disk": Kind("page", "a disk is nearly full", "df -h"),
    "queue": Kind("page", "due work of a lane waits", "tieback queue lanes", 300.0),
    "effects": Kind("ticket", "changes outside that may have happened or not", "tieback effects list --state uncertain"),
    "site": Kind("ticket", "a file of the site does not load; its last good version is in force", "tieback rules check", 60.0),
    "destination": Kind("page", "a destination does not take alerts", "tieback destinations test NAME"),
}  # fmt: skip
