"""Answers in Procore's spelling."""

from __future__ import annotations

import json
import secrets
from http import HTTPStatus
from typing import Any

from flask import Response, request

DISCONNECTED = {"errors": ["App is not connected to this company."]}


_UNDERSTOOD = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")


class Refused(Exception):
    """Ends a call with this status and body."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, headers or {}


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON with fresh file addresses: every read signs them anew, so two reads differ."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if "{{sig}}" in text:
        text = text.replace("{{base}}", request.host_url.rstrip("/")).replace("{{sig}}", secrets.token_hex(16))
    return Response(text, status, headers, content_type="application/json; charset=utf-8")


def refused(problem: Refused) -> Response:
    """The refusal as this version spells it. The webhook pages, and a disconnected app, have one spelling for all."""
    if isinstance(problem.body, str):
        kind = "text/html" if problem.body.startswith("<") else "text/plain; charset=utf-8"
        return Response(problem.body, problem.status, problem.headers, content_type=kind)
    v2 = request.path.startswith("/rest/v2") and "/webhooks/" not in request.path and problem.body != DISCONNECTED
    return answer(_of_v2(problem) if v2 else problem.body, problem.status, problem.headers)


def _of_v2(problem: Refused) -> Any:
    """`{"error": {"code": "NOT_FOUND", …}}`, with one detail for each thing that is wrong."""
    said = problem.body.get("errors") if isinstance(problem.body, dict) else None
    if said is None:
        return problem.body
    by_source = said.items() if isinstance(said, dict) else [("", [said] if isinstance(said, str) else said)]
    details = [
        {"reason_code": "INVALID" if source else "ERROR", "message": text, "source": source}
        for source, texts in by_source
        for text in texts
    ]
    reason = HTTPStatus(problem.status)
    return {"error": {"code": reason.name, "message": reason.phrase, "details": details}}


def body_of_call() -> dict[str, Any]:
    """The JSON object or the form of a write; 400 for anything else."""
    if request.form or request.files:
        return nested_form()
    if not request.get_data():
        return {}
    if request.mimetype and request.mimetype not in _UNDERSTOOD:
        raise Refused(406, {"message": f"Not Acceptable: {request.mimetype}"})
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise Refused(400, {"code": 400, "message": "Bad Request", "fields": {}})
    return body


def nested_form() -> dict[str, Any]:
    """`rfi[subject]=x` as `{"rfi": {"subject": "x"}}`."""
    body: dict[str, Any] = {}
    for name, text in request.form.items():
        head, _, rest = name.partition("[")
        if rest.endswith("]"):
            inner = body.setdefault(head, {})
            if isinstance(inner, dict):
                inner[rest[:-1]] = text
        else:
            body[head] = text
    return body
