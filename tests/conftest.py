"""What every test may ask for: a store on SQLite, and (marked `services`) the same on PostgreSQL, Redis and RabbitMQ."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from config.settings import Settings, load
from store import migrate
from store.session import open_engine
from tests import services

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[services.Server]:
    with services.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[services.Server]:
    with services.redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[services.Server]:
    with services.rabbitmq() as server:
        yield server


@pytest.fixture
def fresh_database(request: pytest.FixtureRequest) -> str:
    """The URL of a new, empty PostgreSQL database."""
    server: services.Server = request.getfixturevalue("postgresql")
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = create_engine(server.url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with admin.connect() as db:
        db.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return server.url.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of an empty site with a database of its own, once per kind of database."""
    env = {"TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": str(tmp_path / "site")}
    if request.param == "postgresql":
        env["TIEBACK_DATABASE_URL"] = request.getfixturevalue("fresh_database")
    (tmp_path / "site").mkdir()
    return load(env, tmp_path)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """The migrated store."""
    engine = open_engine(settings)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()
