"""What an import will cost before it runs: the calls that its lists need."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from connectors import parents, windows
from connectors.catalogue import Resource
from connectors.kinds.procore_dmsa import Procore, known
from connectors.reading import Json
from workers import import_plan
from workers.import_pages import PAGE
from workers.import_plan import Part


@dataclass(frozen=True)
class Cost:
    """One list. `records` None: Procore does not say how many there are; then `calls` is the least."""

    resource: str
    project_id: str
    how: str
    records: int | None
    calls: int


def costs(procore: Procore, parts: Iterable[Part]) -> list[Cost]:
    """The cost of each list of an import. One small call for each finds out how many records it has."""
    return [_cost(procore, import_plan.resource(name), project_id, position) for name, project_id, _, position in parts]


def _cost(procore: Procore, row: Resource, project_id: str, position: Json) -> Cost:
    kind, project = position["kind"], project_id or None
    if kind == "days":
        return Cost(row.name, project_id, f"days {position['windows'][-1][0]} to {position['windows'][0][1]}", None,
                    len(position["windows"]))  # fmt: skip
    if kind == "parents":
        above = [(known(name), _total(procore, known(name), project, None)) for name in parents.of(row)]
        lists = sum(total or 0 for _, total in above)
        calls = sum(_pages(one, total) for one, total in above) + lists
        return Cost(row.name, project_id, f"under each of {lists} {' and '.join(one.name for one, _ in above)}", None, calls)
    window = position["windows"][0]
    total = _total(procore, row, project, window)
    how = "everything" if window is None else f"what changed since {window[0]}"
    return Cost(row.name, project_id, how, total, _pages(row, total))


def _total(procore: Procore, row: Resource, project: str | None, window: list[str] | None) -> int | None:
    if not row.paging:
        return None
    filters = {"updated_at": windows.filter_of((window[0], window[1]))} if window else {}
    first = next(procore.paged(row, project, filters=filters, per_page=1))
    return first.total


def _pages(row: Resource, total: int | None) -> int:
    return max(1, math.ceil((total or 0) / min(PAGE, row.page_max)))
