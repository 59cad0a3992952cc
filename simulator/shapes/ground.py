"""What other records point at: trades, stages, locations, specification sections, cost codes."""

from __future__ import annotations

from simulator import words
from simulator.records import Json
from simulator.shapes.setting import Setting

_TRADES = ("Concrete", "Drywall", "Electrical", "Plumbing", "Glazing", "Structural Steel")
_STAGES = ("Course of Construction", "Pre-Construction", "Warranty", "Bidding")


def trade(s: Setting, n: int) -> Json:
    _, updated = s.times()
    name = _TRADES[n] if n < len(_TRADES) else f"Trade {n}"
    return {"id": s.ids.next("Trades"), "name": name, "active": True, "updated_at": updated}


def stage(s: Setting, n: int) -> Json:
    name = _STAGES[n] if n < len(_STAGES) else f"Stage {n}"
    return {
        "id": s.ids.next("Project Stages"),
        "name": name,
        "formatted_name": name,
        "formatted_parent_name": None,
        "parent_id": None,
        "default_stage": False,
        "procore_category": n < len(_STAGES),
        "dependent_projects": 4 if n == 0 else 0,
    }


def location(s: Setting, n: int) -> Json:
    created, updated = s.times()
    name = words.LOCATIONS[n] if n < len(words.LOCATIONS) else f"Area {n}"
    return {
        "id": s.ids.next("Locations"),
        "name": name,
        "node_name": name,
        "parent_id": None,
        "code": None,
        "created_at": created,
        "updated_at": updated,
    }


def section(s: Setting, n: int) -> Json:
    number, description = s.turn(words.SECTIONS, n)
    return {
        "id": s.ids.next("Specification Sections"),
        "number": number,
        "description": description,
        "label": f"{number} - {description}",
        "current_revision_id": s.ids.next("Specification Section Revisions"),
        "specification_area_id": s.project["id"] + 2,
        "specification_area_name": "Main",
        "viewable_document_id": s.ids.next("viewable"),
    }


def cost_code(s: Setting, n: int) -> Json:
    code, name = s.turn(words.COST_CODES, n)
    created, updated = s.times()
    return {
        "id": s.ids.next("Cost Codes"),
        "name": name,
        "code": code.partition("-")[2],
        "full_code": code,
        "origin_id": None,
        "origin_data": None,
        "standard_cost_code_id": None,
        "biller": s.project["name"],
        "biller_id": s.project["id"],
        "biller_type": "Project",
        "biller_origin_id": None,
        "budgeted": True,
        "parent": None,
        "sortable_code": code,
        "created_at": created,
        "updated_at": updated,
        "deleted_at": None,
        "line_item_types": [],
        "position": n + 1,
    }
