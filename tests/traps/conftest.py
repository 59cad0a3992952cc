"""A pretend Procore and a site with two rules: one keeps RFIs as rows, one tells the ERP of each change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from config.settings import Settings
from connectors import http
from connectors.kinds.procore_dmsa import Procore
from simulator.app import Running, serve
from tests.connectors.conftest import connector_to, procore_of
from tests.workers.rig import Rig, payload, rig

KEEP = """
    format: 1
    id: keep-rfis
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [create, update, delete]}
    do:
      - id: gone
        if: event.action == "delete"
        use: db.mark_deleted
        with: {table: rfis, key: {id: "${event.resource_id}"}, at: "${event.timestamp}"}
      - id: write
        if: event.action != "delete"
        use: db.upsert
        with: {table: rfis, row: "${record}", version: "${record.updated_at}", columns: {subject: "${record.subject}"}}
"""
TELL = """
    format: 1
    id: tell-erp
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [create, update]}
    do:
      - id: post
        use: http.call
        with: {to: http:sink, path: /rfis, idempotency_key: "${event.key}", json: {subject: "${record.subject}"}}
"""


@pytest.fixture(autouse=True)
def _closed_sessions() -> Iterator[None]:
    yield
    http.close_sessions()


@pytest.fixture
def sim() -> Iterator[Running]:
    with serve(seed=7, spike=100_000, hourly=1_000_000) as running:
        yield running


@pytest.fixture
def procore(sim: Running) -> Procore:
    return procore_of(connector_to(sim))


@pytest.fixture
def desk(engine: Engine, settings: Settings, sim: Running) -> Iterator[Rig]:
    with rig(engine, settings, sim, keep=KEEP, tell=TELL) as one:
        one.settle()
        yield one


@pytest.fixture
def control(sim: Running) -> Callable[..., Any]:
    """`control("POST", "/faults", name="drop")`: a control of the simulator."""

    def call(method: str, path: str, /, **body: Any) -> Any:
        answer = requests.request(method, f"{sim.url}/_sim{path}", json=body or None, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def change(sim: Running, control: Callable[..., Any]) -> Callable[..., str]:
    """Change an RFI of the first project; its id."""

    def one(verb: str = "update", id: str | None = None, resource: str = "RFIs", **fields: Any) -> str:
        wish: dict[str, Any] = {"resource": resource, "verb": verb, "project_id": sim.project_id, "fields": fields}
        return str(control("POST", "/change", **wish, **({"id": int(id)} if id else {}))["ids"][0])

    return one


@pytest.fixture
def told(sim: Running, desk: Rig) -> Callable[..., None]:
    """Deliver an event about a record, with a key of its own, and do all that follows."""

    def tell(id: str, key: int, action: str = "update", **more: Any) -> None:
        resource = more.pop("resource", "RFIs")
        desk.deliver(payload(sim, id, key=f"01J{key:023d}", action=action, resource=resource) | more)
        desk.settle()

    return tell


@pytest.fixture
def subjects(sim: Running) -> Callable[[], list[str]]:
    """What the ERP was told, in order."""
    return lambda: [one["body"]["subject"] for one in sim.world.sinks.listed("erp")]


@pytest.fixture
def calls(control: Callable[..., Any]) -> Callable[[str], int]:
    """How often Procore was asked for a path template that holds this text."""
    return lambda part: sum(one["count"] for one in control("GET", "/calls") if part in one["path"])
