"""Controls for what happens to an installation over months: outages, permissions, new projects, a refresh."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from simulator import wishes
from simulator.faults import Fault
from simulator.records import Json, Record
from simulator.table import ROWS
from simulator.wishes import Nonsense
from simulator.world import World

_RECORDS = 3
_MOST_RECORDS = 50


def install(page: Blueprint, world: World) -> None:
    @page.post("/outage")
    def outage() -> Response:
        """The receivers cannot be reached for so many hours of the sender's time, which `time_scale` speeds."""
        wish = wishes.body("hours", "company_id", "project_id")
        hours, project = wishes.number(wish, "hours", 13.0), wishes.project(world, wish)
        for_s = hours * 3600 / world.sender.time_scale
        scope = {"company_id": wishes.company(world, wish), "project_id": project.id if project else None}
        fault = world.faults.add({"name": "unreachable", "for_s": for_s, **scope})
        return jsonify(fault.describe() | {"hours": hours})

    @page.post("/send_now")
    def send_now() -> Response:
        """Every pause after a failure ends."""
        wishes.body()
        world.sender.send_now()
        return jsonify(ok=True)

    @page.post("/permitted")
    def permitted() -> Response:
        wish = wishes.body("project_id", "permitted", "status")
        project, allowed = wishes.project(world, wish), wishes.flag(wish, "permitted")
        if project is None or allowed is None:
            raise Nonsense('Send the project and whether it is permitted: {"project_id": …, "permitted": true}.')
        _permit(world, project)
        if not allowed:
            world.faults.add({"name": "project_removed", "project_id": project.id, "status": wish.get("status", 403)})
        return jsonify(project_id=project.id, permitted=allowed)

    @page.post("/projects")
    def new_project() -> Response:
        """A project that is there, with records, and permitted from now on. No event tells of it."""
        wish = wishes.body("name", "company_id", "records")
        name = wish.get("name") or "Harbour Annex"
        if not isinstance(name, str):
            raise Nonsense(f"name is text, not {name!r}.")
        company_id = wishes.company(world, wish) or next(iter(world.companies))
        records = wishes.whole(wish, "records", _RECORDS, least=0, most=_MOST_RECORDS) or 0
        project = world.create(ROWS["Projects"], company_id, {"name": name, "display_name": name}, None)
        for row in ROWS.values():
            if row.of_project and row.routes:
                world.some(row, project.id, records)
        return jsonify(id=project.id, name=name, company_id=company_id)

    @page.post("/refresh")
    def refresh() -> Response:
        """As a monthly sandbox on the first working day: data, hooks and ids are those of the seed again."""
        wishes.body()
        world.refresh()
        return jsonify(ok=True)


def _permit(world: World, project: Record) -> None:
    """Take away what forbids the project; what forbids all goes on for the others."""
    for fault in world.faults.all("project_removed"):
        wanted = fault.settings["project_id"]
        if wanted not in (None, project.id):
            continue
        world.faults.clear(number=fault.id)
        for other in _others(world, project) if wanted is None else []:
            world.faults.add(_again(fault, other))


def _others(world: World, project: Record) -> list[Record]:
    return [one for company_id in world.companies for one in world.projects(company_id) if one.id != project.id]


def _again(fault: Fault, project: Record) -> Json:
    for_s = None if fault.until is None else fault.until - fault.since
    return {"name": fault.name, "project_id": project.id, "status": fault.settings["status"], "for_s": for_s}
