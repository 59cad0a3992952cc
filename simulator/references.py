"""What the fields of a write become in the record: ids become the people and places they name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from simulator.answers import Refused
from simulator.records import Json
from simulator.table import Row
from simulator.world import World

_PEOPLE = (
    "assignee", "rfi_manager", "received_from", "submittal_manager", "punch_item_manager", "final_approver", "contact",
)  # fmt: skip
_RESOURCES = dict.fromkeys(_PEOPLE, "Company Users") | {
    "responsible_contractor": "Company Vendors",
    "vendor": "Company Vendors",
    "location": "Locations",
    "cost_code": "Cost Codes",
    "trade": "Trades",
    "specification_section": "Specification Sections",
    "project_stage": "Project Stages",
}


def resolved(world: World, row: Row, known: Json, fields: Json) -> Json:
    """`{"assignee_id": 7}` as `{"assignee": {"id": 7, "name": …}}`, where `known`, a record of the resource, has that key.

    Dates that are none become null, as at Procore.
    Raises: Refused with 422 when an id names nobody.
    """
    made: Json = {}
    for key, value in fields.items():
        one, many = key.removesuffix("_id"), key.removesuffix("_ids")
        if one != key and one in known and one in _RESOURCES:
            made[one] = _named(world, one, key, value)
            made |= {key: value} if key in known else {}
        elif many != key and many + "s" in known and many in _RESOURCES and isinstance(value, list):
            made[many + "s"] = [_named(world, many, key, each) for each in value]
        else:
            made[key] = None if _bad_date(key, value) else value
    return made | _files(world, known, made) | (_of_rfi(world, made) if row.name == "RFIs" else {})


def _named(world: World, name: str, key: str, value: Any) -> Json | None:
    if value in (None, ""):
        return None
    found = world.shelves.find(_RESOURCES[name], int(value)) if str(value).isdigit() else None
    if found is None or not found.live:
        raise Refused(422, {"errors": {key: ["is invalid"]}})
    keys = ("id", "name", "full_code", "number", "label", "node_name")
    shown = {each: found.body[each] for each in keys if each in found.body}
    return shown | ({"login": found.body["email_address"]} if _RESOURCES[name] == "Company Users" else {})


def _bad_date(key: str, value: Any) -> bool:
    if not isinstance(value, str) or not (key == "date" or key.endswith("_date")):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return True
    return False


def _files(world: World, known: Json, made: Json) -> Json:
    """Finished uploads as attachments. Takes `upload_ids` and its like out of the fields."""
    single = made.pop("upload_uuid", None)
    names = [*made.pop("upload_ids", []), *made.pop("upload_uuids", []), *([single] if single else [])]
    if not names:
        return {}
    attachments = [world.uploads.attachment(str(name)) for name in names]
    if None in attachments:
        raise Refused(422, {"errors": {"upload_ids": ["is no finished upload"]}})
    return {"attachments": [*known.get("attachments", []), *attachments]}


def _of_rfi(world: World, made: Json) -> Json:
    """The question rides in the create; subject and title are one."""
    of_rfi: Json = {}
    if "subject" in made:
        of_rfi["title"] = made["subject"]
    if made.get("assignees"):
        of_rfi["assignee"] = made["assignees"][0]
    question = made.pop("question", None)
    if isinstance(question, dict):
        text = str(question.get("body") or "")
        asked = {"id": world.ids.next("question"), "plain_text_body": text, "rich_text_body": f"<p>{text}</p>"}
        of_rfi["questions"] = [asked | {"attachments": made.pop("attachments", []), "answers": []}]
    return of_rfi
