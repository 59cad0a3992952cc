"""The same with n8n, as its users build it: Webhook that answers at once, HTTP Request, Postgres with the same upsert.

The credential and the workflow are what `n8n import:credentials` and `n8n import:workflow` read. No node has code in it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

WORKFLOW = "keep"
TABLE = "n8n_rfis"
UPSERT = f"""
INSERT INTO {TABLE} (id, project_id, updated_at, body) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE
SET project_id = excluded.project_id, updated_at = excluded.updated_at, body = excluded.body
WHERE {TABLE}.updated_at < excluded.updated_at
"""
VALUES = "={{ [String($json.id), $('Webhook').item.json.body.project_id, $json.updated_at, JSON.stringify($json)] }}"


def credentials(database: str) -> list[dict[str, Any]]:
    """How the Postgres node reaches the database of this URL, with up to 16 connections as Node-RED's pool."""
    url = urlsplit(database)
    data = {
        "host": url.hostname, "port": url.port, "database": url.path.lstrip("/"), "user": url.username, "password": "",
        "maxConnections": 16, "ssl": "disable",
    }  # fmt: skip
    return [{"id": "rows", "name": "rows", "type": "postgres", "data": data}]


def workflow(procore: str, headers: dict[str, str], path: str) -> list[dict[str, Any]]:
    """What a POST to `path` starts: one run for each event."""
    record = "/rest/v1.0/projects/{{ $json.body.project_id }}/rfis/{{ $json.body.resource_id }}"
    sent = {"parameters": [{"name": name, "value": value} for name, value in headers.items()]}
    nodes = [
        _node("Webhook", "webhook", 2, {
            "httpMethod": "POST", "path": path, "responseMode": "onReceived",
            "options": {"responseCode": {"values": {"responseCode": 204}}, "noResponseBody": True},
        }),
        _node("Read", "httpRequest", 4.2, {"url": f"={procore}{record}", "sendHeaders": True, "headerParameters": sent}),
        _node("Write", "postgres", 2.5, {
            "operation": "executeQuery", "query": UPSERT, "options": {"queryReplacement": VALUES},
        }),
    ]  # fmt: skip
    nodes[0]["webhookId"] = path
    nodes[2]["credentials"] = {"postgres": {"id": "rows", "name": "rows"}}
    wires = {one["name"]: {"main": [[{"node": next_["name"], "type": "main", "index": 0}]]} for one, next_ in pairwise(nodes)}
    return [{
        "id": WORKFLOW, "name": WORKFLOW, "active": False, "nodes": nodes, "connections": wires,
        "settings": {"executionOrder": "v1"},
    }]  # fmt: skip


def _node(name: str, kind: str, version: float, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name, "name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": version, "position": [0, 0],
        "parameters": parameters,
    }  # fmt: skip
