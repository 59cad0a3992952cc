"""Traces: one event, its read, its run, the steps and their calls are one tree, sent by OTLP to a receiver on a socket."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sqlalchemy import Engine

from config import spans
from config.logs import Line, hide
from config.settings import Settings
from tests.workers.conftest import changed, fault
from tests.workers.rig import Rig, payload, rig

RULE = """
    format: 1
    id: tell-erp
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    do:
      - id: write
        use: db.upsert
        with: {table: rfis, row: "${record}"}
      - id: tell
        use: http.call
        foreach: ${[1, 2]}
        parallel: 2
        with:
          to: "http:sink"
          path: "/orders?key=planted-in-the-query"
          json: {id: "${record.id}"}
          idempotency_key: "${record.id}-${item}"
"""
ROOT = Path(__file__).parents[2]


class Receiver:
    """What was exported, as flat dicts."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.resources: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: Any) -> None:
                pass

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces"
                outer.take(ExportTraceServiceRequest.FromString(raw))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, request: Any) -> None:
        for group in request.resource_spans:
            self.resources.append(_values(group.resource.attributes))
            for scope in group.scope_spans:
                for one in scope.spans:
                    self.spans.append(
                        {
                            "name": one.name,
                            "trace": one.trace_id.hex(),
                            "id": one.span_id.hex(),
                            "parent": one.parent_span_id.hex(),
                            "failed": one.status.code == 2,
                            "why": one.status.message,
                            "about": _values(one.attributes),
                        }
                    )

    def named(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.spans if one["name"] == name]

    def one(self, name: str) -> dict[str, Any]:
        (found,) = self.named(name)
        return found


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Traces are on, and go there."""
    got = Receiver()
    thread = threading.Thread(target=got.server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", got.url)
    assert spans.start("worker")
    try:
        yield got
    finally:
        spans.stop()
        got.server.shutdown()
        got.server.server_close()
        thread.join()


@pytest.fixture
def one(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    with rig(engine, settings, far, tell=RULE) as made:
        yield made


def test_an_event_its_read_its_run_the_steps_and_their_calls_are_one_trace(receiver: Receiver, one: Rig, far: Any) -> None:
    one.deliver(payload(far, changed(far, title="Slab edge")))
    one.work()
    one.settle()
    spans.stop()
    (event,) = (found for found in receiver.named("event") if found["about"]["tieback.source"] == "webhook")
    read, run = receiver.one("read RFIs"), receiver.one("run tell-erp")
    write, tells = receiver.one("step db.upsert"), receiver.named("step http.call")
    get = next(call for call in receiver.named("GET") if "rfis" in call["about"]["url.path"])
    posts = [call for call in receiver.named("POST") if "sink" in call["about"]["url.path"]]
    assert {found["trace"] for found in (event, read, run, write, get, *tells, *posts)} == {event["trace"]}
    assert event["parent"] == ""
    assert read["parent"] == run["parent"] == event["id"]
    assert get["parent"] == read["id"]
    items = [tell for tell in tells if "tieback.item" in tell["about"]]
    assert {post["parent"] for post in posts} <= {tell["id"] for tell in tells}
    assert sorted(tell["about"]["tieback.item"] for tell in items) == [0, 1]
    assert write["parent"] == run["id"]
    # With the ids that the console and the log have
    assert run["about"] | {"tieback.attempt": 1} == run["about"]
    (row,) = one.rows("SELECT id, event_id FROM tieback_runs")
    assert (run["about"]["tieback.run"], run["about"]["tieback.automation"]) == (str(row["id"]), "tell-erp")
    assert run["about"]["tieback.event"] == read["about"]["tieback.event"] == event["about"]["tieback.event"] == row["event_id"]
    assert event["about"]["tieback.connector"] == run["about"]["tieback.connector"] == "acme"
    assert write["about"]["tieback.step"] == "write"
    assert write["about"]["tieback.state"] == "ok"
    assert get["about"]["http.response.status_code"] == 200
    assert receiver.resources[0]["service.name"] == "tieback"
    assert receiver.resources[0]["tieback.role"] == "worker"
    # The row carries it
    (row,) = one.rows("SELECT traceparent FROM tieback_events WHERE source = 'webhook'")
    assert row["traceparent"].startswith(f"00-{event['trace']}-{event['id']}-")


def test_the_lines_of_the_log_have_the_same_ids_and_the_trace(
    receiver: Receiver, one: Rig, far: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(Line().format(record)))

    keep = Keep()
    logging.getLogger("tieback").addHandler(keep)
    caplog.set_level("INFO", "tieback")
    try:
        one.deliver(payload(far, changed(far, title="Slab edge")))
        one.work()
        one.settle()
    finally:
        logging.getLogger("tieback").removeHandler(keep)
    spans.stop()
    by_event = {line["event"]: line for line in lines}
    (row,) = one.rows("SELECT id, event_id FROM tieback_runs")
    for name in ("event.sorted", "run.ok"):
        assert by_event[name]["event_id"] == row["event_id"]
        assert by_event[name]["connector"] == "acme"
    assert (by_event["run.ok"]["run"], by_event["run.ok"]["automation"]) == (row["id"], "tell-erp")
    assert by_event["record.read"]["connector"] == "acme"
    assert by_event["run.ok"]["trace_id"] == by_event["record.read"]["trace_id"] == receiver.one("run tell-erp")["trace"]


def test_no_query_and_no_secret_is_in_a_span(receiver: Receiver, one: Rig, far: Any) -> None:
    hide("Slab-edge-as-a-secret")
    one.deliver(payload(far, changed(far, title="Slab-edge-as-a-secret")))
    one.work()
    one.settle()
    spans.stop()
    assert receiver.spans
    assert "planted-in-the-query" not in str(receiver.spans)
    assert "Slab-edge-as-a-secret" not in str(receiver.spans)
    assert far.world.tokens.client_secret not in str(receiver.spans)


def test_what_fails_is_marked_and_tried_again_in_the_same_trace(receiver: Receiver, one: Rig, far: Any) -> None:
    fault(far, "sink", sink="erp", mode="error_500", for_s=60)
    one.deliver(payload(far, changed(far, title="Slab edge")))
    one.work()
    one.settle(2)
    spans.stop()
    runs = receiver.named("run tell-erp")
    assert len(runs) > 1
    assert len({run["trace"] for run in runs}) == 1
    failed = [call for call in receiver.named("POST") if call["about"].get("http.response.status_code") == 500]
    assert failed
    assert all(call["failed"] and call["why"] == "500" for call in failed)
    assert any(step["failed"] for step in receiver.named("step http.call"))


def test_a_receiver_that_is_away_stops_no_work(one: Rig, far: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    assert spans.start("worker")
    one.deliver(payload(far, changed(far, title="Slab edge")))
    one.work()
    one.settle()
    spans.stop()
    assert [run["state"] for run in one.runs()] == ["ok"]


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_while_they_are_off_nothing_that_traces_is_imported_and_no_row_carries_anything(
    env: dict[str, str], one: Rig, far: Any
) -> None:
    look = (
        "import sys; from config import spans; import workers.execute, connectors.http, console.app; on = spans.start('worker'); "
        "print(on, [name for name in sys.modules if name.startswith(('opentelemetry.sdk.trace', 'opentelemetry.exporter'))])"
    )
    said = subprocess.run([sys.executable, "-c", look], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert said.stdout == "False []\n"
    one.deliver(payload(far, changed(far, title="Slab edge")))
    one.work()
    one.settle()
    assert {row["traceparent"] for row in one.rows("SELECT traceparent FROM tieback_events")} == {None}


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry.py").write_text("raise ImportError('No module named opentelemetry')\n")
    look = "from config import logs, spans; logs.start('INFO'); print(spans.start('worker'))"
    env = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    said = subprocess.run([sys.executable, "-c", look], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
    assert "pip install 'tieback[otel]'" in said.stderr
