"""Paperwork: RFIs, submittals and their packages, meetings."""

from __future__ import annotations

from simulator import words
from simulator.records import Json
from simulator.shapes.setting import Setting, located, login, named

_LOCATION = ("id", "name", "node_name", "parent_id", "created_at", "updated_at")
_SECTION = ("id", "number", "description", "label", "current_revision_id", "viewable_document_id")
_ANSWERS = (
    "Follow the structural drawing.",
    "Proceed as proposed.",
    "See the attached sketch; the detail governs.",
)


def _cut(thing: Json | None, keys: tuple[str, ...]) -> Json | None:
    return {key: thing[key] for key in keys} if thing else None


def _question(s: Setting, subject: str, text: str, asked_at: str, answered: bool) -> Json:
    answer = s.pick(_ANSWERS)
    answers = [
        {
            "id": s.ids.next("RFI Replies"),
            "answer_date": asked_at,
            "official": True,
            "created_by": s.turn(s.users, 1)["name"],
            "created_by_id": s.turn(s.users, 1)["id"],
            "plain_text_body": answer,
            "rich_text_body": f"<p>{answer}</p>",
            "attachments": [],
        }
    ]
    return {
        "id": s.ids.next("question"),
        "created_by": s.users[0]["name"],
        "question_date": asked_at,
        "plain_text_body": text,
        "rich_text_body": f"<p>{text}</p>",
        "attachments": [s.attachment(subject.split()[0].lower() + ".pdf")],
        "answers": answers if answered else [],
    }


def rfi(s: Setting, n: int) -> Json:
    subject, text = s.turn(words.QUESTIONS, n)
    created, updated = s.times()
    number = s.ids.next("RFIs")
    status = "open" if s.live_at or n % 3 else "closed"
    manager, sender = s.users[0], s.turn(s.users, 2)
    assignee = s.turn(s.users, 1 + n % 2 * 6)
    contractor = s.turn(s.vendors, 2 + n % 3)
    asked = located(assignee)
    return {
        "id": number,
        "number": str(n + 1),
        "full_number": str(n + 1),
        "prefix": None,
        "revision": "0",
        "current_revision": True,
        "has_revisions": False,
        "source_rfi_header_id": number,
        "subject": subject,
        "title": subject,
        "status": status,
        "translated_status": status.capitalize(),
        "draft": False,
        "private": False,
        "accepted": False,
        "link": f"https://app.procore.com/{s.project['id']}/project/rfi/show/{number}",
        "created_at": created,
        "updated_at": updated,
        "initiated_at": created,
        "time_resolved": updated if status == "closed" else None,
        "due_date": s.day(s.rng.randrange(-20, 30)),
        "assignee": asked,
        "assignees": [asked | {"response_required": True}],
        "ball_in_court": asked if status == "open" else None,
        "ball_in_courts": [asked | {"response_required": True}] if status == "open" else [],
        "ball_in_court_role": "assignees" if status == "open" else None,
        "rfi_manager": login(manager),
        "received_from": login(sender),
        "created_by": login(manager),
        "responsible_contractor": named(contractor),
        "distribution_list": [login(s.turn(s.users, 4))],
        "cost_impact": {"status": s.turn(("yes_unknown", "no_impact", "tbd"), n), "value": None},
        "schedule_impact": {"status": s.turn(("tbd", "no_impact"), n), "value": None},
        "priority": {"name": None, "value": None},
        "proposed_solution": None,
        "reference": "",
        **_places(s),
        "project_stage": dict(s.stages[0]) if s.stages else None,
        "cost_code": None,
        "sub_job": None,
        "drawing_ids": [],
        "drawing_number": "",
        "change_events": [],
        "coordination_issues": [],
        "custom_textfield_1": {"label": None, "value": ""},
        "custom_textfield_2": {"label": None, "value": ""},
        "questions": [_question(s, subject, text, created, status == "closed")],
        "custom_fields": {"custom_field_253711": {"data_type": "boolean", "value": False}},
    }


def _places(s: Setting) -> Json:
    location = s.maybe(s.locations)
    return {
        "location_id": location["id"] if location else None,
        "location": _cut(location, _LOCATION),
        "specification_section": _cut(s.maybe(s.sections), _SECTION),
    }


