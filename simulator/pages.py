"""REST pages that are no resource: who I am, my companies, and the odd ones out among the lists.

Source: Procore documentation and REST reference; the umbrella of daily logs answers live and is in neither.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Response, g, request

from simulator import views
from simulator.answers import Refused, answer
from simulator.endpoint import NOT_FOUND, missing
from simulator.listing import approved, is_day
from simulator.paging import page_of
from simulator.records import Json, Seen
from simulator.routing import Router
from simulator.table import ROWS, Row
from simulator.world import World

MOST_DAYS = 91


def install(router: Router, world: World) -> None:
    pages = _Pages(world)
    router.add("/rest/v1.0/me", {"GET": pages.me})
    router.add("/rest/v1.0/companies", {"GET": pages.companies})
    router.add("/rest/v1.0/company_base_url", {"GET": pages.company_base_url})
    router.add("/rest/v1.0/projects/{project_id}/daily_logs", {"GET": pages.daily_logs}, ROWS["Daily Logs"])
    router.add("/rest/v1.0/projects/{project_id}/daily_log_headers", {"GET": pages.daily_log_header}, ROWS["Daily Logs"])
    for row in ROWS.values():
        for route in row.routes:
            if route.kind == "list" and route.parent is None:
                router.add(route.path + "/filter_options/<field>", {"GET": _Options(world, row).get}, row)


class _Pages:
    def __init__(self, world: World) -> None:
        self.world = world

    def me(self) -> Response:
        """`name`, which is of the directory, only when a company or a project is given."""
        here = g.company_id or g.project_id
        if g.token.user_id == self.world.user_id:
            login = f"sync-{self.world.tokens.client_id[:8]}@procore.com"
            return answer({"id": self.world.user_id, "login": login} | ({"name": "Sync Service"} if here else {}))
        person = self.world.shelves.find("Company Users", g.token.user_id)
        body = person.body if person else {}
        shown = {"id": g.token.user_id, "login": body.get("email_address")}
        return answer(shown | ({"name": body.get("name")} if here else {}))

    def companies(self) -> Response:
        """For the application: where it is installed. For a person: where he is a member, installed or not."""
        person = g.token.user_id != self.world.user_id
        bodies = [body for number, body in self.world.companies.items() if person or self.world.installed(number)]
        page = page_of(len(bodies), 100, 10_000)
        return answer(page.cut(bodies), 200, page.headers())

    def company_base_url(self) -> Response:
        return answer({"zone": "us02", "web_base_url": "https://us02.procore.com"})

    def daily_logs(self, project_id: int) -> Response:
        """Every kind of log of some days, by kind. The range is a must, and has at most 91 days."""
        if request.args.get("filters[date]"):
            raise Refused(400, {"errors": ["filters[date] must be a range: use filters[start_date] and filters[end_date]"]})
        first, last = (request.args.get(f"filters[{name}]", "") for name in ("start_date", "end_date"))
        if not (is_day(first) and is_day(last)):
            raise Refused(400, {"errors": ["filters[start_date] and filters[end_date] are required"]})
        if not 0 <= (date.fromisoformat(last) - date.fromisoformat(first)).days < MOST_DAYS:
            raise Refused(400, {"errors": [f"the range must be of 1 to {MOST_DAYS} days"]})
        kinds = [row for row in ROWS.values() if "L" in row.options and row.name.endswith(" Logs") and row.name != "Daily Logs"]
        return answer({_key_of(row): self._shown(row, project_id, first, last) for row in kinds})

    def _shown(self, row: Row, project_id: int, first: str, last: str) -> list[Any]:
        return [views.shown(row, row.routes[0], one.body, None) for one in approved(self._live(row, project_id), first, last)]

    def daily_log_header(self, project_id: int) -> Response:
        """One day's header, by `id` or by `date`."""
        number, day = request.args.get("id"), request.args.get("date")
        if not (number or day):
            raise missing("date")
        for one in self._live(ROWS["Daily Logs"], project_id):
            if number == str(one.at("id")) or (not number and day == one.at("date")):
                return answer(one.body)
        raise Refused(404, NOT_FOUND)

    def _live(self, row: Row, project_id: int) -> list[Seen]:
        found = (self.world.visible(record) for record in self.world.shelves.of(row.name, project_id))
        return [seen for seen in found if seen and not seen.deleted]


def _key_of(row: Row) -> str:
    return row.name.lower().replace(" ", "_")


class _Options:
    """What a list may be filtered by: the values that its records have, as `key` and `value`."""

    def __init__(self, world: World, row: Row) -> None:
        self.world, self.row = world, row

    def get(self, field: str, **ids: int) -> Response:
        scope_id = g.project_id if self.row.of_project else g.company_id
        if scope_id is None:
            raise missing("project_id")
        names = (field, field.removesuffix("_id"), field.removesuffix("_id") + "s")
        name = next((one for one in names if one in self.world.shelves.sample(self.row.name)), None)
        if name is None:
            raise Refused(404, NOT_FOUND)
        found: dict[str, Json] = {}
        for record in self.world.shelves.of(self.row.name, scope_id):
            value = record.now.at(name) if record.now and record.live else None
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    option = _option(one)
                    found[str(option["key"])] = option
        return answer([found[key] for key in sorted(found)])


def _option(value: Any) -> Json:
    if isinstance(value, dict) and "id" in value:
        return {"key": value["id"], "value": value.get("name") or value.get("label") or str(value["id"])}
    return {"key": value, "value": str(value)}
