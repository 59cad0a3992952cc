"""S12: the warehouse is fresh by webhooks and complete by night."""

from __future__ import annotations

from typing import Any

from tests.recipes.stack import Installation, tell

TABLES = {"rfis": "RFIs", "submittals": "Submittals", "punch_items": "Punch Items"}
BUDGET = 400


def live(here: Installation, resource: str) -> dict[str, Any]:
    return {str(one["id"]): one for project in here.projects for one in here.listed(resource, project)}


def test_S12_a_13_hour_outage_is_repaired_counts_equal_the_total_the_budget_holds_and_each_row_is_explained(
    here: Installation,
) -> None:
    # Given tables that a first night has filled
    here.its_time_comes("warehouse-nightly", "nightly")
    here.ended("warehouse-nightly")
    # When nothing reaches us for thirteen hours in which records come, change and go
    here.simulator("POST", "/_sim/outage", {"hours": 13})
    for resource in TABLES.values():
        here.change(resource, "create", count=3, subject="Night shift", title="Night shift", name="Night shift")
        here.change(resource, "update", count=4)
    gone = here.change("RFIs", "delete")
    here.until(lambda: not outage_is_on(here), "the end of the outage", 90)
    # And the next night and the weekly count pass
    here.simulator("DELETE", "/_sim/calls")
    here.its_time_comes("warehouse-nightly", "nightly")
    here.ended("warehouse-nightly", "", 2)
    here.its_time_comes("warehouse-count", "weekly")
    here.ended("warehouse-count")
    here.settled()
    # Then each table holds what Procore has, as it is
    for table, resource in TABLES.items():
        there, ours = live(here, resource), {row["id"]: row for row in here.table(table)}
        assert ours.keys() == there.keys(), resource
        assert all(_moment(row) == there[id]["updated_at"] for id, row in ours.items())
        # And each row says which event or run brought it
        assert all(row["run_id"] or row["event_id"] or row["fetched_at"] for row in ours.values())
    assert gone not in {row["id"] for row in here.table("rfis")}
    # And both together stayed far below what they may spend
    calls = sum(one["count"] for one in here.simulator("GET", "/_sim/calls") if one["path"].startswith("/rest"))
    tell(f"S12: {calls} calls")
    assert calls <= BUDGET
    assert {row["resource"] for row in here.table("freshness")} == set(TABLES.values())
    assert here.file("warehouse/rfis.csv").read_text().count("\n") == len(live(here, "RFIs")) + 1


def outage_is_on(here: Installation) -> bool:
    return any(one["name"] == "unreachable" for one in here.simulator("GET", "/_sim/faults")["active"])


def _moment(row: dict[str, Any]) -> str:
    return str(row["updated_at"])[:19].replace(" ", "T") + "Z"
