"""Daily logs. Lists show approved logs only, so every ninth log waits for approval."""

from __future__ import annotations

from simulator import words
from simulator.records import Json
from simulator.shapes.setting import Setting, login, named


def manpower_log(s: Setting, n: int) -> Json:
    day = s.day(-(n // 2)) if s.live_at is None else s.day(0)
    created, updated = s.times() if s.live_at else (f"{day}T00:10:00Z", f"{day}T00:10:00Z")
    workers, hours = 3 + s.rng.randrange(9), s.pick((6, 8, 10))
    code = s.maybe(s.cost_codes)
    return {
        "id": s.ids.next("Manpower Logs"),
        "date": day,
        "datetime": f"{day}T00:00:00Z",
        "status": "pending" if s.live_at is None and n % 9 == 8 else "approved",
        "num_workers": workers,
        "num_hours": f"{hours}.0",
        "man_hours": f"{workers * hours}.0",
        "notes": s.turn(words.WORK, n),
        "position": n % 2 + 1,
        "created_at": created,
        "updated_at": updated,
        "deleted_at": None,
        "daily_log_segment_id": None,
        "created_by_collaborator": False,
        "created_by": login(s.users[0]),
        "user": None,
        "vendor": named(s.turn(s.vendors, 2 + n % 5)),
        "contact": None,
        "cost_code": named(code) if code else None,
        "location": None,
        "trade": None,
        "attachments": [],
        "custom_fields": {},
        "permissions": {"can_update": True, "can_delete": True},
    }
