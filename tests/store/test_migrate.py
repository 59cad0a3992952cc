"""Migrations give the schema of the models, once, however many processes start together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from config.errors import ConfigError
from config.settings import Settings
from store import migrate
from store.models import Base
from store.session import open_engine, reading, writing

ROOT = Path(__file__).parents[2]


def test_the_migrated_schema_is_the_one_of_the_models(engine: Engine) -> None:
    with reading(engine) as db:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_second_migration_has_nothing_to_do(engine: Engine) -> None:
    assert migrate.upgrade(engine) is False
    assert migrate.current(engine) == migrate.head()


def test_a_revision_this_code_does_not_know_is_one_sentence(engine: Engine, settings: Settings) -> None:
    with writing(engine) as db:
        db.execute(text("UPDATE alembic_version SET version_num = 'from_2031'"))
    with pytest.raises(ConfigError, match="made by another version of Tieback") as told:
        migrate.ready(engine, settings)
    assert "\n" not in str(told.value)
    assert migrate.current(engine) == "from_2031"


def test_two_processes_that_start_together_migrate_once(settings: Settings) -> None:
    program = (
        "import dataclasses, sys\n"
        "from pathlib import Path\n"
        "from config.settings import load\n"
        "from store import migrate\n"
        "from store.session import open_engine\n"
        "migrate.upgrade(open_engine(load({'TIEBACK_DATABASE_URL': sys.argv[1]}, Path(sys.argv[2]))))\n"
    )
    arguments = [sys.executable, "-c", program, settings.database_url, str(settings.site)]
    started = [subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(one.communicate()[1], one.returncode) for one in started] == [(b"", 0)] * 2
    engine = open_engine(settings)
    assert migrate.current(engine) == migrate.head()
    engine.dispose()
