"""A simulator and a site with one rule, for tests that follow work through the workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from config.settings import Settings
from simulator.app import serve
from tests.connectors.mail import Post, mail_server
from tests.workers.rig import Rig, rig

KEEP = """
    format: 1
    id: keep-rfis
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [create, update]}
    do:
      - id: write
        use: db.upsert
        with: {table: rfis, row: "${record}"}
"""


@pytest.fixture
def far() -> Iterator[Any]:
    """A pretend Procore without limits."""
    with serve(seed=7, spike=100_000, hourly=1_000_000) as running:
        yield running


@pytest.fixture
def keeping(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    """A site whose only rule keeps RFIs in the table `rfis`."""
    with rig(engine, settings, far, keep=KEEP) as one:
        yield one


def write_slack(site: Path, far: Any) -> None:
    """The destination `slack:ops`, at the simulator's sink."""
    (site / "destinations").mkdir()
    (site / "destinations/ops.yaml").write_text("format: 1\nkind: slack\nname: ops\nurl: ${file:secrets/slack}\nprivate: true\n")
    (site / "secrets").mkdir()
    (site / "secrets/slack").write_text(f"{far.url}/_sim/sink/slack/services/T0ABCDEF12/x9Yz8Wv7Ut6Sr5Qp4On3")


def changed(far: Any, **fields: Any) -> str:
    """The id of an RFI that was changed just now."""
    wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "fields": fields}
    return str(requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).json()["ids"][0])


def fault(far: Any, name: str, **about: Any) -> None:
    requests.post(f"{far.url}/_sim/faults", json={"name": name, **about}, timeout=10).raise_for_status()


@pytest.fixture
def post() -> Iterator[tuple[Post, int]]:
    """A mail server, and the port it listens on."""
    with mail_server() as found:
        yield found
