"""Procore's own JavaScript SDK, as published, against the simulator: a client that we did not write."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.limits import PROSE
from tests.simulator.conftest import Caller, running

pytestmark = pytest.mark.services
HERE = Path(__file__).parent / "js"
PATIENCE_S = 300


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    with running() as one:
        yield one


@pytest.fixture(scope="module")
def seen(caller: Caller, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the SDK's application saw, run once."""
    room = Path(shutil.copytree(HERE, tmp_path_factory.mktemp("sdk"), dirs_exist_ok=True))
    installed = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"], cwd=room, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert installed.returncode == 0, installed.stderr
    tokens = caller.sim.world.tokens
    given = {"url": caller.sim.url, "id": tokens.client_id, "secret": tokens.client_secret}
    wish = json.dumps(given | {"company": caller.company, "project": caller.project})
    ran = subprocess.run(["node", "strangers.js", wish], cwd=room, capture_output=True, text=True, timeout=PATIENCE_S)
    assert ran.returncode == 0, ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


def test_a_person_signs_in_and_lists_companies_without_the_header(caller: Caller, seen: dict[str, Any]):
    assert seen["info"]["application"]["uid"] == caller.sim.world.tokens.client_id
    assert seen["companies"] == list(caller.sim.world.companies)


def test_projects_are_those_of_the_company(caller: Caller, seen: dict[str, Any]):
    assert sorted(seen["projects"]) == sorted(one.id for one in caller.sim.world.projects(caller.company))


def test_rfis_are_read_over_several_pages_with_the_new_one_among_them(seen: dict[str, Any]):
    assert (seen["rfis"]["pages"], seen["rfis"]["total"], len(set(seen["rfis"]["ids"]))) == (4, "37", 37)
    assert seen["made"]["subject"] == "From the SDK"
    assert seen["made"]["id"] in seen["rfis"]["ids"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"errors": "The access token is invalid"}),
        (403, {"errors": ["App is not connected to this company."]}),
        (404, {"errors": ["Not Found"]}),
        (422, {"errors": {"subject": ["can't be blank"]}}),
        (429, PROSE),
        (500, '{"errors":"Internal Server Error"}'),
        (503, '{"message":"Service Unavailable"}'),
    ],
)
def test_each_kind_of_error_arrives_as_an_error(seen: dict[str, Any], status: int, body: object):
    assert seen["errors"][str(status)] == {"status": status, "body": body}


def test_a_gateways_page_arrives_as_html(seen: dict[str, Any]):
    assert seen["errors"]["502"]["status"] == 502
    assert seen["errors"]["502"]["body"].startswith("<html>")


def test_a_pair_is_renewed_and_revoked(seen: dict[str, Any]):
    assert "id" in seen["renewed"]
    assert seen["revoked"] == {}
    assert seen["afterwards"]["status"] == 401
