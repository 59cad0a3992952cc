"""R15: what set a run off belongs to one company, and nothing it does reaches another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from config.settings import Settings
from simulator.app import serve
from tests.workers.rig import payload, rig, write_site

HOSTILE = {
    "reads": "{use: procore.get, with: {connector: other, resource: Projects, id: '%s'}}",
    "lists": "{use: procore.list, with: {connector: other, resource: Company Vendors}}",
    "creates": "{use: procore.create, with: {connector: other, resource: Company Vendors, origin_id: x, fields: {name: x}}}",
    "changes": "{use: procore.update, with: {connector: other, resource: Projects, id: '%s', fields: {name: x}}}",
    "syncs": "{use: procore.sync, with: {connector: other, resource: Company Vendors, rows: [{origin_id: x, name: x}]}}",
    "imports": "{use: procore.import, with: {connector: other, resource: Company Vendors}}",
    "fetches": "{use: procore.download, with: {connector: other, url: 'http://127.0.0.1/x', path: a.pdf}}",
    "looks": "{use: procore.check_deliveries, with: {connector: other}}",
    "subscribes": "{use: procore.plan_hooks, with: {connectors: [other]}}",
}


@pytest.fixture
def far() -> Iterator[Any]:
    with serve(seed=7, spike=100_000, hourly=1_000_000) as running:
        yield running


def test_an_event_of_one_company_reaches_no_data_of_another(engine: Engine, settings: Settings, far: Any) -> None:
    # Given a connector to each of two companies, and rules on events of the first that name the second
    first, second = far.world.companies
    write_site(settings, far)
    told = (settings.site / "connectors/acme.yaml").read_text()
    other = told.replace("name: acme", "name: other").replace(f"company_id: {first}", f"company_id: {second}")
    (settings.site / "connectors/other.yaml").write_text(other)
    project = far.world.projects(second)[0].id
    rules = {
        word: f"""
        format: 1
        id: {word}
        stage: live
        when:
          - webhook: {{connector: acme, resource: RFIs, actions: [update]}}
        do:
          - {step.replace("%s", str(project))}
        """
        for word, step in HOSTILE.items()
    }
    with rig(engine, settings, far, **rules) as desk:
        requests.delete(f"{far.url}/_sim/calls", timeout=10)
        wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id}
        id = requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).json()["ids"][0]
        # When such an event comes
        desk.deliver(payload(far, id))
        desk.settle()
        # Then each of them fails with the reason, and the other company was never asked for anything
        errors = {run["automation"]: str(run["error"]) for run in desk.runs()}
        assert set(errors) == set(HOSTILE)
        assert [word for word, error in errors.items() if "other_company" not in error] == []
        assert desk.rows("SELECT id FROM tieback_calls WHERE connector = 'other'") == []
        assert desk.rows("SELECT id FROM tieback_imports") == []
