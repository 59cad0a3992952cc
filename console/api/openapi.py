"""The OpenAPI 3.1 document, made from the table of routes and what is said of each."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from console.access import SCOPES, TABLE, Access
from console.api.described import Described
from console.api.table import DESCRIBED

Json = dict[str, Any]
_PART = re.compile(r"<(?:(\w+):)?(\w+)>")
ERRORS = {
    "401": "Nobody is signed in", "403": "Not yours to do", "404": "There is no such thing",
    "409": "Somebody else changed it meanwhile", "422": "It does not fit", "429": "Too much",
    "500": "Something of ours went wrong", "502": "It did not work elsewhere", "503": "The database does not answer",
}  # fmt: skip


@cache
def document() -> Json:
    models = {one.gives for one in DESCRIBED.values()} | {one.takes for one in DESCRIBED.values() if one.takes}
    _, made = models_json_schema([(model, "validation") for model in sorted(models, key=lambda one: one.__name__)],
                                 ref_template="#/components/schemas/{model}")  # fmt: skip
    paths: dict[str, Json] = {}
    for endpoint, said in DESCRIBED.items():
        access = TABLE[endpoint]
        paths.setdefault(_PART.sub(r"{\2}", access.rule), {})[access.method.lower()] = _operation(endpoint, access, said)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tieback", "version": "1", "description": "The operator's verbs, for programs."},
        "paths": paths,
        "components": {
            "schemas": {**made.get("$defs", {}), "Problem": _problem()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "A token of `tieback tokens add`."}},
        },
        "security": [{"token": []}],
    }


def _operation(endpoint: str, access: Access, said: Described) -> Json:
    scope = next(name for name, role in SCOPES.items() if role == access.role)
    found: Json = {
        "operationId": endpoint.removeprefix("api."),
        "summary": said.summary,
        "description": f"Needs a token of the scope {scope}.",
        "parameters": [*_in_path(access.rule), *_in_query(said)],
        "responses": {"200": _answer("As asked", "application/json", _schema(said)), **_errors()},
    }
    if said.takes is not None:
        body = {"schema": _ref(said.takes.__name__)}
        found["requestBody"] = {"required": False, "content": {"application/json": body}}
        found["responses"]["415"] = _answer("Send JSON", "application/problem+json", _ref("Problem"))
    return found


def _in_path(rule: str) -> list[Json]:
    kinds = {"id": {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}}
    text = {"type": "string", "minLength": 1}
    return [{"name": name, "in": "path", "required": True, "schema": kinds.get(kind, text)} for kind, name in _PART.findall(rule)]


def _in_query(said: Described) -> list[Json]:
    found: list[Json] = [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string", **_choices(said, name)}}
        for name, text in said.query.items()
    ]
    if said.listed:
        found.append({"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}})
        found.append({"name": "cursor", "in": "query", "description": "`next` of the page before.", "schema": {"type": "string"}})
    return found


def _choices(said: Described, name: str) -> Json:
    return {"enum": list(said.choices[name])} if name in said.choices else {}


def _schema(said: Described) -> Json:
    item = _ref(said.gives.__name__)
    if not said.listed:
        return item
    items = {"type": "array", "items": item}
    return {"type": "object", "required": ["items", "next"], "properties": {"items": items, "next": {"type": ["string", "null"]}}}


def _errors() -> Json:
    return {
        status: _answer(text, "application/problem+json", _ref("Problem"))
        for status, text in {**ERRORS, "400": "Not readable"}.items()
    }


def _answer(text: str, kind: str, schema: Json) -> Json:
    return {"description": text, "content": {kind: {"schema": schema}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _problem() -> Json:
    texts = {name: {"type": "string"} for name in ("type", "title", "detail", "request_id")}
    others = {"status": {"type": "integer"}, "errors": {"type": "array", "items": {"type": "object"}}}
    return {"type": "object", "required": [*texts, "status"], "properties": {**texts, **others}}
