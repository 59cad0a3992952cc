"""All that is known after a run, as plain data: what the checker reads, and what is kept of a run that failed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.crash.lab.settle import database

Row = dict[str, Any]
QUERIES = {
    "deliveries": "SELECT id, delivery_key, state, reason, raw, received_at FROM tieback_deliveries WHERE hook_key <> 'config'",
    "events": "SELECT id, event_key, delivery_id, state, created_at, purged_at FROM tieback_events WHERE source = 'webhook'",
    "runs": "SELECT id, event_id, automation, state, reason, attempt, fence, lost, created_at, finished_at FROM tieback_runs",
    "steps": "SELECT run_id, path, state, attempt, error, finished_at FROM tieback_steps",
    "effects": "SELECT effect_key, run_id, step, policy, state, fence, created_at, settled_at FROM tieback_effects",
    "audit": "SELECT at, actor, verb, subject FROM tieback_audit",
    "versions": "SELECT a.name, a.broken, v.source FROM tieback_automations a JOIN tieback_versions v ON v.id = a.version_id",
    "counters": "SELECT name, value FROM tieback_counters",
    "kept": "SELECT event, run FROM kept",
    "rfis": "SELECT id, body FROM rfis",
}


@dataclass
class Evidence:
    """`settled_s` None: something was still waiting when patience ended. `target` has what each sink received.

    `health`: what `/readyz` said when; `still`: from when until when no worker was at work; `sizes`: what each process held in
    the end; `limited`: how often the far end answered 429.
    """

    run: str
    profile: str
    sent: list[Row]
    attempts: list[Row]
    tables: dict[str, list[Row]]
    target: dict[str, list[Row]]
    foreign: int
    states: dict[str, str]
    settled_s: float | None
    unfinished: dict[str, int]
    promised: list[tuple[float, str, str]]
    retried: list[int]
    edition: int
    probes: dict[str, int]
    logged: dict[str, int]
    leaked: list[str]
    integrity: str
    faults: list[tuple[float, str]] = field(default_factory=list)
    health: list[tuple[float, bool]] = field(default_factory=list)
    still: list[tuple[float, float]] = field(default_factory=list)
    sizes: list[Row] = field(default_factory=list)
    limited: int = 0

    def keep(self, folder: Path) -> None:
        (folder / "evidence.json").write_text(json.dumps(asdict(self), default=str, indent=1))


def tables(url: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    with database(url) as db:
        there = _there(db)
        for name, query in QUERIES.items():
            needs = name if name in ("kept", "rfis") else "tieback_runs"
            rows = db.execute(text(query)) if needs in there else ()
            found[name] = [{key: _plain(value) for key, value in row._mapping.items()} for row in rows]
    return found


def integrity(url: str) -> str:
    if not url.startswith("sqlite"):
        return "ok"
    with database(url) as db:
        return str(db.scalar(text("PRAGMA integrity_check")))


def _there(db: Any) -> set[str]:
    from sqlalchemy import inspect

    return set(inspect(db).get_table_names())


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, (int, float, str, bool, type(None), dict, list)):
        return value
    return str(value)


def probes(path: Path) -> dict[str, int]:
    if not path.exists():
        return {}
    return dict(Counter(line.split(" ", 2)[2] for line in path.read_text().splitlines() if line.count(" ") >= 2))


def logged(path: Path) -> dict[str, int]:
    """How often each event stands in the log, and lines that are none of ours."""
    found: Counter[str] = Counter()
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            found[str(json.loads(line)["event"])] += 1
        except (ValueError, KeyError, TypeError):
            found["~other"] += bool(line.strip())
        if "database is locked" in line:
            found["~locked"] += 1
    return dict(found)


def leaked(path: Path, secrets: list[str]) -> list[str]:
    said = path.read_bytes()
    return [f"secret {number + 1}" for number, secret in enumerate(secrets) if secret.encode() in said]
