"""A served simulator, a caller that is signed in, and a receiver of webhooks: all over real sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from simulator.app import Running, serve


class Caller(requests.Session):
    """Talks to one simulator as a stranger's client would."""

    def __init__(self, sim: Running) -> None:
        super().__init__()
        self.sim, self.company, self.project = sim, sim.company_id, sim.project_id
        self.trust_env = False
        self.headers["Procore-Company-Id"] = str(self.company)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        path = url.replace("{c}", str(self.company)).replace("{p}", str(self.project))
        return super().request(method, self.sim.url + path, *args, **{"timeout": 10, **kwargs})

    def sign_in(self) -> Caller:
        tokens = self.sim.world.tokens
        wish = {
            "grant_type": "client_credentials",
            "client_id": tokens.client_id,
            "client_secret": tokens.client_secret,
        }
        self.headers["Authorization"] = "Bearer " + self.post("/oauth/token", data=wish).json()["access_token"]
        return self

    def subscribe(self, url: str, *triggers: str, version: str = "v4.0", scope: str = "/projects/{p}") -> str:
        """A hook at `url` with triggers such as "RFIs update"; answers its id."""
        prefix = "/rest/v2.0/companies/{c}" + scope + "/webhooks/hooks"
        wish = {
            "payload_version": version,
            "namespace": "acme-" + version[:2],
            "destination_url": url,
            "destination_headers": {"Authorization": "Bearer s3cr3t-abcde"},
        }
        hook = str(self.post(prefix, json=wish).json()["data"]["id"])
        wishes = [dict(zip(("resource_name", "event_type"), one.rsplit(" ", 1), strict=True)) for one in triggers]
        assert self.post(f"{prefix}/{hook}/triggers/bulk", json=wishes).status_code == 201
        return hook


class Receiver:
    """Keeps what is delivered; answers with the next of `statuses`, then with 204."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.delay_s = 0.0
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(json.loads(body))
                receiver.headers.append(dict(self.headers))
                receiver.times.append(time.monotonic())
                time.sleep(receiver.delay_s)
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def running(**options: Any) -> Iterator[Caller]:
    with serve(**{"spike": 100_000, "hourly": 1_000_000} | options) as sim, Caller(sim) as caller:
        yield caller.sign_in()


@pytest.fixture(scope="session")
def shared() -> Iterator[Caller]:
    """For tests that change nothing."""
    with running() as caller:
        yield caller


@pytest.fixture
def fresh() -> Iterator[Caller]:
    """A simulator of one's own, whose sender waits a thousandth of the time."""
    with running(time_scale=1000) as caller:
        yield caller


@pytest.fixture
def start() -> Iterator[Callable[..., Caller]]:
    """Starts simulators with the options of the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running(**options))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def until(holds: Callable[[], Any], patience_s: float = 5.0) -> Any:
    """Wait until it holds, and answer what it said."""
    end = time.monotonic() + patience_s
    while not (said := holds()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return said
