"""The automations of a run, and the bodies that are sent.

Each event concerns four automations, so that every way to have an effect is under test at once: a mirrored record, a call
with a key that the far end knows, a call that nothing can tell apart, and a row with a counter in our own database.
"""

from __future__ import annotations

import json
from typing import Any

from tests.crash.lab.plan import Sent

RULES = ("mirror", "keyed", "once", "kept")
_HEAD = """\
format: 1
id: {id}
title: edition {edition}
stage: live
when:
  - webhook: {{connector: acme, resource: RFIs, actions: [update]}}
retry: {{attempts: 20, backoff: fixed, first: 1s}}
"""
_STEPS = {
    "mirror": """\
do:
  - id: write
    use: db.upsert
    with: {table: rfis, row: "${record}", version: "${record.updated_at}", if_newer: true}
""",
    "keyed": """\
do:
  - id: tell
    use: http.call
    with: {to: "http:keyed", method: POST, path: /rfis, idempotency_key: "k-${event.key}",
           json: {event: "${event.key}"}, expect: [200, 409]}
""",
    "once": """\
do:
  - id: tell
    use: http.call
    with: {to: "http:once", method: POST, path: /rfis, json: {event: "${event.key}"}}
""",
    "kept": """\
do:
  - id: row
    use: db.upsert
    with: {table: kept, key: [event], row: {event: "${event.key}", run: "${run.id}"}}
  - id: count
    use: metrics.count
    with: {name: kept}
""",
}
POISON = (
    '{{"id": "{id}", "broken',
    '{{"id": "{id}", "deep": ' + "[" * 400 + "]" * 400 + "}}",
    '{{"id": "{id}", "text": "a\\u0000b"}}',
    '{{"id": "{id}", "number": NaN}}',
    '{{"id": "{id}", "id": "twice"}}',
    '"{id}"',
    '{{"id": "{id}", "half": "\\ud800"}}',
)


def rule(name: str, edition: int = 1) -> str:
    return _HEAD.format(id=name, edition=edition) + _STEPS[name]


def sink(name: str, url: str) -> str:
    """`timeout` is short so that a slow far end applies after we gave up."""
    return f"format: 1\nkind: http\nname: {name}\nurl: {url}/_sim/sink/{name}\nprivate: true\ntimeout: 1.5s\n"


def body(one: Sent, company: Any, project: Any, record: str, stamp: str) -> bytes:
    if one.kind == "poison":
        return POISON[int(one.id[-6:]) % len(POISON)].format(id=one.id).encode()
    if one.version == "v4.0":
        said: dict[str, Any] = {
            "id": one.id, "timestamp": stamp, "reason": "update", "company_id": str(company), "project_id": str(project),
            "user_id": "1", "resource_type": "RFIs", "resource_id": record,
        }  # fmt: skip
    else:
        said = {
            "id": int(one.id[-6:]), "ulid": one.id, "timestamp": stamp, "event_type": "update", "company_id": company,
            "project_id": project, "user_id": 1, "resource_name": "RFIs", "resource_id": int(record),
            "api_version": one.version[:2], "metadata": {"source_user_id": 1},
        }  # fmt: skip
    return json.dumps(said).encode()
