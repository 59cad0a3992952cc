"""Servers that a program needs: a database that was named, or a throw-away one; and what is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests import services

SERVERS = {
    "postgresql": ("pg_ctl", "/usr/lib/postgresql/*/bin/pg_ctl"),
    "redis": ("redis-server",),
}


def missing(*servers: str) -> str:
    """What is not installed of these, in a sentence; '' when all is there."""
    for server in servers:
        try:
            services.program(*SERVERS[server])
        except AssertionError as error:
            return str(error)
    return ""


@contextmanager
def database(given: str = "") -> Iterator[str]:
    """The URL of `given`, or of a PostgreSQL of its own that goes away."""
    if given:
        yield given
        return
    with services.postgresql(connections=200) as server:
        yield server.url


def another(url: str, name: str) -> str:
    """A new, empty database on the same server; returns its URL."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"'.encode())
    return url.rsplit("/", 1)[0] + f"/{name}"
