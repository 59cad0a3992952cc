"""R26: a connector that leads to another company now shows its new people nothing of the old one."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine

from store import connectors, records, tables
from store.session import writing
from tests.console.web.conftest import console as console
from tests.console.web.served import Served, Visitor
from tests.store import samples

AT = "2026-03-01T08:00:00Z"
OLD, NEW = samples.COMPANY, "598134000009009"


@pytest.fixture
def nora(console: Served, engine: Engine) -> tuple[Visitor, dict[str, int]]:
    """Somebody of the new company; before it came, the connector brought an event, a run, a copy and a row of the old one."""
    with writing(engine) as db:
        config = {"format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "production", "company_id": NEW}
        connectors.put(db, "acme", "store", config, None)
        ids = {}
        for company, key in ((OLD, "old"), (NEW, "new")):
            event = samples.event(db, key, company_id=company, resource_id=key)
            ids[f"{key} event"], ids[f"{key} run"] = event, samples.run(db, event, state="failed")
            body = {"subject": f"{key} slab"}
            about = {"connector": "acme", "resource": "RFIs", "company_id": company, "project_id": "1", "record_id": "7"}
            copy = {
                **about,
                "record_hash": key,
                "updated_at": AT,
                "body": body,
                "event_id": event,
            }
            records.keep(db, copy)
            row = {"connector": "acme", "company_id": company, "project_id": "1", "id": key, "updated_at": AT, "fetched_at": AT,
                   "event_id": event, "run_id": 1, "record_hash": "h", "body": body,
                   "deleted_at": None}  # fmt: skip
            tables.upsert(db, "rfis", ("connector", "id"), row, version="updated_at")
    console.person("nora", "operator", [NEW])
    visitor = Visitor(console.url)
    visitor.sign_in("nora")
    return visitor, ids


def test_lists_tables_exports_and_copies_have_what_is_of_the_new_company_alone(
    nora: tuple[Visitor, dict[str, int]],
) -> None:
    visitor, ids = nora
    for path in ("/data/rfis", "/data/rfis/export.csv", "/records/acme/RFIs/7", "/find?q=slab"):
        text = visitor.get(path).text
        assert "old slab" not in text, path
    assert "new slab" in visitor.get("/data/rfis").text
    for path, key in (("/api/v1/events", "event"), ("/api/v1/runs", "run")):
        assert [one["id"] for one in json.loads(visitor.get(path).text)["items"]] == [ids[f"new {key}"]]


def test_single_things_of_the_old_company_are_not_there_and_cannot_be_touched(nora: tuple[Visitor, dict[str, int]]) -> None:
    visitor, ids = nora
    token = visitor.token()
    for path, what in (("/runs", "run"), ("/events", "event")):
        assert visitor.get(f"{path}/{ids[f'old {what}']}").status == 404
        assert visitor.get(f"{path}/{ids[f'new {what}']}").status == 200
    assert visitor.post(f"/runs/{ids['old run']}/retry", {"form_token": token}).status == 404
    assert visitor.post(f"/runs/{ids['new run']}/retry", {"form_token": token}).status == 303
