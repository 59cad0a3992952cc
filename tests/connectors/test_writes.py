"""Creates, changes and bulk upserts against the pretend Procore."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from config.errors import ConfigError, Permanent, Uncertain
from connectors.kinds.procore_dmsa import Procore
from connectors.writes import is_taken
from simulator.app import Running
from tests.connectors.conftest import Wire, connector_to, http_answer, procore_of


def project(sim: Running) -> str:
    return str(sim.project_id)


def fault(sim: Running, name: str, **about: Any) -> None:
    requests.post(f"{sim.url}/_sim/faults", json={"name": name, **about}, timeout=10).raise_for_status()


@pytest.mark.parametrize(
    "resource, fields",
    [
        ("RFIs", {"subject": "Beam"}),
        ("Observation Items", {"name": "Crack"}),
        ("Punch Items", {"name": "Patch"}),
        ("Company Vendors", {"name": "Volt", "origin_id": "v-1"}),
        ("Projects", {"name": "Harbor East", "origin_id": "deal-1"}),
        ("Cost Codes", {"name": "Concrete"}),
        ("Project Files", {"name": "a.pdf"}),
    ],
)
def test_a_record_is_made_and_then_changed(sim: Running, procore: Procore, resource: str, fields: dict[str, Any]) -> None:
    made = procore.create(resource, fields, project(sim))
    assert {key: made.get(key) for key in fields} == fields
    if resource == "Project Files":
        return
    name = next(iter(fields))
    in_project = str(made["id"]) if resource == "Projects" else project(sim)
    assert procore.update(resource, str(made["id"]), {name: "Changed"}, in_project)[name] == "Changed"


def test_a_taken_origin_id_is_told_from_other_refusals(procore: Procore) -> None:
    procore.create("Company Vendors", {"name": "Volt", "origin_id": "v-1"})
    with pytest.raises(Permanent) as raised:
        procore.create("Company Vendors", {"name": "Volt", "origin_id": "v-1"})
    assert raised.value.kind == "http_422"
    assert is_taken(str(raised.value))
    with pytest.raises(Permanent) as raised:
        procore.create("Company Vendors", {"name": " "})
    assert not is_taken(str(raised.value))


def test_a_file_of_the_same_name_is_a_conflict(sim: Running, procore: Procore) -> None:
    procore.create("Project Files", {"name": "a.pdf"}, project(sim))
    with pytest.raises(Permanent) as raised:
        procore.create("Project Files", {"name": "a.pdf"}, project(sim))
    assert (raised.value.kind, is_taken(str(raised.value))) == ("http_409", True)


def test_a_bulk_upsert_creates_changes_and_names_what_it_refuses(procore: Procore) -> None:
    procore.create("Company Vendors", {"name": "Old", "origin_id": "v-1"})
    rows: list[dict[str, Any]] = [
        {"origin_id": "v-1", "name": "New"},
        {"origin_id": "v-2", "name": "Second"},
        {"origin_id": "v-3", "name": ""},
        {"id": 4, "name": "Nobody"},
    ]
    done = procore.sync("Company Vendors", rows)
    assert [(one["origin_id"], one["name"]) for one in done.records] == [("v-1", "New"), ("v-2", "Second")]
    assert [(one.index, one.origin_id) for one in done.refused] == [(2, "v-3"), (3, "")]
    assert "can't be blank" in done.refused[0].said
    assert "not found" in done.refused[1].said
    again = procore.sync("Company Vendors", rows[:2])
    assert [one["id"] for one in again.records] == [one["id"] for one in done.records]


def test_what_has_no_path_is_said_before_anything_goes_out(sim: Running, procore: Procore) -> None:
    with pytest.raises(ConfigError, match="cannot be created"):
        procore.create("Budget Line Items", {"a": 1}, project(sim))
    with pytest.raises(ConfigError, match="cannot be changed"):
        procore.update("Drawings", "7", {"a": 1}, project(sim))
    with pytest.raises(ConfigError, match="no bulk upsert"):
        procore.sync("RFIs", [{"id": 1}], project(sim))
    with pytest.raises(ConfigError, match="give project_id"):
        procore.create("RFIs", {"subject": "a"})


def test_an_answer_that_is_cut_says_that_nobody_knows(sim: Running, procore: Procore) -> None:
    fault(sim, "truncated", path="vendors", count=1)
    with pytest.raises(Uncertain):
        procore.create("Company Vendors", {"name": "Volt", "origin_id": "v-9"})
    # And it was done
    with pytest.raises(Permanent, match="already been taken"):
        procore.create("Company Vendors", {"name": "Volt", "origin_id": "v-9"})


@pytest.mark.parametrize("mode", ["503", "reset"])
def test_an_outage_in_which_nothing_was_done_can_be_tried_again(sim: Running, procore: Procore, mode: str) -> None:
    fault(sim, "outage", mode=mode, count=1, path="vendors")
    with pytest.raises(Exception, match="acme") as raised:
        procore.create("Company Vendors", {"name": "Volt", "origin_id": "v-9"})
    assert isinstance(raised.value, Uncertain) == (mode == "reset")
    assert procore.create("Company Vendors", {"name": "Volt", "origin_id": "v-9"})["origin_id"] == "v-9"


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(b"<html>hello</html>", content_type="text/html"),
        http_answer(b'[{"id": 1}]'),
        http_answer(b'"fine"'),
        http_answer(b'{"id": 1, "na'),
    ],
)
def test_an_answer_that_is_no_record_is_doubt_and_never_data(sim: Running, wire: Callable[..., Wire], answer: bytes) -> None:
    far = wire(answer)
    procore = procore_of(connector_to(sim, api_host=far.url, private=True))
    with pytest.raises(Uncertain):
        procore.create("Company Vendors", {"name": "Volt"})
    with pytest.raises(Uncertain):
        procore.sync("Company Vendors", [{"origin_id": "v", "name": "Volt"}])
