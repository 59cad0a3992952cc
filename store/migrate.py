"""Bring the database to the schema of this code: Alembic, under a lock, expand first."""

from __future__ import annotations

import functools
import json
import logging
import random
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from config.errors import ConfigError
from config.logs import about
from config.settings import Settings
from store.definitions import fact, set_fact
from store.migrations.indexes import LOCK_TIMEOUT
from store.session import explain, reading, writing

log = logging.getLogger("tieback.store")

SERVES = "schema_serves"
TRIES = 20


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


@functools.cache
def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def head() -> str:
    """The revision this code expects."""
    revision = _script().get_current_head()
    assert revision is not None
    return revision


def current(engine: Engine) -> str | None:
    """The revision the database has; None for an empty one."""
    with reading(engine) as db:
        return MigrationContext.configure(db).get_current_revision()


def upgrade(engine: Engine) -> bool:
    """Migrate to head; True when there was something to do. Several processes may call this at once."""
    if current(engine) == head() and _serves(engine) == serving():
        return False
    if engine.dialect.name == "postgresql":
        _one_by_one(engine)
    else:
        with writing(engine) as db:
            _to_head(db)
    with writing(engine) as db:
        _note(db)
    return True


def _to_head(db: Connection) -> None:
    config = _config()
    config.attributes["connection"] = db
    command.upgrade(config, "head")


def _one_by_one(engine: Engine) -> None:
    """Each migration in a transaction of its own, under a lock that all who start wait for.

    One that cannot have a table within three seconds lets those go on that stood behind it, and tries again.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as alone:
        # Asked again and again: who waits inside a statement would itself be waited for by an index that is being built.
        while not alone.scalar(text("SELECT pg_try_advisory_lock(hashtextextended('tieback migrate', 0))")):
            time.sleep(0.2)
        try:
            for left in reversed(range(TRIES)):
                try:
                    with engine.connect() as db:
                        db.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
                        db.commit()
                        _to_head(db)
                        db.execute(text("RESET lock_timeout"))
                        db.commit()
                    return
                except OperationalError as error:
                    if getattr(error.orig, "sqlstate", None) != "55P03" or not left:
                        raise
                    time.sleep(random.uniform(1.0, 3.0))  # noqa: S311 (jitter, no secret)
        finally:
            alone.execute(text("SELECT pg_advisory_unlock(hashtextextended('tieback migrate', 0))"))


def serving() -> list[str]:
    """The revisions whose code works on the schema of this one: back to the last migration that did more than expand."""
    script = _script()
    found, at = [head()], script.get_revision(head())
    while at is not None and at.module.expands and isinstance(at.down_revision, str):
        found.append(at.down_revision)
        at = script.get_revision(at.down_revision)
    return found


def serves(engine: Engine) -> bool:
    """Whether this code can work on the database as it is: its own schema, or a newer one that only expanded it."""
    return current(engine) == head() or head() in _serves(engine)


def _serves(engine: Engine) -> list[str]:
    """What the code that migrated last noted, its own revision first. Empty when nobody has noted anything of this schema."""
    if (seen := current(engine)) is None:
        return []
    with reading(engine) as db:
        noted: list[str] = json.loads(fact(db, SERVES, "[]"))
    return noted if noted[:1] == [seen] else []


def _note(db: Connection) -> None:
    set_fact(db, SERVES, json.dumps(serving()))


def ready(engine: Engine, settings: Settings) -> None:
    """Migrate, or say in a sentence why the database cannot be used. Raises: ConfigError."""
    try:
        if _is_ahead(engine):
            return
        upgrade(engine)
    except CommandError as error:
        raise ConfigError(
            f"the database was made by another version of Tieback ({error}). Upgrade Tieback, or restore a backup."
        ) from None
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":
            raise ConfigError(
                "the database could not be migrated: some transaction holds a table for longer than a change of it may wait. End "
                "it (SELECT * FROM pg_stat_activity WHERE xact_start < now() - interval '1 minute'), then start again."
            ) from None
        raise ConfigError(explain(error, settings)) from None


def _is_ahead(engine: Engine) -> bool:
    """True when a newer version has migrated already, and this one can go on. Raises: ConfigError when it cannot."""
    seen = current(engine)
    if seen in (None, *known()):
        return False
    if head() in _serves(engine):
        log.warning("schema.newer", extra=about(here=head(), database=seen))
        return True
    raise ConfigError(
        f"the database was made by another version of Tieback: it is at revision {seen}, and this one ({head()}) cannot work "
        "with it. Upgrade Tieback, or restore a backup."
    )


def known() -> set[str]:
    """The revisions that this code has migrations for."""
    return {one.revision for one in _script().walk_revisions()}
