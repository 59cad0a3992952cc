"""`POST /config-events`: another program says that configuration changed. Kept as an event, answered with its id."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy import Engine

from config.kinds import KINDS, TELLABLE
from config.problems import did_you_mean
from store import announcements
from store.session import writing
from webhook.bearer import RefusedError, accepted, bad, json_body, token_name
from webhook.committer import Doorbell

SCOPE = "config-events"
MAX_BODY = 64 * 1024
MAX_NAME = 64


class ConfigEvents:
    def __init__(self, engine: Engine, doorbell: Doorbell):
        self._engine = engine
        self._doorbell = doorbell

    def receive(self) -> Response:
        """202 with `{"event_id"}`, or a problem that names the field."""
        try:
            token = token_name(self._engine, SCOPE)
            kind, name = _check(json_body(MAX_BODY)[1])
        except RefusedError as problem:
            return problem.response()
        with writing(self._engine) as db:
            delivery_id, event_id = announcements.configuration(db, kind, name, f"token:{token}")
        self._doorbell.ring("sort", [delivery_id])
        return accepted(event_id)


def _check(body: Any) -> tuple[str, str]:
    if not isinstance(body, dict):
        raise bad('send one object, such as {"kind": "connector.updated", "name": "acme-prod"}')
    for field in body:
        if field not in ("kind", "name"):
            raise bad("only kind and name are known", field[:MAX_NAME])
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in TELLABLE:
        guess = did_you_mean(kind, TELLABLE) if isinstance(kind, str) else ""
        raise bad(f"kind is one of {', '.join(TELLABLE)}{guess}", "kind")
    name = body.get("name", "")
    if not isinstance(name, str) or len(name) > MAX_NAME or (name and not name.isprintable()):
        raise bad(f"name is a text of at most {MAX_NAME} printable characters", "name")
    if KINDS[kind][2] and not name:
        raise bad(f"{kind} needs the name of the connector", "name")
    return kind, name
