"""News that reach us otherwise than through a hook: kept as a delivery and its event, sorted like any other.

Both rows are of one transaction, so whoever announces something is told the event's id, and losing the
bell that rings for it costs a second: the relay finds the delivery.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from config.kinds import KINDS
from store import events
from store.events import insert
from store.models import Delivery, Event
from store.types import now

CONFIG = "config"
INBOUND = "inbound:"
WAITING = "received"


def configuration(db: Connection, kind: str, name: str, actor: str, detail: Mapping[str, Any] | None = None) -> tuple[int, int]:
    """Keep a change of configuration; (delivery id, event id). `kind` is one of KINDS, `name` a connector's or ""."""
    resource, action, _ = KINDS[kind]
    body = {"kind": kind, "name": name, "by": actor, **({"detail": dict(detail)} if detail else {})}
    about = {"resource_name": resource, "action": action, "resource_id": name, "app_id": actor, "body": body}
    connector = "" if resource == "automations" else name
    raw = json.dumps(body, ensure_ascii=False, default=str).encode()
    made = _keep(db, connector, CONFIG, f"config:{secrets.token_hex(16)}", raw, "config", about)
    assert made is not None  # the key is random
    return made


def inbound(db: Connection, source: str, key: str, raw: bytes, body: Any, token: str) -> tuple[int, int] | None:
    """Keep what another program posted to `/inbound/<source>`; None when its key is known already."""
    about = {
        "resource_name": source,
        "action": "create",
        "resource_id": "",
        "app_id": token,
        "body": {"name": source, "body": body},
    }
    return _keep(db, "", f"{INBOUND}{source}", f"inbound:{source}:{key}", raw, "inbound", about)


def source_of(channel: str) -> str | None:
    """`config` or `inbound` for a delivery of such a channel; None for a hook's key."""
    return "config" if channel == CONFIG else "inbound" if channel.startswith(INBOUND) else None


def event_of(db: Connection, source: str, key: str) -> int | None:
    """The event that an earlier post with this key made."""
    return events.by_key(db, "", f"inbound:{source}:{key}")


def _keep(
    db: Connection, connector: str, channel: str, key: str, raw: bytes, source: str, about: Mapping[str, Any]
) -> tuple[int, int] | None:
    arrived = {"connector": connector, "hook_key": channel, "delivery_key": key, "raw": raw, "content_type": "application/json"}
    made = db.execute(insert(db, Delivery).values(arrived).on_conflict_do_nothing().returning(Delivery.id)).first()
    if made is None:
        return None
    nothing = dict.fromkeys(("company_id", "project_id", "user_id", "payload_version"), "")
    said = {**nothing, **about, "connector": connector, "event_key": key, "source": source, "timestamp": now()}
    event = insert(db, Event).values({**said, "delivery_id": made.id, "state": WAITING}).returning(Event.id)
    return int(made.id), int(db.execute(event).one().id)
