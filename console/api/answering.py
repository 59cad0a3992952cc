"""How the API hears and answers: bodies and filters checked, JSON given, lists paged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from flask import Response, request
from pydantic import ValidationError

from config.hiding import scrub
from console.api.described import Described, Wish
from console.cli.output import as_json_value
from console.faults import Fault
from console.verbs import fitting

W = TypeVar("W", bound=Wish)
Json = dict[str, Any]
MOST = 200


def given(value: Any) -> Response:
    return Response(scrub(json.dumps(as_json_value(value), ensure_ascii=False)), content_type="application/json")


def wish(model: type[W]) -> W:
    """The body that was sent, checked; an empty one has no field. Raises: Fault naming the fields."""
    raw = request.get_data()
    if raw and request.mimetype != "application/json":
        raise Fault("not-acceptable")
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        fields = [{"field": ".".join(map(str, one["loc"])) or "body", "message": one["msg"]} for one in error.errors()]
        raise Fault("unfit", fields=fields) from None


def asked(said: Described) -> Json:
    """The filters that were given. Raises: Fault for one that this route does not have."""
    known = {*said.query, *(("limit", "cursor") if said.listed else ())}
    strange = [{"field": name, "message": "there is no such parameter"} for name in request.args if name not in known]
    if strange:
        raise Fault("unfit", fields=strange)
    found: Json = {name: request.args[name][:400] for name in said.query if request.args.get(name) and name != "since"}
    if "since" in said.query and request.args.get("since"):
        found["hours"] = fitting.since(request.args["since"])
    return found


def number(name: str, usual: int | None, most: int) -> int | None:
    text = request.args.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and 1 <= int(text) <= most):
        raise Fault("unfit", fields=[{"field": name, "message": f"a whole number from 1 to {most}"}])
    return int(text)


def limit_asked() -> int:
    return number("limit", 50, MOST) or 50


def cursor_asked() -> int | None:
    return number("cursor", None, 10**18 - 1)


def paged(rows: list[Json], limit: int) -> Response:
    """Rows of which one more than a page was asked for."""
    shown = rows[:limit]
    return given({"items": shown, "next": str(shown[-1]["id"]) if len(rows) > limit else None})


def whole(rows: Iterable[Any]) -> Response:
    """Lists that are short: the cursor is how many were given so far."""
    rows, limit, start = list(rows), limit_asked(), cursor_asked() or 0
    end = start + limit
    return given({"items": rows[start:end], "next": str(end) if end < len(rows) else None})


def seconds(hours: float | None) -> float | None:
    return None if hours is None else hours * 3600
