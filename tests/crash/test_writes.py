"""Whatever line of a write to Procore a process ends at: the record is made once, or a person is asked.

A sample of the lines, as in `test_every_line.py`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from config import failpoints
from config.settings import Settings
from store.session import reading
from tests.crash.sweep import Far, Sweep, in_child, simulator
from tests.crash.test_every_line import sample, swept
from tests.workers.rig import Rig, write_site

__all__ = ["swept"]
pytestmark = pytest.mark.timeout(3000)

WITH = {
    "adopted": "resource: Company Vendors, origin_id: '${event.key}', fields: {name: '${event.key}'}",
    "looked up": "resource: Company Vendors, find_by: {name: '${event.key}'}, fields: {name: '${event.key}'}",
    "alone": "resource: Company Vendors, fields: {name: '${event.key}'}",
}
RULE = """
    format: 1
    id: swept
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    retry: {attempts: 20, backoff: fixed, first: 1s}
    do:
      - id: make
        use: procore.create
        with: {WITH}
      - id: change
        use: procore.update
        with: {resource: Company Vendors, id: "${steps.make.output.id}", fields: {city: Austin}}
"""
OF_THE_WRITE = (
    "automations/actions/", "automations/effects.py", "workers/journal.py", "workers/echoes.py", "workers/caps.py",
    "store/echoes.py", "store/caps.py", "store/runs.py",
)  # fmt: skip


class WriteSweep(Sweep):
    """The effect is a vendor whose name is the event's key, changed once it is there."""

    way = ""

    def prepare(self, keyed: bool = True, flow: bool = False) -> None:
        write_site(self.settings, self.far, swept=textwrap.dedent(RULE).replace("WITH", WITH[self.way]))
        assert in_child(self._prepare) == 0

    def _found(self, one: Rig, key: str) -> dict[str, Any]:
        with reading(one.engine) as db:
            one.desk.loaded.fresh(db)
        there = one.desk.loaded.procore("acme").pages("Company Vendors")
        made = [vendor.get("city") for vendor in there if vendor.get("name") == key]
        return {
            "runs": one.runs(),
            "effects": one.rows("SELECT state FROM tieback_effects ORDER BY id"),
            "own": one.rows("SELECT record_id FROM tieback_own_writes WHERE record_hash IS NOT NULL"),
            "made": made,
        }


def sweep_of(settings: Settings, far: Far, record_id: str, way: str) -> WriteSweep:
    sweep = WriteSweep(settings, far, record_id)
    sweep.way = way
    sweep.prepare()
    sweep.keep_template()
    return sweep


def once(found: dict[str, Any]) -> bool:
    return (
        [run["state"] for run in found["runs"]] == ["ok"]
        and [effect["state"] for effect in found["effects"]] == ["applied", "applied"]
        and found["made"] == ["Austin"]
        and len({row["record_id"] for row in found["own"]}) == 1
    )


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="module")
def record_id(far: Far) -> str:
    body = {"resource": "RFIs", "verb": "update", "project_id": far.project_id}
    return str(requests.post(f"{far.url}/_sim/change", json=body, timeout=10).json()["ids"][0])


@pytest.mark.parametrize("way", ["adopted", "looked up"])
def test_no_line_at_which_to_end_makes_the_record_twice_or_never(swept: Settings, far: Far, record_id: str, way: str) -> None:
    sweep = sweep_of(swept, far, record_id, way)
    wrong = {}
    for line in sample([line for line in sweep.lines() if line.startswith(OF_THE_WRITE)]):
        found = sweep.crash_at(line)
        if not once(found):
            wrong[line] = found
    assert wrong == {}


def test_sigkill_at_the_failpoints_of_a_write_adopts_what_was_made(swept: Settings, far: Far, record_id: str) -> None:
    sweep = sweep_of(swept, far, record_id, "adopted")
    sweep.lines()
    names = [name for name in failpoints.NAMES if name.startswith("run.")]
    found = {name: sweep.kill_at(name) for name in names}
    assert [name for name in found if name in ("run.intended", "run.applied") and not found[name]["crashed"]] == []
    assert {name: seen for name, seen in found.items() if not once(seen)} == {}


def test_without_a_way_to_find_it_a_doubtful_record_is_left_to_a_person(swept: Settings, far: Far, record_id: str) -> None:
    sweep = sweep_of(swept, far, record_id, "alone")
    wrong, parked = {}, 0
    for line in sample([line for line in sweep.lines() if line.startswith(OF_THE_WRITE)], 2):
        found = sweep.crash_at(line)
        (run,) = found["runs"]
        parked += run["state"] == "parked"
        if not once(found) and not (run["state"] == "parked" and len(found["made"]) <= 1):
            wrong[line] = found
    assert wrong == {}
    assert parked, "no line lay between the intent and its outcome: the sweep missed what it is for"


def test_the_rules_of_the_sweep_name_what_they_sweep() -> None:
    root = Path(__file__).parents[2]
    assert [name for name in OF_THE_WRITE if not (root / name).exists()] == []
