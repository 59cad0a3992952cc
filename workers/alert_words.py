"""What is said of alerts: one message for all that began, lasts or ended, the gravest first."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from typing import Any

from config.settings import Settings
from connectors.messages import Item, Message, one_line
from workers.alert_kinds import KINDS, SEVERITIES

MOST_SHOWN = 10
WORDS = {"begin": "began", "again": "lasts", "end": "over"}


def message(rows: Sequence[Any], settings: Settings) -> Message:
    """`rows` are notices with their alerts, as `store.notices.take` gives them."""
    by_alert: dict[int, Any] = {}
    for row in rows:  # of one that began and ended meanwhile, only the end
        by_alert[row.alert_id] = row
    told = sorted(by_alert.values(), key=lambda row: (row.what == "end", -SEVERITIES.index(row.severity), row.alert_id))
    counted = Counter(WORDS[row.what] for row in told)
    page = f"{settings.console_url}/alerts" if settings.console_url else ""
    items = tuple(Item(one_line(line(row), 300), page) for row in told[:MOST_SHOWN])
    fields = {} if len(told) <= MOST_SHOWN else {"More": f"{len(told) - MOST_SHOWN}, listed by: tieback alerts list"}
    return Message(
        title=_title(told, counted), text=_text(told), key=rows[0].message, link=page, items=items if len(told) > 1 else (),
        fields={**fields, "From": settings.console_url or platform.node()},
        about={"alerts": [_facts(row) for row in told]},
    )  # fmt: skip


def _title(told: list[Any], counted: Counter[str]) -> str:
    if len(told) == 1:
        (row,) = told
        return f"Tieback: {row.kind} {WORDS[row.what] if row.what != 'end' else 'is over'} ({row.severity})"
    return "Tieback: " + ", ".join(f"{counted[word]} {word}" for word in WORDS.values() if counted[word])


def _text(told: list[Any]) -> str:
    if len(told) > 1:
        kinds = Counter(row.kind for row in told)
        return "Alerts: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    (row,) = told
    lines = [line(row)]
    if row.what != "end":
        lines.append(f"Type: {command(row)}. What it means: docs/alerts.md, {row.kind}.")
        lines.append(f"To say that you look after it: tieback alerts ack {row.alert_id}")
    return "\n".join(lines)


def command(row: Any) -> str:
    """What to type first."""
    return KINDS[row.kind].type_.replace("NAME", row.subject)


def line(row: Any) -> str:
    """One alert in one line."""
    since = f"since {row.since:%Y-%m-%d %H:%M} UTC"
    if row.what == "end":
        return f"over: {row.kind}: {row.said} ({since} until {row.resolved_at:%H:%M})"
    back = f", came back {row.times} times" if row.times > 1 else ", came back" if row.times else ""
    runbook = f". Runbook: {row.runbook}" if row.runbook else ""
    return f"{WORDS[row.what]}: {row.severity}: {row.kind}: {row.said} ({since}{back}, alert {row.alert_id}){runbook}"


def _facts(row: Any) -> dict[str, Any]:
    """What programs want to know."""
    return {
        "id": row.alert_id, "what": WORDS[row.what], "kind": row.kind, "subject": row.subject, "severity": row.severity,
        "message": row.said, "runbook": row.runbook, "since": row.since.isoformat(), "type": command(row),
        "resolved_at": row.resolved_at.isoformat() if row.resolved_at else None,
    }  # fmt: skip
