"""What is found on site: punch items and observations."""

from __future__ import annotations

from simulator import words
from simulator.records import Json
from simulator.shapes.setting import Setting, login, named

_LOCATION = ("id", "name", "node_name", "parent_id", "code", "created_at", "updated_at")


def punch_item(s: Setting, n: int) -> Json:
    created, updated = s.times()
    closed = s.live_at is None and n % 4 == 3
    manager, worker = _employed(s.users[0], s), s.turn(s.users, 3)
    location = s.maybe(s.locations)
    return {
        "id": s.ids.next("Punch Items"),
        "position": n + 1,
        "name": s.turn(words.PUNCHES, n),
        "description": "",
        "status": "Closed" if closed else "Open",
        "workflow_status": "closed" if closed else "work_required",
        "priority": s.turn(("High", "Medium", "Low"), n),
        "private": False,
        "created_at": created,
        "updated_at": updated,
        "closed_at": updated if closed else None,
        "deleted_at": None,
        "due_date": s.day(s.rng.randrange(-10, 20)),
        "reference": "",
        "cost_impact": "tbd",
        "cost_impact_amount": None,
        "schedule_impact": "no_impact",
        "schedule_impact_days": None,
        "has_resolved_responses": closed,
        "has_unresolved_responses": not closed,
        "ball_in_court": [] if closed else [{"id": worker["id"], "name": worker["name"], "locale": "en"}],
        "punch_item_manager": manager,
        "final_approver": manager,
        "created_by": manager,
        "closed_by": manager if closed else None,
        "punch_item_type": {"id": 4, "name": "Finish"},
        "trade": s.maybe(s.trades),
        "cost_code": None,
        "location": {key: location[key] for key in _LOCATION} if location else None,
        "assignees": [login(worker)],
        "assignments": [_assignment(s, worker, closed, created, updated)],
        "custom_fields": {},
    }


def _employed(user: Json, s: Setting) -> Json:
    return {"id": user["id"], "name": user["name"], "locale": "en", "company_name": s.company["name"]}


def _assignment(s: Setting, worker: Json, closed: bool, created: str, updated: str) -> Json:
    return {
        "id": s.ids.next("assignment"),
        "approved": closed,
        "status": "resolved" if closed else "unresolved",
        "comment": None,
        "login_information_id": worker["id"],
        "login_information_name": worker["name"],
        "vendor": worker["vendor"],
        "notified_at": created,
        "responded_at": updated if closed else None,
        "manager_accepted_at": None,
        "updated_at": updated,
        "attachments": [],
    }


def observation_item(s: Setting, n: int) -> Json:
    name, kind = s.turn(words.OBSERVATIONS, n)
    created, updated = s.times()
    closed = s.live_at is None and n % 3 == 2
    worker = s.turn(s.users, 3)
    return {
        "id": s.ids.next("Observation Items"),
        "number": str(n + 1),
        "name": name,
        "description": "",
        "description_rich_text": "",
        "status": "closed" if closed else "initiated",
        "priority": s.turn(("High", "Medium", "Low", "Urgent"), n),
        "personal": False,
        "created_at": created,
        "updated_at": updated,
        "closed_at": updated if closed else None,
        "deleted_at": None,
        "date_notified": created[:10],
        "due_date": s.day(s.rng.randrange(-10, 10)),
        "type": {
            "id": 9 if kind == "Safety" else 10,
            "name": kind,
            "category": kind,
            "category_key": kind.lower(),
            "category_id": 2 if kind == "Safety" else 3,
            "active": True,
            "kind": "item",
            "localized_name": kind,
        },
        "assignee": named(worker) | {"vendor": worker["vendor"]},
        "created_by": login(s.users[0]),
        "origin": None,
        "location": s.maybe(s.locations),
        "specification_section": None,
        "trade": s.maybe(s.trades),
        "custom_fields": {},
        "permissions": {"can_edit": True},
    }
