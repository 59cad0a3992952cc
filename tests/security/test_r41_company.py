"""R41: of a company whose data was purged nothing is found in the database, in its raw bytes, in Redis or in any file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, inspect, select, text

from config.settings import Settings
from console.verbs import failing, purging
from console.verbs.at_hand import AtHand
from store import audit
from store.models import Audit, Run
from store.session import open_engine, reading
from tests import stores
from tests.security.conftest import leaks
from tests.store.test_wiping import keeps_deleted_bytes
from tests.workers.conftest import changed, fault, write_slack
from tests.workers.rig import Rig, payload, rig

CANARY = "c4n4ryOfTheCompanyThatLeaves0123456789"
HEAD = """
    format: 1
    id: {id}
    stage: live
    when:
      - webhook: {{connector: acme, resource: RFIs, actions: [{action}]}}
    {more}
    do:
"""
ROW = '      - {id: row, use: db.upsert, with: {table: rfis, row: "${record}"}}\n'
RULES = {
    "keep": HEAD.format(id="keep", action="update", more="")
    + ROW
    + """
      - {id: history, use: db.snapshot, with: {table: rfis, into: rfis_history}}
      - {id: kept, use: set, with: {said: "${record.subject}"}}
      - id: tell
        use: http.call
        with: {to: "http:sink", path: /all, idempotency_key: "r-${record.id}", json: {said: "${record.subject}"}}
      - {id: file, use: file.csv, with: {path: "exports/rfis.csv", table: rfis, columns: [id, body.subject]}}
      - {id: log, use: file.json, with: {path: log.jsonl, rows: ["${{'said': record.subject}}"], lines: true, mode: append}}
      - {id: count, use: metrics.count, with: {name: changes, labels: {project: "${event.project_id}"}}}
""",
    "ask": HEAD.format(id="ask", action="update", more="")
    + '      - {id: ask, use: ask.approve, with: {question: "Really ${record.subject}?", timeout: 3d}}\n',
    "gather": HEAD.format(id="gather", action="update", more="flow: {throttle: {rate: 1/1h, over: digest}}")
    + '      - {id: tell, use: notify.send, with: {to: "slack:ops", title: "${record.subject}", text: "${record.subject}"}}\n',
    "fails": HEAD.format(id="fails", action="update", more="retry: {attempts: 1}")
    + """
      - id: tell
        use: http.call
        with: {to: "http:sink", path: "/no/${record.subject}", json: {said: "${record.subject}"}}
""",
}


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """Of a SQLite that leaves what is deleted in the file."""
    one = open_engine(settings)
    keeps_deleted_bytes(one)
    stores.furnish(one)
    yield one
    one.dispose()


@pytest.fixture
def here(settings: Settings, request: pytest.FixtureRequest, engine: Engine) -> Settings:
    """Beside PostgreSQL Redis keeps the quota, as in production."""
    if engine.dialect.name == "sqlite":
        return settings
    server = request.getfixturevalue("redis_server")
    redis.Redis.from_url(server.url).flushall()
    return replace(settings, broker_url=server.url)


@pytest.fixture
def one(engine: Engine, here: Settings, far: Any) -> Iterator[Rig]:
    write_slack(here.site, far)
    with rig(engine, here, far, **RULES) as made:
        yield made


def rows(engine: Engine) -> dict[str, str]:
    """Every cell of every table as text, by table, with what PostgreSQL's statistics keep of its columns.

    Those of a table that became empty stay until it has rows again: docs/operations.md says so.
    """
    with engine.connect() as db:
        found = {}
        for name in inspect(db).get_table_names():
            cells = [_cells(row) for row in db.execute(text(f'SELECT * FROM "{name}"'))]
            if cells and engine.dialect.name == "postgresql":
                cells += [_cells(row) for row in db.execute(text("SELECT * FROM pg_stats WHERE tablename = :n"), {"n": name})]
            found[name] = "\n".join(cells)
    return found


def _cells(row: Any) -> str:
    raw = [bytes(cell).decode("utf-8", "replace") if isinstance(cell, (bytes, memoryview)) else cell for cell in row]
    return "\t".join(map(str, raw))


def kept_by_redis(here: Settings) -> dict[str, str]:
    if here.broker_url.startswith("memory:"):
        return {}
    client = redis.Redis.from_url(here.broker_url, decode_responses=True)
    return {key: str(client.dump(key) if client.type(key) != "string" else client.get(key)) for key in client.scan_iter()}


def files(here: Settings) -> dict[Path, bytes]:
    """Below var/, where the database, its journal and the files of rules are."""
    return {path: str(path).encode() + path.read_bytes() for path in here.var.rglob("*") if path.is_file()}


def lived(one: Rig, far: Any) -> str:
    """A company of which every part of the path has kept something. The id of its record."""
    id = changed(far, subject=f"first {CANARY}")
    for number in range(2):
        one.deliver(payload(far, id, key=f"01J0000000000000000000000{number}"))
        one.settle()
        changed_again(far, id, number)
    fault(far, "sink", sink="erp", mode="refused_403", for_s=600, share=1.0)
    one.deliver(payload(far, id, key="01J00000000000000000000009"))
    one.settle()
    one.deliver(json.dumps({"not": "ours", "said": CANARY}).encode(), key="quarantined")
    one.settle()
    return id


def changed_again(far: Any, id: str, number: int) -> None:
    import requests

    wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "id": int(id)}
    fields = {"subject": f"change {number} {CANARY}"}
    requests.post(f"{far.url}/_sim/change", json={**wish, "fields": fields}, timeout=10).raise_for_status()


def leaves(one: Rig, here: Settings) -> None:
    """The connector's file is taken out of the site, which is read again."""
    (here.site / "connectors/acme.yaml").unlink()
    one.load_site()
    one.work()


