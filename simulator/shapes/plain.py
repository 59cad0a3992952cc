"""Records whose shape is not known: id, title, status and dates, marked as invented."""

from __future__ import annotations

from collections.abc import Callable

from simulator.records import Json
from simulator.shapes.setting import Setting, login


def plain(resource: str) -> Callable[[Setting, int], Json]:
    """A shape for a resource of which only the path is known."""
    daily = resource.endswith("Logs") or resource == "Timecard Entries"

    def shape(s: Setting, n: int) -> Json:
        created, updated = s.times()
        body: Json = {
            "id": s.ids.next(resource),
            "number": str(n + 1),
            "name": f"{resource.removesuffix('s')} {n + 1}",
            "title": f"{resource.removesuffix('s')} {n + 1}",
            "description": "",
            "status": "approved" if daily else s.turn(("open", "closed"), n),
            "project_id": s.project.get("id"),
            "company_id": s.company["id"],
            "created_by": login(s.users[0]) if s.users else None,
            "created_at": created,
            "updated_at": updated,
            "deleted_at": None,
            "origin_id": None,
            "x_invented": True,
        }
        if daily:
            # A day has one header, and two logs of each kind.
            day = s.day(-(n if resource == "Daily Logs" else n // 2)) if s.live_at is None else s.day(0)
            body |= {"date": day, "datetime": f"{day}T00:00:00Z"}
        if resource == "Calendar Items":
            body |= {"start_date": s.day(-7 * n), "finish_date": s.day(14 - 7 * n), "percentage": 10 * n}
        return body

    return shape
