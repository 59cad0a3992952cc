"""The least that does the work on the same parts: a Flask view that sends one message, an actor that fetches and upserts.

Nothing is kept before the answer, nothing is retried, no quota is watched, nobody sees what happened. `RAW_*` in the
environment says where things are.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

import dramatiq
import psycopg
import requests
from dramatiq.brokers.redis import RedisBroker
from flask import Flask, Response, request

TABLE = "CREATE TABLE IF NOT EXISTS raw_rfis (id text PRIMARY KEY, project_id text, updated_at text, body jsonb)"
UPSERT = """
INSERT INTO raw_rfis (id, project_id, updated_at, body) VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO UPDATE
SET project_id = excluded.project_id, updated_at = excluded.updated_at, body = excluded.body
WHERE raw_rfis.updated_at < excluded.updated_at
"""

broker = RedisBroker(url=os.environ.get("RAW_REDIS", "redis://127.0.0.1:6379/0"))  # type: ignore[no-untyped-call]
dramatiq.set_broker(broker)
own = threading.local()


@dramatiq.actor
def keep(project_id: str, id: str) -> None:
    if not hasattr(own, "session"):
        own.session = requests.Session()
        own.session.headers.update(json.loads(os.environ["RAW_HEADERS"]))
        own.db = psycopg.connect(os.environ["RAW_DATABASE"], autocommit=True)
    reply = own.session.get(f"{os.environ['RAW_PROCORE']}/rest/v1.0/projects/{project_id}/rfis/{id}", timeout=30)
    reply.raise_for_status()
    record: dict[str, Any] = reply.json()
    own.db.execute(UPSERT, (id, project_id, record["updated_at"], json.dumps(record)))


def door() -> Flask:
    app = Flask("raw")

    @app.post("/webhooks/<key>")
    def take(key: str) -> Response:
        event = json.loads(request.get_data())
        keep.send(event["project_id"], event["resource_id"])
        return Response(status=204)

    return app
