"""Fill a new world: two companies, four projects, linked records. The same seed gives the same world."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from random import Random

from simulator import words
from simulator.records import Ids, Json, Record, Shelves, Snapshot
from simulator.shapes import people, shape_of
from simulator.shapes.setting import Setting
from simulator.table import ROWS

PARENTS = {
    "RFI Replies": "RFIs",
    "Observation Item Response Logs": "Observation Items",
    "Drawings": "Drawing Areas",
    "Work Order Contract Line Items": "Work Order Contracts",
    "Purchase Order Contract Line Items": "Purchase Order Contracts",
    "Prime Contract Line Items": "Prime Contracts",
    "Direct Cost Line Items": "Direct Costs",
    "Potential Change Order Line Items": "Potential Change Orders",
    "Budget View Detail Rows": "Budget Views",
    "Change Order Requests": "Prime Contracts",
    "RFQs": "Work Order Contracts",
    "Contract Payments": "Work Order Contracts",
    "Generic Tool Items": "Generic Tools",
    "Specification Section Revisions": "Specification Section Divisions",
}
PARENT_KEYS = {
    "RFI Replies": "rfi_id",
    "Drawings": "drawing_area_id",
    "Work Order Contract Line Items": "work_order_contract_id",
    "Purchase Order Contract Line Items": "purchase_order_contract_id",
    "Prime Contract Line Items": "prime_contract_id",
    "Direct Cost Line Items": "direct_cost_id",
    "Change Order Requests": "contract_id",
    "RFQs": "contract_id",
    "Contract Payments": "contract_id",
    "Generic Tool Items": "generic_tool_id",
    "Specification Section Revisions": "specification_section_division_id",
}
"""Under which key a record of invented shape names its parent."""

_COMPANY_FIRST = {"Trades": 6, "Project Stages": 4, "Company Vendors": 10, "Company Users": 14}
_PROJECT_FIRST = {
    "Locations": 8, "Specification Sections": 8, "Cost Codes": 10, "Submittal Packages": 6,
    "Project Users": 14, "Project Vendors": 10, "RFIs": 36, "Submittals": 30, "Punch Items": 40, "Observation Items": 24,
    "Change Events": 18, "Work Order Contracts": 8, "Meetings": 12, "Manpower Logs": 48, "Budget Views": 1,
    "Budget View Detail Rows": 10,
}  # fmt: skip
_SANDBOX = {
    "Locations": 3, "Specification Sections": 2, "Cost Codes": 10, "Submittal Packages": 1,
    "Project Users": 3, "Project Vendors": 3, "RFIs": 1, "Submittals": 1, "Tasks": 8, "Images": 1, "Drawing Sets": 1,
    "Drawing Areas": 1,
}  # fmt: skip
_OTHERS = 6
_LISTED = {
    "Trades": "trades", "Project Stages": "stages", "Company Vendors": "vendors", "Company Users": "users",
    "Locations": "locations", "Specification Sections": "sections", "Cost Codes": "cost_codes",
    "Submittal Packages": "packages",
}  # fmt: skip


@dataclass
class Stock:
    """What a world begins with."""

    ids: Ids
    shelves: Shelves = field(default_factory=Shelves)
    settings: dict[int, Setting] = field(default_factory=dict)
    companies: dict[int, Json] = field(default_factory=dict)

    def copy(self) -> Stock:
        """Bodies are never altered, so copies share them; this makes the next world of a test cheap."""
        return Stock(self.ids.copy(), self.shelves.copy(), dict(self.settings), copy.deepcopy(self.companies))


@lru_cache(4)
def furnished(seed: int, today: datetime) -> Stock:
    """Companies with their directories, then the projects of each. Copy it before use."""
    stock, rng = Stock(Ids(seed)), Random(seed)
    for index, (name, domain) in enumerate(words.COMPANIES):
        body = people.company(name, stock.ids.next("Companies"))
        stock.companies[body["id"]] = body
        setting = Setting(rng, stock.ids, today, body, domain)
        stock.settings[body["id"]] = setting
        for resource, count in _COMPANY_FIRST.items():
            _fill(stock, setting, resource, count)
        for row in ROWS.values():
            if not row.of_project and row.name not in _COMPANY_FIRST and row.name != "Projects":
                _fill(stock, setting, row.name, _OTHERS)
        for words_of_project in words.PROJECTS[index]:
            _fill_project(stock, _project(stock, setting, words_of_project), _PROJECT_FIRST, _OTHERS)
        if index == 0:
            _fill_project(stock, _project(stock, setting, words.SANDBOX), _SANDBOX, 0)
    return stock


def named_parent(resource: str, parent_id: int | None) -> Json:
    return {PARENT_KEYS[resource]: parent_id} if parent_id and resource in PARENT_KEYS else {}


def new_project_setting(company: Setting, body: Json) -> Setting:
    """The surroundings of a project's records; the directory is the company's."""
    return replace(company, project=body, locations=[], sections=[], cost_codes=[], packages=[])


def _project(stock: Stock, company: Setting, text: tuple[str, str, str, str]) -> Setting:
    code, name, city, state = text
    display = name if name.startswith(code) else f"{code} {name}"
    body = people.project(company, 0) | {
        "name": name,
        "display_name": display,
        "project_number": code,
        "city": city,
        "state_code": state,
    }
    stock.shelves.put(Record("Projects", body["id"], company.company["id"], now=Snapshot(body)))
    stock.settings[body["id"]] = setting = new_project_setting(company, body)
    if text == words.SANDBOX:
        setting.users = _sandbox_people(stock, company)
    return setting


def _sandbox_people(stock: Stock, company: Setting) -> list[Json]:
    users = []
    for first, last, title, employer in words.SANDBOX_PEOPLE:
        vendor = company.vendors[employer]
        body = people.user(company, len(words.PEOPLE)) | {
            "name": f"{first} {last}",
            "first_name": first,
            "last_name": last,
            "initials": first[0] + last[0],
            "email_address": f"{first}.{last}@{company.domain}.example".lower(),
            "job_title": title,
            "vendor": {"id": vendor["id"], "name": vendor["name"]},
        }
        stock.shelves.put(Record("Company Users", body["id"], company.company["id"], now=Snapshot(body)))
        users.append(body)
    return users


def _fill_project(stock: Stock, setting: Setting, counts: dict[str, int], others: int) -> None:
    for resource, count in counts.items():
        _fill(stock, setting, resource, count)
    # Children come after all the others, so that there are parents for them.
    for row in sorted(ROWS.values(), key=lambda one: one.name in PARENTS):
        if row.of_project and row.name not in counts and row.name != "Commitments":
            _fill(stock, setting, row.name, others)


def _fill(stock: Stock, setting: Setting, resource: str, count: int) -> None:
    row = ROWS[resource]
    scope_id = setting.project["id"] if row.of_project else setting.company["id"]
    parents = stock.shelves.of(PARENTS[resource], scope_id) if resource in PARENTS else []
    for n in range(count):
        body = shape_of(resource)(setting, n)
        parent = parents[n % len(parents)].id if parents else None
        body |= named_parent(resource, parent)
        project_id = scope_id if row.of_project else None
        stock.shelves.put(Record(resource, body["id"], setting.company["id"], project_id, parent, Snapshot(body)))
        if resource in _LISTED:
            getattr(setting, _LISTED[resource]).append(body)
