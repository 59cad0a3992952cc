"""The console on a socket of its own over a filled store, and a browser without a window for tests that need none."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from sqlalchemy import Engine

from config.secrets import Box
from config.settings import Settings, load
from console import passwords
from console.app import create_app
from console.verbs.at_hand import AtHand
from store import users
from store.session import open_engine, writing
from tests import stores
from tests.conftest import KEY
from tests.console.web import world
from webhook.front import Front
from webhook.serve import Server

PASSWORD = "correct horse battery staple"
# A cost that tests can pay many times; what it is in earnest is asserted where it matters.
CHEAP = passwords.digest(PASSWORD, (16, 8, 1))


@dataclass
class Served:
    url: str
    engine: Engine
    box: Box
    here: AtHand

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def person(self, name: str, role: str, companies: list[str] | None = None) -> None:
        with writing(self.engine) as db:
            users.add(db, name, role, companies, CHEAP)


@contextmanager
def served(settings: Settings, engine: Engine, at: socket.socket | None = None) -> Iterator[Served]:
    """`at` is a socket that listens already, for who must know the address before."""
    with at or socket.create_server(("127.0.0.1", 0)) as sock:
        here = AtHand(settings, engine, "console")
        server = Server(Front(create_app(here), settings, threads=4), sock)
        server.start()
        try:
            yield Served(f"http://127.0.0.1:{sock.getsockname()[1]}", engine, Box(settings.secret_keys), here)
        finally:
            server.stop()


@contextmanager
def over_a_week(folder: Path, word: world.Word = world.plain) -> Iterator[tuple[Served, dict[str, Any]]]:
    """A console over a week of work in a new store, and ids of what is in it. `word` changes every text from outside."""
    (folder / "site").mkdir()
    given = load({"TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": str(folder / "site")}, folder)
    engine = open_engine(given)
    stores.furnish(engine)
    ids = world.fill(engine, Box(given.secret_keys), word)
    with served(given, engine) as one:
        yield one, ids
    engine.dispose()


@dataclass(frozen=True)
class Page:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def token(self) -> str:
        found = re.search(r'name="form_token" value="([0-9a-f]{64})"', self.text)
        assert found is not None, self.text[:2000]
        return found[1]

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


@dataclass
class Visitor:
    """Keeps cookies as a browser does, sends what it is told, follows nothing."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Page:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Page:
        """As the browser sends a form of ours, with the token when one is among `form`."""
        usual = {"Origin": self.url, "Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(form or {}).encode(), {**usual, **(headers or {})})

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Page:
        host = urlsplit(self.url).netloc
        connection = http.client.HTTPConnection(host, timeout=20)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        connection.request(method, path, body, {**sent, **(headers or {})})
        answer = connection.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        connection.close()
        return Page(answer.status, {name.lower(): value for name, value in answer.headers.items()}, text)

    def sign_in(self, name: str, password: str = PASSWORD, code: str = "", next: str = "/") -> Page:
        form = self.get("/sign-in")
        return self.post("/sign-in", {"form_token": form.token, "name": name, "password": password, "code": code, "next": next})

    def token(self, path: str = "/account") -> str:
        return self.get(path).token
