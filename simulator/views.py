"""How a kept record is shown: lists are thinner than show, versions differ, v2 ids are text."""

from __future__ import annotations

from typing import Any

from simulator.records import Json
from simulator.table import Route, Row

_NOT_IN_LIST: dict[str, tuple[str, ...]] = {
    "RFIs": (
        "distribution_list", "draft", "drawing_ids", "drawing_number", "title", "accepted", "change_events",
        "coordination_issues", "custom_textfield_1", "custom_textfield_2", "proposed_solution",
    ),
}  # fmt: skip
_COMPACT = ("id", "name", "company", "title", "number", "status", "is_active", "created_at", "updated_at")
_COMPACT_TOO = (
    "Company Vendors",
    "Project Users",
    "Project Vendors",
    "Work Order Contracts",
    "Purchase Order Contracts",
    "Tasks",
)
_COMPACT_PROJECT = ("id", "name", "display_name", "project_number", "active")


def shown(row: Row, route: Route, body: Json, view: str | None) -> Any:
    """One record as this route shows it."""
    if row.name == "Projects":
        body = _project(route, body, view)
    elif row.name == "RFIs" and route.version == "v1.1" and route.kind == "show":
        body = _rfi_v1_1(body)
    elif row.name == "Commitments":
        body = _commitment(body)
    elif row.name == "Change Events" and route.version == "v1.1":
        body = _change_event_v1_1(body)
    if route.kind != "show":
        if view in ("ids", "ids_only", "only_ids"):
            return {"id": body["id"]}
        if view in ("compact", "minimal", "name") and row.name in _COMPACT_TOO:
            body = {key: body[key] for key in _COMPACT if key in body}
        body = {key: value for key, value in body.items() if key not in _NOT_IN_LIST.get(row.name, ())}
        if row.name == "Submittals":
            body["last_distributed_submittal"] = None
    return with_text_ids(body) if route.version.startswith("v2") else body


def grouped(row: Row, items: list[Any], route: Route) -> list[Any]:
    """The meetings list is grouped by title."""
    if row.name != "Meetings" or route.version != "v1.1":
        return items
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(item.get("title", ""), []).append(item)
    return [{"group_title": title, "meetings": meetings} for title, meetings in groups.items()]


def with_text_ids(value: Any, key: str = "") -> Any:
    """v2 spelling: every id is a string."""
    if isinstance(value, dict):
        return {name: with_text_ids(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_text_ids(inner, key) for inner in value]
    is_id = key == "id" or key.endswith(("_id", "_ids"))
    return str(value) if is_id and isinstance(value, int) and not isinstance(value, bool) else value


def _project(route: Route, body: Json, view: str | None) -> Json:
    if route.path.endswith("/companies/{company_id}/projects"):
        return _short_project(body)
    if route.kind != "show":
        return {key: body[key] for key in _COMPACT_PROJECT} if view == "compact" else body
    stage = body.get("project_stage") or {}
    return body | {
        "logo_url": None,
        "template": False,
        "tz_name": "America/Chicago",
        "flag": None,
        "locale": None,
        "public_notes": None,
        "is_erp_integrated": False,
        "inbound_email": f"project-{body['id']}@us02.procoretech.com",
        "departments": [],
        "office": None,
        "program": None,
        "stage": stage.get("name"),
    }


def _short_project(body: Json) -> Json:
    place = ("city", "state_code", "zip", "country_code")
    return {
        "id": body["id"],
        "name": body["name"],
        "address": {"street": body["address"], **{key: body[key] for key in place}},
        "stage_name": (body.get("project_stage") or {}).get("name"),
        "status_name": "Active" if body["active"] else "Inactive",
        "type_name": None,
        "open_items": [],
        "created_by": body["created_by"],
    }


_COMMITMENT = (
    "id",
    "title",
    "number",
    "status",
    "description",
    "executed",
    "delivery_date",
    "created_at",
    "updated_at",
    "private",
)


def _commitment(body: Json) -> Json:
    """What a work order and a purchase order contract have in common."""
    vendor = body.get("vendor")
    named = {"id": vendor["id"], "name": vendor.get("name") or vendor.get("company")} if vendor else None
    return {key: body.get(key) for key in _COMMITMENT} | {"vendor": named}


def _rfi_v1_1(body: Json) -> Json:
    """One question object and its responses, in place of questions with answers."""
    questions = body.get("questions") or [{"answers": []}]
    first = {key: value for key, value in questions[0].items() if key != "answers"}
    responses = [reply for question in questions for reply in question["answers"]]
    rest = {key: value for key, value in body.items() if key != "questions"}
    return rest | {"question": first or None, "responses": responses}


_CHANGE_V1_0 = (
    "change_event_status",
    "change_order_change_reason",
    "event_scope",
    "event_type",
    "change_event_line_items",
)


def _change_event_v1_1(body: Json) -> Json:
    status = body["change_event_status"] | {"mapped_to_status": body["status"]}
    rest = {key: value for key, value in body.items() if key not in _CHANGE_V1_0}
    kind = body["event_type"]
    return rest | {
        "number": body["alphanumeric_number"],
        "scope": body["event_scope"],
        "status": {key: status[key] for key in ("id", "name", "mapped_to_status")},
        "change_type": {
            "id": 1,
            "name": kind,
            "abbreviation": "".join(word[0] for word in str(kind).split()),
        },
        "change_reason": {key: body["change_order_change_reason"][key] for key in ("id", "change_reason")},
        "change_items": body["change_event_line_items"],
        "markup_items": [],
        "production_quantities": [],
        "event_origin": body.get("event_origin"),
        "external_data": {"origin_id": None, "origin_data": None},
        "in_recycle_bin": bool(body.get("deleted")),
        "currency_configuration": {"currency_iso_code": "USD"},
    }
