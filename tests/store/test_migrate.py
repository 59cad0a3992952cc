"""Migrations give the schema of the models, once, however many processes start together."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from config.errors import ConfigError
from config.settings import Settings, load
from store import migrate
from store.definitions import set_fact
from store.models import Base
from store.session import open_engine, reading, writing
from tests.conftest import KEY

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


def test_a_newer_schema_that_only_expanded_is_worked_on_and_left_as_it_is(engine: Engine, settings: Settings) -> None:
    with writing(engine) as db:
        db.execute(text("UPDATE alembic_version SET version_num = 'from_2031'"))
        set_fact(db, migrate.SERVES, json.dumps(["from_2031", "from_2030", migrate.head()]))
    migrate.ready(engine, settings)
    assert migrate.current(engine) == "from_2031"
    assert migrate.serves(engine)


def test_a_schema_serves_back_to_the_last_migration_that_did_more_than_expand(engine: Engine) -> None:
    served = migrate.serving()
    script = ScriptDirectory(str(ROOT / "store/migrations"))
    assert served[0] == migrate.head()
    for revision in served[:-1]:
        found = script.get_revision(revision)
        assert found is not None
        assert found.module.expands
    last = script.get_revision(served[-1])
    assert last is not None
    assert not last.module.expands


@pytest.mark.services
def test_a_table_that_somebody_holds_is_tried_again_and_nobody_stands_behind_it(fresh_database: str, tmp_path: Path) -> None:
    """Given an older schema, and a long transaction that has read a table which is to change."""
    opened = open_engine(load({"TIEBACK_DATABASE_URL": fresh_database, "TIEBACK_SECRET_KEYS": KEY}, tmp_path))
    migrate.upgrade(opened)
    with writing(opened) as db:
        db.execute(text("ALTER TABLE tieback_schedules DROP COLUMN held"))
        db.execute(text("UPDATE alembic_version SET version_num = '0017'"))
    holding = opened.connect()
    holding.execute(text("SELECT count(*) FROM tieback_schedules"))
    worker = threading.Thread(target=migrate.upgrade, args=(opened,))
    worker.start()
    # When others read the table meanwhile, who would stand behind the change for as long as that waits
    for _ in range(10):
        with reading(opened) as db:
            db.execute(text("SET LOCAL statement_timeout = '15s'"))
            db.execute(text("SELECT count(*) FROM tieback_schedules"))
        time.sleep(0.5)
    # Then each got through, though the change still waits for its turn
    assert migrate.current(opened) == "0017"
    holding.close()
    worker.join(60)
    assert migrate.current(opened) == migrate.head()
    opened.dispose()


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
