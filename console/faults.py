"""How a request ends that does not go well: a stable code and a request id, as a page or a problem (RFC 9457)."""

from __future__ import annotations

import json
import logging
import secrets

from flask import Response, g, render_template, request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from config.errors import ConfigError, TiebackError
from config.hiding import scrub
from config.logs import about
from console.verbs.at_hand import NotThere
from console.verbs.changing import Conflict
from console.verbs.fitting import Misfit

log = logging.getLogger("tieback.console")

# code: (status, heading, what to do)
KNOWN = {
    "not-found": (404, "There is no such page", "Look at the address, or begin at the overview."),
    "not-there": (404, "There is no such thing", "It may have been removed, or belong to another company."),
    "forbidden": (403, "This is not yours to do", "Ask an administrator for the role that may."),
    "not-signed-in": (401, "Nobody is signed in", "Sign in, then say it again."),
    "foreign-form": (403, "This did not come from a page of ours", "Open the page anew and say it again."),
    "not-safe": (403, "The console needs TLS here", "Reach it by https through a proxy, or by a tunnel to this machine."),
    "too-large": (413, "This is too much at once", "Send less."),
    "unfit": (422, "This does not fit", "Look at the fields that are named."),
    "bad-request": (400, "This cannot be read", "Look at what was sent."),
    "not-acceptable": (415, "Send JSON", "Send Content-Type: application/json."),
    "elsewhere": (502, "It did not work elsewhere", "Try again in a while."),
    "no-store": (503, "The database does not answer", "Look at it with: tieback doctor. This page comes back by itself."),
    "internal": (500, "Something of ours went wrong", "Look for the request id in the log."),
}
_BY_STATUS = {400: "bad-request", 404: "not-found", 405: "not-found", 413: "too-large", 415: "not-acceptable"}


class Fault(Exception):
    """Ends a request with one of the known codes. `detail` is a sentence of ours for the person, never somebody else's text.

    `fields` says what does not fit in which field of what was sent.
    """

    def __init__(self, code: str, detail: str | None = None, fields: list[dict[str, str]] | None = None):
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.fields = fields


def request_id() -> str:
    if "request_id" not in g:
        g.request_id = secrets.token_hex(8)
    return str(g.request_id)


def answer(
    code: str, detail: str | None = None, status: int | None = None, fields: list[dict[str, str]] | None = None
) -> Response:
    usual, heading, mend = KNOWN[code]
    status = status or usual
    detail = scrub(detail) if detail else mend
    if request.path.startswith("/api/"):
        return _problem(code, status, heading, detail, fields)
    g.identity = None  # the page asks nothing more: what failed may be the store
    text = render_template("fault.html", code=code, status=status, heading=heading, detail=detail, request_id=request_id())
    return Response(text, status)


def _problem(code: str, status: int, title: str, detail: str, fields: list[dict[str, str]] | None) -> Response:
    body: dict[str, object] = {"type": f"urn:tieback:{code}", "title": title, "status": status, "detail": detail}
    body |= {"request_id": request_id(), **({"errors": fields} if fields else {})}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return Response(json.dumps(body), status, headers, content_type="application/problem+json")


def of_fault(error: Fault) -> Response:
    return answer(error.code, error.detail, fields=error.fields)


def of_http(error: HTTPException) -> Response:
    return answer(_BY_STATUS.get(error.code or 500, "bad-request" if (error.code or 500) < 500 else "internal"))


def of_ours(error: TiebackError) -> Response:
    """A sentence of ours: what was asked for does not exist, does not fit, or did not work."""
    if isinstance(error, NotThere):
        return answer("not-there", str(error))
    if isinstance(error, Conflict):
        return answer("unfit", str(error), 409)
    if isinstance(error, Misfit):
        return answer("unfit", str(error), fields=[{"field": error.field, "message": error.said}])
    return answer("unfit", str(error)) if isinstance(error, ConfigError) else answer("elsewhere", str(error))


def of_database(error: DBAPIError) -> Response:
    log.error("console.no_store", extra=about(request=request_id()), exc_info=error)
    return answer("no-store")


def of_anything(error: Exception) -> Response:
    log.error("console.failed", extra=about(request=request_id()), exc_info=error)
    return answer("internal")
