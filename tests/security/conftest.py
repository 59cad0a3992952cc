"""Fixtures of the neighbours, and a marker that no output may hold in any form."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest

from config import hiding, logs
from connectors import http
from tests.connectors.conftest import wire as wire
from tests.console.conftest import clean_env as clean_env
from tests.console.conftest import procore as procore
from tests.console.conftest import program as program
from tests.console.conftest import secret_file as secret_file
from tests.console.conftest import tieback as tieback
from tests.workers.conftest import far as far


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test begins with nothing hidden, so that what it plants is found only where the program hides it."""
    monkeypatch.setattr(hiding, "_known", {})
    monkeypatch.setattr(hiding, "_forms", ())
    yield
    http.close_sessions()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Whatever is logged from DEBUG on, in our form."""
    root = logging.getLogger()
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logs.Line())
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.stream
    root.removeHandler(handler)
    root.setLevel(level)


def written(secret: str) -> list[str]:
    """How a secret may stand in a text, written down here once more and not taken from the program."""
    found = [secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret), quote(secret, safe=""), quote_plus(secret)]
    return [*found, html.escape(secret), secret.encode().hex(), secret.encode().hex().upper()]


def packed(secret: str) -> list[str]:
    """The same inside longer base64 texts, at each of the three places where it can begin."""
    whole = [before + secret.encode() + b"zz" for before in (b"", b"a", b"ab")]
    return [text for one in whole for text in (base64.b64encode(one).decode(), base64.urlsafe_b64encode(one).decode())]


def leaks(text: str, secret: str) -> list[str]:
    """Which forms of the secret the text holds."""
    # What stands at the ends of a base64 text depends on its neighbours.
    return [form for form in (*written(secret), *(one[4:-6] for one in packed(secret))) if form in text]
