"""Backups of the database, and putting one back."""

from __future__ import annotations

from pathlib import Path

from config import logs
from config import settings as all_settings
from config.secrets import Box
from console.verbs.at_hand import AtHand, user
from store import audit, backup, canary, migrate, restoring
from store.session import open_engine, writing


def take(here: AtHand, to: Path) -> None:
    """Raises: ConfigError."""
    with writing(here.engine) as db:  # before it, so that the copy knows of itself
        audit.note(db, here.actor, "database backed up", to.name)
    backup.take(here.settings, to)


def put_back(source: Path) -> str:
    """Fill an empty database from a backup; the moment before which nothing is repeated unseen. Raises: ConfigError."""
    settings = all_settings.with_keys(all_settings.load())
    logs.start("CRITICAL")
    engine = open_engine(settings, pool_size=2)
    try:
        backup.put_back(settings, source, engine)
        migrate.ready(engine, settings)
        with writing(engine) as db:
            moment = restoring.note(db)
            audit.note(db, f"cli:{user()}", "database restored", source.name)
        canary.check(engine, Box(settings.secret_keys))
    finally:
        engine.dispose()
    return moment.isoformat(timespec="seconds")