def test_of_a_company_that_left_nothing_is_found_but_who_did_what(one: Rig, engine: Engine, here: Settings, far: Any) -> None:
    # Given a company that has left its mark everywhere
    id, company = lived(one, far), str(far.company_id)
    marked = {name for name, cells in rows(engine).items() if CANARY in cells}
    assert marked >= {
        "tieback_deliveries", "tieback_records", "tieback_runs", "tieback_steps", "tieback_effects", "tieback_approvals",
        "tieback_gathered", "rfis", "rfis_history",
    }  # fmt: skip
    assert sum(CANARY.encode() in content for path, content in files(here).items() if "files" in path.parts) == 2
    at_hand = AtHand(here, engine, "cli:ana")
    for group in failing.groups(at_hand):
        failing.mark(at_hand, group["cause"], "acknowledged", "known")
    assert ("tieback:quota:acme" in kept_by_redis(here)) is (engine.dialect.name == "postgresql")
    if engine.dialect.name == "postgresql":
        with engine.begin() as db:
            db.execute(text("ANALYZE"))
    # When it leaves, and its data is purged
    leaves(one, here)
    done = purging.company(at_hand, company, dry=False)
    # Then no cell, no file and no key has anything of it
    assert done.left == []
    found = rows(engine)
    assert [name for name, cells in found.items() if leaves_a_trace(cells, CANARY, id)] == []
    assert [name for name, cells in found.items() if company in cells] == ["tieback_audit"]
    assert [name for name, cells in found.items() if str(far.project_id) in cells] == []
    assert [path for path, content in files(here).items() if leaves_a_trace(content.decode("latin-1"), CANARY, id)] == []
    assert kept_by_redis(here) == {}
    # And the audit holds, and says who purged it
    with reading(engine) as db:
        assert audit.broken_at(db) is None
        verbs = [(row.actor, row.verb, row.subject) for row in audit.newest(db, 2)]
    assert verbs == [("cli:ana", "company purged", company), ("cli:ana", "company purge begun", company)]


def leaves_a_trace(text: str, canary: str, id: str) -> bool:
    return bool(leaks(text, canary)) or id in text


def test_the_audit_holds_no_word_of_what_a_company_sent(one: Rig, engine: Engine, here: Settings, far: Any) -> None:
    """Whatever an operator does with its runs, the audit notes ids, names and the operator's own words."""
    from console.verbs import approving, running, settling

    lived(one, far)
    at_hand = AtHand(here, engine, "cli:ana")
    for group in failing.groups(at_hand):
        assert CANARY in group["message"] or group["message"]
        failing.mark(at_hand, group["cause"], "ignored", "known")
    with reading(engine) as db:
        failed = list(db.scalars(select(Run.id).where(Run.state == "failed")))
        asks = [row["id"] for row in one.rows("SELECT id FROM tieback_approvals WHERE state = 'open'")]
        effects = [row["id"] for row in one.rows("SELECT id FROM tieback_effects WHERE state = 'uncertain'")]
    assert failed
    assert asks
    for id in failed:
        running.retry(at_hand, id)
    for id in asks:
        approving.answer(at_hand, id, None, "fine")
    for id in effects:
        settling.settle(at_hand, id, "give up", "looked")
    with reading(engine) as db:
        said = [(row.verb, row.subject, row.detail) for row in db.execute(select(Audit.__table__))]
    assert {"cause ignored", "run retried", "question answered"} <= {verb for verb, _, _ in said}
    assert CANARY not in str(said)
