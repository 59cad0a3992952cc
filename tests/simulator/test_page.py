"""docs/simulator.md tells of every control and of every fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.app import create_app
from simulator.faultnames import FAULTS
from simulator.world import World

PAGE = (Path(__file__).parents[2] / "docs/simulator.md").read_text("utf-8")


def controls() -> list[str]:
    world = World()
    try:
        rules = list(create_app(world).url_map.iter_rules())
    finally:
        world.close()
    found = [(method, one.rule) for one in rules if one.rule.startswith("/_sim") for method in one.methods or ()]
    shown = {f"{method} {rule}" for method, rule in found if method not in ("HEAD", "OPTIONS")}
    return sorted(one for one in shown if "/sink/" not in one or one.startswith(("GET", "POST")))


@pytest.mark.parametrize("control", controls())
def test_every_control_stands_in_the_page(control: str):
    assert f"`{control}`" in PAGE


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_stands_in_the_page_with_its_fields_and_defaults(name: str):
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    assert all(f"`{field}` ({json.dumps(default)})" in row for field, default in FAULTS[name].fields.items())
    assert FAULTS[name].what in row
