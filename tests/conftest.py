"""What every test may ask for: a store on SQLite, and (marked `services`) the same on PostgreSQL, Redis and RabbitMQ."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from config.settings import Settings, load
from store.session import open_engine
from tests import services, stores
from workers.keeper import Keeper

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
# Everything that tests write is thrown away. In memory no commit waits for a disk, which is half of the time otherwise;
# what a killed process or server had written is there as well.
MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 4 << 30
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

# How fast an example is says something about the machine, not about us.
hypothesis.settings.register_profile("house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("house")


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Hears warnings and what is worse, whatever another test of this process did to the logs."""
    root = logging.getLogger()
    level, off = root.level, root.manager.disable
    ours = [
        one for name, one in root.manager.loggerDict.items() if name.startswith("tieback") and isinstance(one, logging.Logger)
    ]
    for one in ours:
        one.disabled, one.propagate = False, True
    logging.disable(logging.NOTSET)
    root.setLevel(min(level, logging.WARNING))
    yield caplog
    root.setLevel(level)
    logging.disable(off)


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
def fresh_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a new, empty PostgreSQL database."""
    server: services.Server = request.getfixturevalue("postgresql")
    name = f"t{uuid.uuid4().hex[:12]}"
    _administer(server, f"CREATE DATABASE {name}")
    yield server.url.rsplit("/", 1)[0] + f"/{name}"
    with contextlib.suppress(OperationalError):  # a test may have stopped the server
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(server: services.Server, statement: str) -> None:
    admin = create_engine(server.url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with admin.connect() as db:
        db.execute(text(statement))
    admin.dispose()


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
    stores.furnish(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def keeper(engine: Engine) -> Iterator[Keeper]:
    """What holds the leases of a worker."""
    one = Keeper(engine)
    yield one
    one.stop()
