"""Other programs at the door: known by an API token, answered as RFC 9457 says when something does not fit."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request
from sqlalchemy import Engine

from store import apitokens
from store.session import reading
from webhook.body import UnfitError, parse


class RefusedError(Exception):
    """An answer in the form of RFC 9457; `field` is the field to mend."""

    def __init__(self, status: int, title: str, detail: str, field: str | None = None):
        super().__init__(detail)
        self.status = status
        self.body = {"type": "about:blank", "title": title, "status": status, "detail": detail} | (
            {"field": field} if field else {}
        )

    def response(self) -> Response:
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else None
        return Response(json.dumps(self.body), self.status, headers, content_type="application/problem+json")


def bad(detail: str, field: str | None = None) -> RefusedError:
    return RefusedError(400, "Bad Request", detail, field)


def token_name(engine: Engine, *scopes: str) -> str:
    """The name of the API token that was sent. Raises: RefusedError unless it has one of the scopes."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        with reading(engine) as db:
            for scope in scopes:
                if name := apitokens.allows(db, token.strip(), scope):
                    return name
    raise RefusedError(401, "Unauthorized", f"send Authorization: Bearer with an API token of the scope {scopes[0]}")


def json_body(most: int) -> tuple[bytes, Any]:
    """The bytes and what they say. Raises: RefusedError."""
    if request.mimetype != "application/json":
        raise RefusedError(415, "Unsupported Media Type", "send Content-Type: application/json", "Content-Type")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RefusedError(415, "Unsupported Media Type", "send the body without Content-Encoding", "Content-Encoding")
    raw = request.get_data()
    if len(raw) > most:
        raise RefusedError(413, "Content Too Large", f"the body is larger than {most} bytes")
    try:
        return raw, parse(raw)
    except UnfitError as error:
        raise bad(str(error)) from None


def accepted(event_id: int) -> Response:
    return Response(json.dumps({"event_id": event_id}), 202, content_type="application/json")
