"""Where the ids come from that a list needs besides its project: the resource whose records are the parents.

Source: Procore's REST reference; the parameters as the catalogue spells them. A parameter that is not here has no
list that we know of (generic tools, divisions of specification sections).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from connectors.catalogue import Resource

PARENTS: Mapping[str, tuple[str, ...]] = {
    "rfi_id": ("RFIs",),
    "work_order_contract_id": ("Work Order Contracts",),
    "purchase_order_contract_id": ("Purchase Order Contracts",),
    "prime_contract_id": ("Prime Contracts",),
    # Commitments are the work order and the purchase order contracts.
    "contract_id": ("Commitments", "Prime Contracts"),
    "budget_view_id": ("Budget Views",),
    "drawing_area_id": ("Drawing Areas",),
}


def of(row: Resource) -> tuple[str, ...]:
    """The resources whose records are the parents; () when it has none, or none that can be listed."""
    return PARENTS.get(row.list_parent or "", ())


def needs_project(row: Resource) -> bool:
    """Whether its list is read per project; a few lists of company records are."""
    wanted = [*re.findall(r"{(\w+)}", row.list_path or ""), *row.list_query]
    return row.scope == "project" or "project_id" in wanted
