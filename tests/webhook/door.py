"""A door on a free port of the loopback, and a client that writes bytes as they are."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from config import settings
from config.secrets import Box, Secret
from config.settings import Settings
from store import hooks
from store.models import Delivery
from store.session import open_engine, reading, writing
from tests import stores
from webhook.app import close, create_app, front
from webhook.serve import Server

SECRET = "Bearer the-whole-authorization-value-0123456789"
COMPANY = "8"

Headers = dict[str, str | None] | None


@dataclass
class ListeningBell:
    """A doorbell that remembers what was rung."""

    rung: list[tuple[str, list[int], str]] = field(default_factory=list)

    def ring(self, actor: str, ids: list[int], lane: str = "webhook") -> None:
        self.rung.append((actor, list(ids), lane))

    @property
    def ids(self) -> list[int]:
        return sorted(id for _, ids, _ in self.rung for id in ids)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Door:
    """What a test holds of a running door."""

    engine: Engine
    box: Box
    bell: ListeningBell
    settings: Settings
    app: Any
    server: Server
    listener: socket.socket
    key: str

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.listener.getsockname()[:2]
        return str(host), int(port)

    def post(self, body: bytes, headers: Headers = None, *, path: str | None = None) -> Answer:
        """A well-formed POST; `headers` replace ours, and None as a value leaves one out."""
        return self.send(request("POST", path or f"/webhooks/{self.key}", body, headers))

    def send(self, *parts: bytes, timeout_s: float = 15) -> Answer:
        """Write bytes as they are, read one answer."""
        with self.connect(timeout_s) as sock:
            for part in parts:
                sock.sendall(part)
            return read_answer(sock)

    def connect(self, timeout_s: float = 15) -> socket.socket:
        return socket.create_connection(self.address, timeout=timeout_s)

    def kept(self) -> list[Any]:
        with reading(self.engine) as db:
            return list(db.execute(select(Delivery.__table__).order_by(Delivery.id)))

    def add_hook(self, connector: str, *, company: str = COMPANY, project: str = "", secret: str = SECRET) -> str:
        with writing(self.engine) as db:
            return hooks.ensure(db, self.box, connector, company, project, Secret(secret))

    def know_hooks(self) -> None:
        """Have them read a second ago: for another one those that are recognised wait for nothing, and a refusal looks again."""
        table = self.app.extensions["tieback.receiver"]._hooks
        table._read()
        table._read_at -= 1

    def stop(self) -> None:
        self.server.stop()
        self.listener.close()
        close(self.app)
        self.engine.dispose()


def open_door(folder: Path, *, bell: Any = None, env: dict[str, str] | None = None) -> Door:
    """A migrated SQLite store in `folder`, one hook of company 8, and a serving door."""
    keys = {"TIEBACK_SECRET_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode()}
    given = settings.load(keys | (env or {}), folder)
    engine = open_engine(given)
    stores.furnish(engine)
    box = Box(given.secret_keys)
    bell = bell if bell is not None else ListeningBell()
    app = create_app(engine, box, bell, given)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = Server(front(app, given), listener)
    door = Door(engine, box, bell, given, app, server, listener, "")
    door.key = door.add_hook("acme")
    server.start()
    return door


def deliver(app: Any, given: Settings, key: str, sent: bytes, secret: str = SECRET, kind: str = "application/json") -> int:
    """One delivery without a socket, in a loop of its own; the status it is answered with."""
    answers: list[dict[str, Any]] = []
    headers = [(b"authorization", secret.encode()), (b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "path": f"/webhooks/{key}", "headers": headers, "client": ("127.0.0.1", 1)}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent}

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    asyncio.run(front(app, given)(scope, receive, send))
    status: int = answers[0]["status"]
    return status


def request(method: str, path: str, body: bytes = b"", headers: Headers = None) -> bytes:
    wanted = {"Host": "door", "Authorization": SECRET, "Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in (wanted | (headers or {})).items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body


def chunked(body: bytes, size: int = 4096) -> bytes:
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def read_answer(sock: socket.socket) -> Answer:
    """One answer. Raises: ConnectionError when the door closed without one."""
    seen = b""
    while not seen.endswith(b"\r\n\r\n"):
        seen += _some(sock, 1)  # what follows may be the next answer
    head, body = seen[:-4], b""
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += _some(sock, int(headers["content-length"]) - len(body))
    return Answer(int(first.split()[1]), headers, body)


def _some(sock: socket.socket, most: int) -> bytes:
    part = sock.recv(most)
    if not part:
        raise ConnectionError("closed without an answer")
    return part


def event(**changes: Any) -> dict[str, Any]:
    """A payload v4.0 of company 8, as Procore's documentation shows it."""
    shown = {
        "id": "01JMYXMZRBVKK0PC6XS8SA4QRE", "timestamp": dt.datetime.now(dt.UTC).isoformat(), "reason": "update",
        "company_id": "8", "project_id": "6778", "user_id": "5447",
        "resource_type": "Direct Cost Line Items", "resource_id": "379913",
    }  # fmt: skip
    return shown | changes


def body(**changes: Any) -> bytes:
    return json.dumps(event(**changes)).encode()


def together(count: int, job: Any, arguments: Sequence[Any]) -> list[Any]:
    """Run `job(argument)` for all arguments in `count` threads that begin at once; the results, in no order."""
    waiting, results, start = list(arguments), [], threading.Barrier(count)

    def work() -> None:
        start.wait()
        while True:
            try:
                argument = waiting.pop()
            except IndexError:
                return
            results.append(job(argument))

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
