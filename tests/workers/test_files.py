"""Files out of a real run: from a delivery to a row to a file below TIEBACK_FILES_ROOT, with its effect in the ledger."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from simulator.app import serve
from tests.workers.rig import Rig, payload, rig
from tests.workers.test_path import change

EXPORT = """
    format: 1
    id: export
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    do:
      - use: db.upsert
        with: {table: rfis, row: "${record}", columns: {subject: "${record.subject}"}}
      - id: whole
        use: file.csv
        with: {path: rfis.csv, to: "files:exports", table: rfis, columns: [id, subject, body.subject]}
      - id: log
        use: file.json
        with: {path: log.jsonl, rows: ["${{'id': event.resource_id}}"], lines: true, mode: append}
"""


@pytest.fixture
def simulator() -> Iterator[Any]:
    with serve(seed=7, spike=100_000, hourly=1_000_000) as running:
        yield running


@pytest.fixture
def desk(engine: Engine, settings: Settings, simulator: Any) -> Iterator[Rig]:
    (settings.site / "destinations").mkdir(parents=True)
    (settings.site / "destinations/out.yaml").write_text("format: 1\nkind: files\nname: exports\nquota: 1MB\n")
    with rig(engine, settings, simulator, export=EXPORT) as one:
        yield one


def test_a_change_becomes_a_line_of_a_file(desk: Rig, simulator: Any) -> None:
    ids = [change(simulator, subject=f"=Beam {n}") for n in range(2)]
    for n, id in enumerate(ids):
        desk.deliver(payload(simulator, id, key=f"01J0000000000000000000000{n}"))
    desk.settle()
    assert [run["state"] for run in desk.runs()] == ["ok", "ok"], desk.runs()
    root = desk.settings.files_root
    heading, *lines = csv.reader((root / "exports/rfis.csv").read_text().splitlines())
    assert heading == ["id", "subject", "body.subject"]
    assert {id for id, *_ in lines} == set(ids)
    assert all(shown == same and shown.startswith("'=Beam") for _, shown, same in lines)
    assert len((root / "log.jsonl").read_text().splitlines()) == 2
    kept = desk.rows("SELECT target, policy, state FROM tieback_effects ORDER BY id")
    assert {(one["target"], one["policy"], one["state"]) for one in kept} == {
        ("file exports/rfis.csv", "idempotent", "applied"), ("file log.jsonl", "natural_key", "applied")
    }  # fmt: skip
