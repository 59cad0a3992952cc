"""`POST /config-events`: another program says that configuration changed. Kept as an event, answered with its id."""

from __future__ import annotations

import json
import secrets
from typing import Any

from flask import Response, request
from sqlalchemy import Connection, Engine

from store import apitokens, events
from store.session import reading, writing
from store.types import now
from webhook.body import UnfitError, parse
from webhook.procore import read_body

SCOPE = "config-events"
MAX_BODY = 64 * 1024
MAX_NAME = 64
# kind -> what changed, how, and whether a name must be given
KINDS = {
    "connector.created": ("connector", "create", True),
    "connector.updated": ("connector", "update", True),
    "connector.removed": ("connector", "delete", True),
    "automations.changed": ("automations", "update", False),
    "projects.changed": ("projects", "update", False),
}
NOBODY_LISTENS = "no automation listens to configuration events yet"


class RefusedError(Exception):
    """An answer in the form of RFC 9457; `field` is the field to mend."""

    def __init__(self, status: int, title: str, detail: str, field: str | None = None):
        super().__init__(detail)
        self.status = status
        self.body = {"type": "about:blank", "title": title, "status": status, "detail": detail} | (
            {"field": field} if field else {}
        )


class ConfigEvents:
    def __init__(self, engine: Engine):
        self._engine = engine

    def receive(self) -> Response:
        """202 with `{"event_id"}`, or a problem that names the field."""
        try:
            token = self._token()
            kind, name = _read()
        except RefusedError as problem:
            return _problem(problem)
        with writing(self._engine) as db:
            id = _add(db, kind, name, token)
        return Response(json.dumps({"event_id": id}), 202, content_type="application/json")

    def _token(self) -> str:
        """The name of the API token that was sent."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        name = None
        if scheme.lower() == "bearer" and token:
            with reading(self._engine) as db:
                name = apitokens.allows(db, token.strip(), SCOPE)
        if name is None:
            raise RefusedError(401, "Unauthorized", f"send Authorization: Bearer with an API token of the scope {SCOPE}")
        return name


def _read() -> tuple[str, str]:
    if request.mimetype != "application/json":
        raise RefusedError(415, "Unsupported Media Type", "send Content-Type: application/json", "Content-Type")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RefusedError(415, "Unsupported Media Type", "send the body without Content-Encoding", "Content-Encoding")
    raw = read_body(MAX_BODY)
    if raw is None:
        raise RefusedError(413, "Content Too Large", f"the body is larger than {MAX_BODY} bytes")
    try:
        body = parse(raw)
    except UnfitError as error:
        raise RefusedError(400, "Bad Request", str(error)) from None
    return _check(body)


def _check(body: Any) -> tuple[str, str]:
    if not isinstance(body, dict):
        raise RefusedError(400, "Bad Request", 'send one object, such as {"kind": "connector.updated", "name": "acme-prod"}')
    for field in body:
        if field not in ("kind", "name"):
            raise RefusedError(400, "Bad Request", "only kind and name are known", field[:MAX_NAME])
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise RefusedError(400, "Bad Request", f"kind is one of {', '.join(KINDS)}", "kind")
    name = body.get("name", "")
    if not isinstance(name, str) or len(name) > MAX_NAME or (name and not name.isprintable()):
        raise RefusedError(400, "Bad Request", f"name is a text of at most {MAX_NAME} printable characters", "name")
    if KINDS[kind][2] and not name:
        raise RefusedError(400, "Bad Request", f"{kind} needs the name of the connector", "name")
    return kind, name


def _add(db: Connection, kind: str, name: str, token: str) -> int:
    resource, action, _ = KINDS[kind]
    id = events.add(db, {
        "connector": "" if resource == "automations" else name, "event_key": f"config:{secrets.token_hex(16)}",
        "source": "config", "action": action, "resource_name": resource, "resource_id": name,
        "company_id": "", "project_id": "", "user_id": "", "app_id": token, "timestamp": now(), "payload_version": "",
        "body": {"kind": kind, "name": name}, "state": "ignored", "reason": NOBODY_LISTENS,
    })  # fmt: skip
    assert id is not None  # the key is random
    return id


def _problem(problem: RefusedError) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
    return Response(json.dumps(problem.body), problem.status, headers, content_type="application/problem+json")
