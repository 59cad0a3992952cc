"""Bring the database to the schema of this code: Alembic, under a lock, expand first."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from config.errors import ConfigError
from config.settings import Settings
from store.session import explain, reading, writing


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def head() -> str:
    """The revision this code expects."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def current(engine: Engine) -> str | None:
    """The revision the database has; None for an empty one."""
    with reading(engine) as db:
        return MigrationContext.configure(db).get_current_revision()


def upgrade(engine: Engine) -> bool:
    """Migrate to head; True when there was something to do. Several processes may call this at once."""
    if current(engine) == head():
        return False
    with writing(engine) as db:
        _lock(db)
        config = _config()
        config.attributes["connection"] = db
        command.upgrade(config, "head")
    return True


def _lock(db: Connection) -> None:
    if db.dialect.name == "postgresql":
        db.execute(text("SET LOCAL lock_timeout = '30s'"))
        db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("tieback migrate", 0))))


def ready(engine: Engine, settings: Settings) -> None:
    """Migrate, or say in a sentence why the database cannot be used. Raises: ConfigError."""
    try:
        upgrade(engine)
    except CommandError as error:
        raise ConfigError(
            f"the database was made by another version of Tieback ({error}). Upgrade Tieback, or restore a backup."
        ) from None
    except DBAPIError as error:
        raise ConfigError(explain(error, settings)) from None