def submittal_package(s: Setting, n: int) -> Json:
    _, updated = s.times()
    return {
        "id": s.ids.next("Submittal Packages"),
        "number": str(n + 1),
        "title": s.turn(("Concrete", "Steel", "Envelope", "Interiors", "Mechanical", "Electrical"), n),
        "description": "",
        "specification_section_id": None,
        "submittal_ids": [],
        "attachments": [],
        "attachments_count": 0,
        "created_by": named(s.users[0]),
        "updated_at": updated,
    }


def _approver(s: Setting, user: Json, pending: bool, sent: str) -> Json:
    name = "Pending" if pending else "Approved"
    return {
        "id": s.ids.next("approver"),
        "approver_type": "Approver",
        "user": named(user),
        "response": {"id": 1 if pending else 2, "name": name, "considered": name.lower()},
        "response_required": True,
        "workflow_group_number": 0,
        "days_to_respond": 7,
        "due_date": None,
        "sent_date": sent[:10],
        "returned_date": None,
        "comment": None,
        "variance": None,
        "associated_attachments": [],
    }


def submittal(s: Setting, n: int) -> Json:
    created, updated = s.times()
    section = s.turn(s.sections, n) if s.sections else None
    pending = s.live_at is not None or n % 2 == 0
    status = {"id": 2, "name": "Open", "status": "Open"} if pending else {"id": 3, "name": "Closed", "status": "Closed"}
    reviewer = s.turn(s.users, 1)
    return {
        "id": s.ids.next("Submittals"),
        "number": str(n + 1),
        "formatted_number": f"{section['number']}-{n + 1}" if section else str(n + 1),
        "title": s.turn(words.SUBMITTALS, n),
        "revision": "0",
        "current_revision": True,
        "private": False,
        "description": "",
        "status": status,
        "type": {"id": 5, "name": "Product Data", "translated_name": "Product Data"},
        "created_at": created,
        "updated_at": updated,
        "due_date": s.day(s.rng.randrange(-15, 40)) if n % 3 else None,
        "issue_date": None,
        "received_date": None,
        "submit_by": None,
        "actual_delivery_date": None,
        "required_on_site_date": None,
        "distributed_at": None if pending else updated,
        "lead_time": None,
        "location_id": None,
        "cost_code_id": None,
        "sub_job_id": None,
        "created_by": named(s.users[0]),
        "submittal_manager": named(s.users[0]),
        "received_from": None,
        "responsible_contractor": named(s.turn(s.vendors, 2 + n % 6)),
        "ball_in_court": [named(reviewer)] if pending else [],
        "distribution_members": [],
        "associated_attachments": [],
        "drawing_ids": [],
        "linked_drawing_ids": [],
        "approvers": [_approver(s, reviewer, pending, created)],
        "specification_section": dict(section) if section else None,
        "submittal_package": s.turn(s.packages, n) if s.packages else None,
        "submittal_workflow_template": None,
        "submittal_workflow_template_applied_at": None,
        "last_distributed_submittal": None if pending else {"id": n + 1, "distributed_at": updated},
        "custom_fields": {},
    }


def meeting(s: Setting, n: int) -> Json:
    created, updated = s.times()
    day = s.day(-7 * n + 7)
    return {
        "id": s.ids.next("Meetings"),
        "title": s.turn(words.MEETINGS, n),
        "position": n // len(words.MEETINGS) + 1,
        "meeting_date": day,
        "starts_at": f"{day}T15:00:00Z",
        "ends_at": f"{day}T16:00:00Z",
        "time_zone": "US/Central",
        "location": "Site office",
        "mode": "agenda" if n == 0 else "minutes",
        "is_draft": False,
        "private": False,
        "overview": "",
        "conclusion": "",
        "attendees": [
            {"id": s.ids.next("Meeting Attendees"), "status": "Present", "login_information": login(user)} for user in s.users[:4]
        ],
        "meeting_topics": [],
        "attachments": [],
        "created_at": created,
        "updated_at": updated,
    }
