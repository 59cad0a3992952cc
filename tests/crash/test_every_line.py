"""Whatever line of the path a process ends at: no event is lost, no effect is made twice.

Every ninth line by default, all of them with TIEBACK_SWEEP=all. TIEBACK_SWEEP=7 takes every sixth one from a place of its own:
six seeds one after the other take all of them (`make crash`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from config import failpoints
from config.errors import ConfigError
from config.settings import Settings, load
from tests.conftest import KEY
from tests.crash.sweep import Far, Sweep, simulator

SHARDS = 4
T = TypeVar("T")
OF_FLOW = (
    "workers/beginning.py", "workers/flowing.py", "workers/finishing.py", "workers/execute.py", "workers/journal.py",
    "store/flow.py", "automations/attempt.py", "automations/items.py", "automations/engine.py",
)  # fmt: skip
SWEEP = os.environ.get("TIEBACK_SWEEP", "")
STRIDE = 1 if SWEEP == "all" else 6 if SWEEP else 9

pytestmark = pytest.mark.timeout(3000)


def sample(found: Sequence[T], thinner: int = 1) -> Sequence[T]:
    """Every `STRIDE // thinner`th, from where this seed begins."""
    every = max(1, STRIDE // thinner)
    return found[int(SWEEP) % every if SWEEP.isdigit() else 0 :: every]


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="module")
def record_id(far: Far) -> str:
    body = {"resource": "RFIs", "verb": "update", "project_id": far.project_id}
    return str(requests.post(f"{far.url}/_sim/change", json=body, timeout=10).json()["ids"][0])


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def swept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings on a disk in memory where there is one: a process that ends loses nothing that was written."""
    env = {"TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": str(tmp_path / "site")}
    if request.param == "postgresql":
        env["TIEBACK_DATABASE_URL"] = request.getfixturevalue("fresh_database")
    else:
        fast = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path
        env["TIEBACK_DATABASE_URL"] = f"sqlite:///{fast}/tieback-sweep-{os.getpid()}-{tmp_path.name}/x.db"
    (tmp_path / "site").mkdir()
    logging.disable(logging.CRITICAL)
    settings = load(env, tmp_path)
    yield settings
    logging.disable(logging.NOTSET)
    if request.param == "sqlite":
        import shutil

        shutil.rmtree(Path(settings.database_url.removeprefix("sqlite:///")).parent)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_line_at_which_to_end_loses_the_event_or_doubles_the_effect(
    swept: Settings, far: Far, record_id: str, shard: int
) -> None:
    sweep = Sweep(swept, far, record_id)
    sweep.prepare(keyed=True)
    sweep.keep_template()
    wrong = {}
    for line in sample(sweep.lines())[shard::SHARDS]:
        found = sweep.crash_at(line)
        if not as_if_nothing_had_happened(found):
            wrong[line] = found
    assert wrong == {}


def test_no_line_of_gathering_queueing_and_lists_loses_the_event_or_doubles_the_effect(
    swept: Settings, far: Far, record_id: str
) -> None:
    sweep = Sweep(swept, far, record_id)
    sweep.prepare(keyed=True, flow=True)
    sweep.keep_template()
    wrong = {}
    for line in sample([one for one in sweep.lines() if one.startswith(OF_FLOW)], 3):
        found = sweep.crash_at(line)
        if not as_if_nothing_had_happened(found) or [row["value"] for row in found["counted"]] != [1.0]:
            wrong[line] = found
    assert wrong == {}


def test_sigkill_at_every_named_failpoint_costs_nothing(swept: Settings, far: Far, record_id: str) -> None:
    sweep = Sweep(swept, far, record_id)
    sweep.prepare(keyed=True)
    sweep.keep_template()
    sweep.lines()
    found = {name: sweep.kill_at(name) for name in failpoints.NAMES if not name.startswith("operation.")}
    assert [name for name in found if not found[name]["crashed"]] == [], "these failpoints are never reached"
    assert {name: seen for name, seen in found.items() if not as_if_nothing_had_happened(seen)} == {}


def test_failpoints_cannot_be_switched_on_in_production(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TIEBACK_FAILPOINTS is set"):
        load({"TIEBACK_FAILPOINTS": "run.applied:kill"}, tmp_path)
    failpoints.arm("run.applied:raise", testing=False)
    failpoints.hit("run.applied")


def as_if_nothing_had_happened(found: dict[str, Any]) -> bool:
    return (
        [delivery["state"] for delivery in found["deliveries"]] == ["sorted"]
        and [run["state"] for run in found["runs"]] == ["ok"]
        and found["rows"] == 1
        and [effect["state"] for effect in found["effects"]] == ["applied"]
        and found["applied"] == 1
    )


def test_without_a_key_at_the_far_end_a_doubtful_effect_is_parked_and_never_repeated(
    swept: Settings, far: Far, record_id: str
) -> None:
    sweep = Sweep(swept, far, record_id)
    sweep.prepare(keyed=False)
    sweep.keep_template()
    wrong, parked = {}, 0
    for line in sample([line for line in sweep.lines() if _of_the_effect(line)], 3):
        found = sweep.crash_at(line)
        (run,) = found["runs"]
        parked += run["state"] == "parked"
        settled = run["state"] == "ok" and found["applied"] == 1
        if not settled and not (run["state"] == "parked" and found["applied"] <= 1):
            wrong[line] = found
    assert wrong == {}
    assert parked, "no line lay between the intent and its outcome: the sweep missed what it is for"


def _of_the_effect(line: str) -> bool:
    return line.startswith(
        ("automations/effects.py", "automations/actions/http_call.py", "workers/journal.py", "workers/tools.py")
    )
