"""Traps 15, 18 to 22, 24, 26 to 28 and 32: what Procore's answers look like."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from config.errors import ConfigError, Transient
from connectors import catalogue
from connectors.kinds.procore_dmsa import Procore, filter_query, known
from connectors.ports import MemoryQuota
from simulator.app import Running, serve
from tests.connectors.conftest import connector_to, procore_of
from tests.workers.rig import Rig


def test_trap_15_a_404_on_an_update_deletes_nothing(desk: Rig, change: Any, told: Any) -> None:
    id = change(subject="here")
    told(id, 1)
    change("delete", id=id)
    told(id, 2, "update")  # the delete event itself never came
    rows = desk.rows("SELECT id, deleted_at FROM rfis")
    assert rows == [{"id": id, "deleted_at": None}]
    told(id, 3, "delete")
    assert desk.rows("SELECT deleted_at FROM rfis")[0]["deleted_at"] is not None


def test_trap_18_a_window_of_seconds_is_kept_as_well_as_the_hourly_one() -> None:
    with serve(seed=7, spike=5, hourly=1_000) as small:
        procore = procore_of(connector_to(small), quota=MemoryQuota())
        for _ in range(6):
            procore.request("GET", "/rest/v1.0/me")
        seen = requests.get(f"{small.url}/_sim/calls", timeout=10).json()
    assert not [one for one in seen if one["status"] == 429]


@pytest.mark.parametrize(
    ("name", "usual", "most"),
    [("Meeting Topics", 10, 10), ("Incidents", 1000, 1000), ("Projects", 100, 300), ("Equipment", 10, 100)],
)
def test_trap_19_each_list_has_its_own_page_size_and_is_never_asked_for_more(
    procore: Procore, sim: Running, name: str, usual: int, most: int
) -> None:
    row = known(name)
    assert (row.page_size, row.page_max) == (usual, most)
    assert list(procore.pages(row, str(sim.project_id), per_page=100_000)) == list(procore.pages(row, str(sim.project_id)))


def test_trap_19_a_page_that_answers_500_is_read_in_smaller_pages(procore: Procore, sim: Running, control: Any) -> None:
    control("POST", "/faults", name="error_500", count=1, path="/rfis")
    assert len(list(procore.pages("RFIs", str(sim.project_id)))) > 0


def test_trap_20_odd_paths_stand_in_the_table_and_nothing_guesses_one() -> None:
    paths = {
        "Notes Logs": "/rest/v1.0/projects/{project_id}/notes_logs",
        "Cost Codes": "/rest/v1.0/cost_codes",
        "Change Events": "/rest/v1.1/change_events",
        "Drawings": "/rest/v1.1/drawing_areas/{drawing_area_id}/drawings",
    }
    assert {name: known(name).list_path for name in paths} == paths
    assert known("Prime Contracts").show_path == "/rest/v1.0/prime_contract/{id}"
    assert known("Meetings").list_shape == "grouped"


def test_trap_21_a_filter_that_a_list_would_ignore_is_refused_before_the_call() -> None:
    with pytest.raises(ConfigError, match="cannot be filtered by updated_at"):
        filter_query(known("Payment Applications"), {"updated_at": "A...B"})
    assert filter_query(known("RFIs"), {"id": ["1", "2"]}) == {"filters[id][]": ["1", "2"]}
    assert filter_query(known("Coordination Issues"), {"id": ["1"]}) == {"filters[ids][]": ["1"]}


def test_trap_22_a_daily_log_without_dates_shows_today_only_so_dates_are_always_given(
    procore: Procore, sim: Running, control: Any
) -> None:
    assert known("Manpower Logs").daily
    project = str(sim.project_id)
    every = list(procore.pages("Manpower Logs", project, query={"start_date": "2000-01-01", "end_date": "2099-12-31"}))
    today = list(procore.pages("Manpower Logs", project))
    assert len(today) < len(every)


def test_trap_24_ids_beyond_32_bits_are_kept_digit_by_digit(desk: Rig, change: Any, told: Any) -> None:
    id = change(subject="wide")
    told(id, 1)
    (row,) = desk.rows("SELECT id, company_id, project_id FROM rfis")
    assert row["id"] == id
    assert all(int(row[name]) > 2**32 for name in ("company_id", "project_id"))


def test_trap_26_a_signed_address_that_differs_at_each_read_is_no_change(desk: Rig, sim: Running, change: Any, told: Any) -> None:
    first = {"id": 1, "attachments": [{"id": 5, "url": "https://s.example/a.pdf?sig=one&expires=1"}]}
    second = {"id": 1, "attachments": [{"id": 5, "url": "https://s.example/a.pdf?sig=two&expires=2"}]}
    other = {"id": 1, "attachments": [{"id": 6, "url": "https://s.example/b.pdf?sig=one"}]}
    digests = [catalogue.record_hash(None, one) for one in (first, second, other)]
    assert digests[0] == digests[1] != digests[2]


def test_trap_27_custom_column_names_and_odd_types_are_kept_as_they_came(procore: Procore, sim: Running) -> None:
    project = str(sim.project_id)
    view = next(iter(procore.pages("Budget Views", project)))
    rows = list(procore.pages("Budget View Detail Rows", project, parent=str(view["id"])))
    odd = {key for row in rows for key in row if " " in key}
    assert odd
    assert json.loads(json.dumps(rows)) == rows


def test_trap_28_a_429_in_prose_is_told_by_its_status(procore: Procore, control: Any) -> None:
    control("POST", "/faults", name="rate_limit_429", count=1, retry_after=1)
    with pytest.raises(Transient) as told:
        procore.request("GET", "/rest/v1.0/me")
    assert told.value.kind == "http_429"


def test_trap_32_v1_and_v2_answers_come_out_alike(procore: Procore, sim: Running) -> None:
    first = next(iter(procore.pages("RFIs", str(sim.project_id))))
    second = next(iter(procore.pages("Equipment")))
    assert isinstance(first["id"], int)
    assert isinstance(second["id"], str)  # Procore's record untouched: it is our columns that are text throughout
    assert {catalogue.resource(name).envelope for name in ("RFIs", "Equipment")} == {"v1", "v2"}  # type: ignore[union-attr]
