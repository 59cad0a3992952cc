"""A company's week in the store: every state of everything, so that each page has something to show.

`word(text)` may alter each text that comes from outside, to plant in it what must not work.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, update

from config.secrets import Box, Secret
from store import (
    alerts,
    announcements,
    approvals,
    audit,
    beats,
    calls,
    causes,
    connectors,
    definitions,
    deliveries,
    drains,
    events,
    hooks,
    imports,
    operations,
    pauses,
    projects,
    records,
    repairs,
    runs,
    schedules,
    tables,
    timers,
)
from store.deliveries import Arrival
from store.models import Automation, Import, ImportPart, Run, Schedule
from store.session import writing
from store.types import now

COMPANY, OTHER = "598134000001001", "598134000009009"
PROJECT = "598134000002001"
HOURS_AGO = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=5)).isoformat()
RULES = {
    "rfi-to-database": ("RFIs", "Keep every RFI in the database"),
    "submittal-message": ("Submittals", "Tell the trade when a submittal is approved"),
    "change-order-to-erp": ("Change Orders", "Post approved change orders to the ERP"),
}
ERRORS = (
    ("http_429", "procore: 429 on /rest/v1.0/projects/{n}/rfis/{n}. Procore asks us to wait."),
    ("http_403", "erp: 403 on /orders. The account lacks the right to post; ask the ERP's administrator."),
    ("expression", "step notify: record.assignee.email: there is no such field in this record."),
)
Word = Callable[[str], str]


def plain(text: str) -> str:
    return text


def fill(engine: Any, box: Box, word: Word = plain, seed: int = 7) -> dict[str, Any]:
    """Returns ids worth visiting: `failed`, `ok`, `parked`, `event`, `delivery`, `record`, `import`, `uncertain`."""
    dice = random.Random(seed)
    ids: dict[str, Any] = {}
    keys = [f"01J{number:023d}" for number in range(60)]
    raw = [_raw(number, key, word) for number, key in enumerate(keys)]
    deliveries.keep(
        engine, [Arrival("acme-prod", "k1", key, body, "application/json") for key, body in zip(keys, raw, strict=True)]
    )
    bad = Arrival(
        "acme-prod", "k1", "q1", word("{broken").encode(), "text/plain", "quarantined", word("the body is no JSON: line 1")
    )
    deliveries.keep(engine, [bad])
    with writing(engine) as db:
        _connectors(db, box, word)
        versions = _automations(db, word)
        for number, key in enumerate(keys):
            ids |= _event(db, dice, number, key, versions, word)
        ids |= {"import": _import(db, word), "delivery": 1}
        _rest(db, word)
    return ids


def _raw(number: int, key: str, word: Word) -> bytes:
    body = {"id": key, "resource_type": "RFIs", "resource_id": str(598134000100 + number), "title": word("Slab edge at grid 4")}
    return json.dumps(body).encode()


def _connectors(db: Connection, box: Box, word: Word) -> None:
    for name, company, state in (
        ("acme-prod", COMPANY, "active"),
        ("acme-sandbox", COMPANY, "paused"),
        ("north", OTHER, "active"),
    ):
        config = {
            "format": 1,
            "kind": "procore_dmsa",
            "name": name,
            "environment": "production" if name != "acme-sandbox" else "sandbox",
            "client_id": word("7c1f0e"),
            "company_id": company,
            "projects": "all",
            "webhooks": {"namespace": word(name), "payload_version": "v4.0", "api": "v2.0"},
        }
        sealed = connectors.seal(box, name, {"client_secret": Secret("planted-client-secret-0123456789")})
        connectors.put(db, name, "store", config, sealed)
        checks = [
            {"name": "hosts", "state": "ok", "seen": "both hosts answer", "mend": ""},
            {"name": "credentials", "state": "ok", "seen": "signed in", "mend": ""},
            {
                "name": "projects",
                "state": "ok" if name != "north" else "wrong",
                "seen": word("12 projects are permitted"),
                "mend": "" if name != "north" else word("Let an administrator add the app to the projects."),
            },
        ]
        connectors.set_verdict(db, name, {"ok": name != "north", "at": HOURS_AGO, "checks": checks})
        if state == "paused":
            connectors.set_state(db, name, state, word("waiting for the new sandbox"))
        projects.seen(db, name, {PROJECT: word("North Tower"), "598134000002002": word("Parking Garage")})
        key = hooks.ensure(db, box, name, company, "", Secret("planted-hook-secret-" + "0" * 30))
        hooks.told(db, box, key, Secret("planted-hook-secret-" + "0" * 30))


def _automations(db: Connection, word: Word) -> dict[str, int]:
    for name, (resource, title) in RULES.items():
        when = f"when:\n  - webhook: {{connector: acme-prod, resource: {resource}}}\n"
        head = f"format: 1\nid: {name}\ntitle: {json.dumps(word(title))}\nstage: live\nexpect: {{success_every: 24h}}\n{when}"
        definitions.activate(db, name, f"automations/{name}.yaml", head + _does(word, "1"))
    standing = {one.name: one for one in definitions.active(db)}["rfi-to-database"]
    later = definitions.keep_version(db, "rfi-to-database", standing.file, standing.source.replace("n: 1", "n: 2"))
    held = {"by": "user:ana", "reason": word("until the ERP has moved"), "at": HOURS_AGO}
    definitions.choose(db, "rfi-to-database", standing.version_id, held, later)
    definitions.note_broken(
        db, "daily-log-report", word("automations/daily-log-report.yaml:7:5 error TB101: 'titel' is no field.")
    )
    db.execute(update(Automation).where(Automation.name == "change-order-to-erp").values(state="paused"))
    definitions.set_fact(db, "site_loaded", "1")
    return {row.name: row.version_id for row in definitions.every(db) if row.version_id}


def _does(word: Word, number: str) -> str:
    test = f"tests:\n  - {{name: {json.dumps(word('it runs'))}, given: {{manual: {{}}}}, expect: {{fired: true}}}}\n"
    nightly = '  - {id: nightly, schedule: {at: "02:10", timezone: America/Denver}}\n'
    return f"{nightly}  - manual: {{}}\ndo:\n  - {{id: keep, use: set, with: {{n: {number}}}}}\n{test}"


def _event(db: Connection, dice: random.Random, number: int, key: str, versions: dict[str, int], word: Word) -> dict[str, Any]:
    rule = list(RULES)[number % 3]
    resource, record = RULES[rule][0], str(598134000100 + number % 20)
    state = "matched" if number % 6 else "ignored"
    event_id = events.add(
        db,
        {
            "connector": "acme-prod" if number % 7 else "north",
            "event_key": key,
            "delivery_id": number + 1,
            "source": "webhook",
            "action": ("create", "update", "delete")[number % 3],
            "resource_name": resource,
            "resource_id": record,
            "company_id": COMPANY if number % 7 else OTHER,
            "project_id": PROJECT,
            "user_id": "77",
            "app_id": word("app"),
            "timestamp": dt.datetime.now(dt.UTC),
            "payload_version": "v4.0",
            "state": state,
            "reason": None if state == "matched" else word("no automation listens to this"),
            "reasons": {"submittal-message": word("its `if` line 1 does not hold")},
        },
    )
    assert event_id is not None
    deliveries.mark(db, number + 1, "sorted", None)
    ids: dict[str, Any] = {"event": event_id}
    if state == "matched":
        ids |= _run(db, dice, number, event_id, rule, versions.get(rule, 1), resource, record, word)
    return ids


def _run(
    db: Connection,
    dice: random.Random,
    number: int,
    event_id: int,
    rule: str,
    version: int,
    resource: str,
    record: str,
    word: Word,
) -> dict[str, Any]:
    connector = "acme-prod" if number % 7 else "north"
    copy = {
        "number": str(number % 20 + 100),
        "subject": word(f"Slab edge at grid {number % 20}"),
        "status": "open",
        "rev": number,
    }
    kept = records.keep(
        db,
        {
            "connector": connector,
            "resource": resource,
            "company_id": COMPANY,
            "project_id": PROJECT,
            "record_id": record,
            "record_hash": f"h{number}",
            "updated_at": "2026-03-01T08:00:00Z",
            "body": copy,
            "event_id": event_id,
        },
    )
    run_id = events.add_run(
        db,
        {
            "event_id": event_id,
            "automation": rule,
            "version_id": version,
            "trigger": "webhook 1",
            "stage": "live",
            "connector": connector,
            "record_key": f"{connector}/{resource.lower()}/{record}",
            "lane": ("webhook", "manual", "schedule")[number % 3],
            "before_id": kept.before_id,
            "after_id": kept.after_id,
        },
        due=False,
    )
    assert run_id is not None
    state = ("ok", "ok", "failed", "ok", "skipped", "parked", "ok", "waiting", "ok", "failed", "cancelled", "running")[
        number % 12
    ]
    error = None
    if state in ("failed", "parked"):
        kind, message = ERRORS[number % 3]
        error = {"step": "do/1", "kind": kind, "message": word(message.replace("{n}", str(number)))}
    ago = dice.uniform(60, 86_000)
    ended = now(-ago) if state not in ("waiting", "running") else None
    db.execute(
        update(Run)
        .where(Run.id == run_id)
        .values(
            state=state,
            error=error,
            cause=causes.of(state, None, error),
            reason=word("unchanged since run 3") if state in ("skipped", "cancelled") else None,
            attempt=1 + number % 3,
            created_at=now(-ago - 3.4),
            started_at=now(-ago - 3.1),
            finished_at=ended,
            lines=[
                {
                    "index": 0,
                    "text": word("record.status == 'open'"),
                    "held": True,
                    "seen": {"record.status": word("open")},
                    "error": None,
                }
            ],
        )
    )
    for step, (path, took) in enumerate((("do/0", 40), ("do/1", 900), ("do/1", 350))):
        bad = error is not None and path == "do/1"
        runs.add_step(
            db,
            {
                "run_id": run_id,
                "path": path,
                "state": "failed" if bad else "ok",
                "attempt": step,
                "duration_ms": took,
                "inputs": {"table": "rfis", "title": word("Slab edge")},
                "output": None if bad else {"rows": 1, "said": word("done")},
                "error": error if bad else None,
                "finished_at": timers.clock(db) + dt.timedelta(seconds=step - ago - 2.9),
            },
        )
    uncertain = state == "parked"
    effect, _ = runs.intend(
        db,
        {
            "effect_key": f"e{run_id}",
            "run_id": run_id,
            "step": "do/1",
            "fence": 1,
            "policy": "at_most_once" if uncertain else "idempotent",
            "target": word("http:erp"),
            "summary": word("POST /orders for change order 12"),
            "request_hash": "h",
        },
    )
    runs.settle(db, f"e{run_id}", "uncertain" if uncertain else "applied", {"said": word("accepted")})
    calls.log_calls(
        db,
        [
            {
                "connector": connector,
                "run_id": run_id,
                "fetch_id": None,
                "method": "GET",
                "path": word("/rest/v1.1/projects/1/rfis/2"),
                "status": 200 if not error else 429,
                "duration_ms": 210,
                "request_id": word("req-7f"),
                "quota_left": 3412,
                "error": None,
                "lane": "webhook",
            }
        ],
    )
    return {state: run_id, **({"uncertain": effect.id} if uncertain else {}), "record": (connector, resource, record)}


def _import(db: Connection, word: Word) -> int:
    id = imports.add(db, "acme-prod", ["RFIs", "Submittals"], None, "full", word("user:ana"))
    imports.add_parts(db, id, [("RFIs", PROJECT, "", {}), ("Submittals", PROJECT, "", {})])
    counts = {"RFIs": {"new": 120, "changed": 4, "unchanged": 900, "deleted": 1, "calls": 12}}
    db.execute(
        update(Import)
        .where(Import.id == id)
        .values(state="failed", counts=counts, reason=word("Submittals: 403"), run_after=None)
    )
    db.execute(
        update(ImportPart).where(ImportPart.resource == "Submittals").values(state="failed", reason=word("403: the tool is off"))
    )
    return id


def _rest(db: Connection, word: Word) -> None:
    repair = repairs.begin(db, "acme-prod", "deliveries")
    items = [{"key": "k", "outcome": "unrepairable", "reason": word("discarded at Procore"), "resource": "RFIs", "id": "1"}]
    repairs.finish(db, repair, found=3, repaired=2, unrepairable=1, items=items, reason=None)
    for number in range(25):
        body = {"number": number, "subject": word(f"=Slab edge {number}"), "status": "open"}
        tables.upsert(
            db,
            "rfis",
            ("connector", "id"),
            {
                "connector": "acme-prod" if number % 5 else "north",
                "company_id": COMPANY,
                "project_id": PROJECT,
                "id": str(598134000100 + number),
                "updated_at": "2026-03-01T08:00:00Z",
                "fetched_at": "2026-03-01T08:00:01Z",
                "event_id": 1,
                "run_id": 1,
                "record_hash": "h",
                "body": body,
                "deleted_at": None,
            },
            version="updated_at",
        )
    operations.add(
        db, "retry", {"where": {"state": "failed", "text": word("429")}, "newest": 50}, word("user:ana"), why=word("it is back"),
        total=12, rate=5.0, canary=3,
    )  # fmt: skip
    announcements.configuration(db, "connector.created", "acme-prod", "user:ana", {"environment": "production"})
    found = {"ok": False, "wrong": [{"name": "webhooks", "seen": word("no hook")}], "before": []}
    announcements.configuration(db, "connector.validated", "acme-prod", "relay", found)
    audit.note(db, word("cli:ana"), "connector added", word("acme-prod"), {"company_id": word(COMPANY)})
    alive(db, word)
    approvals.ask(
        db,
        {
            "run_id": 1,
            "path": "do/0",
            "automation": "change-order-to-erp",
            "question": word("Post change order 12?"),
            "choices": ["approve", "reject"],
            "about": {"total": word("12,400.00")},
            "until": None,
        },
    )
    alerts.raise_(db, "silence", "rfi-to-database", word("rfi-to-database: no run within 24 h, although it is expected"))
    at = {"automation": "rfi-to-database", "trigger": "nightly", "zone": "America/Denver", "written": word("10 2 * * *")}
    schedules.keep(db, "rfi-to-database/nightly/America/Denver", at, dt.datetime.now(dt.UTC) + dt.timedelta(hours=5))
    db.execute(update(Schedule).values(created_at=now(-3 * 86_400), last_at=now(-86_400), reason=word("started run 7")))
    pauses.put(db, "backfill", word("Procore asked us to wait"), "user:ana", None)
    pauses.limit(db, "schedule", 2, word("the reports are heavy"), "user:ana")
    drains.put(db, f"worker:{word('host-2:4:ee55ff66')}", word("more memory"), "user:ana", ends=False)
    beats.beat(db, f"worker:{word('host-2:4:ee55ff66')}", "worker", {"slots": 8, "busy": 0, "drained": True, "place": "worker"})


def alive(db: Connection, word: Word = plain) -> None:
    """Relay and worker give a sign of life."""
    usage = [min(100, number * number // 60 % 90) for number in range(100)]
    about = {"memory_bytes": 183_000_000, "slots": 8, "busy": 3, "place": "worker", "usage": usage, "drained": False}
    beats.beat(db, f"relay:{word('host-1:7:aa11bb22')}", "relay", {"memory_bytes": 96_000_000})
    beats.beat(db, f"worker:{word('host-1:9:cc33dd44')}", "worker", about)
