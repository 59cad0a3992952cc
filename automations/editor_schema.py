"""One JSON Schema for a whole automation file, so that an editor completes and underlines while it is being written.

It is made from the models that read the file, so the two cannot part. What only `tieback rules check` can know
(names, types of expressions, what Procore sends) is left to it: whatever the check accepts, this accepts.
"""

from __future__ import annotations

import copy
from typing import Any

from automations import reference
from automations.written import TRIGGERS, Automation

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE = {"type": "string", "pattern": r"\$\{"}
Schema = dict[str, Any]


def schema() -> Schema:
    """JSON Schema, draft 2020-12."""
    whole = reference.schema_of(Automation)
    defs: Schema = whole["$defs"]
    for step in [one for one in defs.values() if {"use", "with"} <= set(one.get("properties", {}))]:
        _with_actions(step, defs)
    for one in [one for one in defs.values() if set(TRIGGERS) <= set(one.get("properties", {}))]:
        one["oneOf"] = [{"required": [kind]} for kind in TRIGGERS]
    return {"$schema": DRAFT, "title": "Tieback automation, format 1", **whole}


def _with_actions(step: Schema, defs: Schema) -> None:
    """`use:` is one of the actions, and `with:` has its parameters."""
    found = reference.actions()
    step["properties"]["use"] = {"enum": [one.word for one in found]}
    step["allOf"] = []
    for one in found:
        name = f"with.{one.word}"
        defs |= _lifted(name, _parameters(one))
        needs = {"required": ["with"]} if defs[name].get("required") else {}
        then = {"properties": {"with": {"$ref": f"#/$defs/{name}"}}, **needs}
        step["allOf"].append({"if": {"properties": {"use": {"const": one.word}}}, "then": then})


def _parameters(one: reference.Described) -> Schema:
    own = copy.deepcopy(one.schema)
    fixed = {p.name for p in one.parameters if p.fixed}
    told = {p.name: {"description": p.meaning} for p in one.parameters if p.meaning}
    for name, child in own.get("properties", {}).items():
        own["properties"][name] = (child if name in fixed else _templated(child)) | told.get(name, {})
    own["description"] = one.help
    return own


def _templated(schema: Schema) -> Schema:
    """The same, where the value, and each value inside, may be `${…}` as well."""
    inner = _inside(schema)
    about = {key: inner.pop(key) for key in ("description", "default") if key in inner}
    if not inner or inner == {"type": "string"}:
        return about | inner
    several = inner.keys() == {"anyOf"}
    return about | {"anyOf": [*(inner["anyOf"] if several else [inner]), _TEMPLATE]}


def _inside(schema: Schema) -> Schema:
    """The same, where each value inside may be `${…}` as well."""
    inner = dict(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(inner.get(key), dict):
            inner[key] = _templated(inner[key])
    if "properties" in inner:
        inner["properties"] = {name: _templated(child) for name, child in inner["properties"].items()}
    if "anyOf" in inner:
        inner["anyOf"] = [_inside(one) for one in inner["anyOf"]]
    return inner


def _lifted(name: str, schema: Schema) -> Schema:
    """Models inside an action's parameters stand in the one list of definitions too, under the action's name."""
    inner = schema.pop("$defs", {})
    found = {name: schema} | {f"{name}.{own}": _inside(one) for own, one in inner.items()}
    return {key: _pointing(one, name) for key, one in found.items()}


def _pointing(schema: Any, owner: str) -> Any:
    if isinstance(schema, list):
        return [_pointing(one, owner) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"#/$defs/{owner}.{one.removeprefix('#/$defs/')}" if key == "$ref" else _pointing(one, owner)
        for key, one in schema.items()
    }
