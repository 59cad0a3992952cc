"""How a record of each resource looks. One function per shape; `SHAPES` says which resource uses which."""

from __future__ import annotations

from collections.abc import Callable

from simulator.records import Json
from simulator.shapes import costs, daily, field, ground, paper, people
from simulator.shapes.plain import plain
from simulator.shapes.setting import Setting

Shape = Callable[[Setting, int], Json]

SHAPES: dict[str, Shape] = {
    "Projects": people.project,
    "Company Users": people.user,
    "Company Vendors": people.vendor,
    "Project Users": people.project_user,
    "Project Vendors": people.project_vendor,
    "Trades": ground.trade,
    "Project Stages": ground.stage,
    "Locations": ground.location,
    "Specification Sections": ground.section,
    "Cost Codes": ground.cost_code,
    "RFIs": paper.rfi,
    "Submittals": paper.submittal,
    "Submittal Packages": paper.submittal_package,
    "Meetings": paper.meeting,
    "Punch Items": field.punch_item,
    "Observation Items": field.observation_item,
    "Manpower Logs": daily.manpower_log,
    "Change Events": costs.change_event,
    "Work Order Contracts": costs.work_order_contract,
    "Budget View Detail Rows": costs.budget_row,
    "Budget Views": costs.budget_view,
}


def shape_of(resource: str) -> Shape:
    """The function that invents a record of this resource; unknown shapes are marked as invented."""
    return SHAPES.get(resource, plain(resource))
