"""Creates, updates, deletes and bulk upserts over REST.

Source: Procore documentation, sync actions, working with dates and error reference; the traps of single
resources are other people's remarks from the sandbox.
"""

from __future__ import annotations

from typing import Any

from flask import Response

from simulator.answers import Refused, body_of_call
from simulator.endpoint import Endpoint
from simulator.records import Json, Record
from simulator.references import resolved
from simulator.shapes import SHAPES

MOST_UPDATES = 1000
_TITLES = {
    "RFIs": "subject", "Submittals": "title", "Punch Items": "name", "Observation Items": "name", "Projects": "name",
    "Company Vendors": "name", "Cost Codes": "name", "Meetings": "title", "Change Events": "title",
}  # fmt: skip
_HEADINGS = ("subject", "title", "name")
_HOURS = {
    "Visitor Logs": ("begin_hour", "end_hour"),
    "Delivery Logs": ("time_hour", "time_minute"),
    "Accident Logs": ("time_hour", "time_minute"),
}
_FILES = ("Project Files", "Company Files")
_NEVER_WRITTEN = ("id", "project_id", "company_id")
_ALSO_WRITTEN = frozenset(
    {"question", "upload_ids", "upload_uuids", "upload_uuid", "attachments", "origin_id", "origin_data", "parent_id"}
)


class Writing(Endpoint):
    """The writes of one path."""

    def create(self, **ids: int) -> Response:
        self.check_required()
        scope_id, parent = self.scope_id(), self.parent_of_call(ids)
        fields = self._fields()
        self._refuse_incomplete(fields)
        self._refuse_taken(fields, None)
        return self.one(self._created(fields, scope_id, parent).body, 201)

    def update(self, **ids: int) -> Response:
        record = self.live_record(ids)
        fields = self._fields()
        self._refuse_blank(fields)
        self._refuse_taken(fields, record)
        self._updated(record, fields)
        return self.one(record.body, 200)

    def delete(self, **ids: int) -> Response:
        self.world.delete(self.live_record(ids), self.actor())
        return Response(status=204)

    def sync(self, **ids: int) -> Response:
        """Up to 1000 creates and updates; 200 always, with what went wrong in `errors`."""
        self.check_required()
        scope_id, parent = self.scope_id(), self.parent_of_call(ids)
        updates = body_of_call().get("updates")
        if not isinstance(updates, list) or len(updates) > MOST_UPDATES or not all(isinstance(one, dict) for one in updates):
            raise Refused(400, {"errors": [f"updates must be an array of at most {MOST_UPDATES} objects"]})
        entities, errors = [], []
        origins = self._origins()
        for wish in updates:
            try:
                entities.append(self.shown(self._upserted(wish, scope_id, parent, origins).body))
            except Refused as problem:
                errors.append(wish | problem.body)
        return self.enveloped_answer({"entities": entities, "errors": errors}, 200)

    def _upserted(self, wish: Json, scope_id: int, parent: int | None, origins: dict[str, Record]) -> Record:
        origin = wish.get("origin_id")
        if wish.get("id") is not None:
            record = self.world.shelves.find(self.row.name, _number(wish["id"]), scope_id)
            if record is None or not record.live:
                raise Refused(422, {"errors": {"id": ["Entity with this ID not found"]}})
            if origin is not None and origins.get(str(origin), record) is not record:
                raise Refused(422, {"errors": {"origin_id": ["has already been taken"]}})
        else:
            record = origins.get(str(origin)) if origin is not None else None
        fields = self._clean(wish)
        if record is None:
            self._refuse_incomplete(fields)
            record = self._created(fields, scope_id, parent)
        else:
            self._refuse_blank(fields)
            self._updated(record, fields)
        if origin is not None:
            origins[str(origin)] = record
        return record

    def _created(self, fields: Json, scope_id: int, parent: int | None) -> Record:
        known = self.world.shelves.sample(self.row.name)
        return self.world.create(self.row, scope_id, resolved(self.world, self.row, known, fields), self.actor(), parent)

    def _updated(self, record: Record, fields: Json) -> None:
        self.world.update(record, resolved(self.world, self.row, record.body, fields), self.actor())

    def _fields(self) -> Json:
        """The fields, which may be wrapped in the resource's own word: `{"rfi": {"subject": …}}`."""
        body = body_of_call()
        others = [key for key in body if key not in _NEVER_WRITTEN]
        # Some words are not the resource's name: an observation item is written as `observation`.
        single = others[0] if len(others) == 1 and others[0] not in self.world.shelves.sample(self.row.name) else ""
        inner = body.get(self.row.word, body.get(single))
        return self._clean(inner if isinstance(inner, dict) else body)

    def _clean(self, fields: Json) -> Json:
        kept = {key: value for key, value in fields.items() if key not in _NEVER_WRITTEN}
        if self.world.profile == "strict" and self.row.name in SHAPES:
            self._refuse_unknown(kept)
        return kept

    def _refuse_unknown(self, fields: Json) -> None:
        keys = set(self.world.shelves.sample(self.row.name))
        known = keys | _ALSO_WRITTEN | {key + "_id" for key in keys} | {key.removesuffix("s") + "_ids" for key in keys}
        unknown = sorted(key for key in fields if key not in known and not key.startswith("custom_field_"))
        if unknown:
            raise Refused(406, {"code": 406, "message": "Not Acceptable", "fields": {key: ["is unknown"] for key in unknown}})

    def _refuse_incomplete(self, fields: Json) -> None:
        """What a create must have."""
        self._refuse_blank(fields)
        needed = (*([_TITLES[self.row.name]] if self.row.name in _TITLES else []), *_HOURS.get(self.row.name, ()))
        if absent := [name for name in needed if fields.get(name) is None]:
            raise Refused(422, {"errors": {name: ["can't be blank"] for name in absent}})

    def _refuse_blank(self, fields: Json) -> None:
        if blank := [name for name in _HEADINGS if name in fields and not str(fields[name] or "").strip()]:
            raise Refused(422, {"errors": {name: ["can't be blank"] for name in blank}})

    def _refuse_taken(self, fields: Json, own: Record | None) -> None:
        origin = fields.get("origin_id")
        if origin is not None and self._origins().get(str(origin), own) is not own:
            raise Refused(422, {"errors": {"origin_id": ["has already been taken"]}})
        if self.row.name in _FILES and (taken := self._same_name(fields, own)):
            file = {key: taken.body.get(key) for key in ("id", "name", "created_at", "updated_at")}
            said = {"errors": {"base": ["A file with this name already exists."]}, "error_type": "file_already_exists"}
            raise Refused(409, said | {"file": file})

    def _same_name(self, fields: Json, own: Record | None) -> Record | None:
        name = fields.get("name")
        shelf = self.world.shelves.of(self.row.name, self.scope_id()) if name else []
        return next((one for one in shelf if one is not own and one.live and one.body.get("name") == name), None)

    def _origins(self) -> dict[str, Record]:
        """Live records of the resource by origin_id, which is unique in a company."""
        found = {}
        for record in self.world.shelves.of_company(self.row.name, self.company_id()):
            if record.now and not record.now.deleted and (origin := record.now.at("origin_id")) is not None:
                found[str(origin)] = record
        return found

    def company_id(self) -> int:
        scope_id = self.scope_id()
        project = self.world.project(scope_id) if self.row.of_project else None
        return project.company_id if project else scope_id


def _number(value: Any) -> int:
    return int(value) if str(value).isdigit() else -1
