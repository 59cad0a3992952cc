"""Yesterday's backup is put back: what was done since is not repeated unseen, what is new is done as ever."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import ConfigError
from config.settings import Settings
from simulator.app import serve
from store import backup, restoring
from store.session import open_engine, writing
from tests.conftest import _administer
from tests.workers.rig import Rig, payload, rig
from tests.workers.test_path import TELL_ERP, change, sink

KEYLESS = TELL_ERP.replace("tell-erp", "tell-once").replace('\n          idempotency_key: "rfi-${event.key}"', "")


@pytest.fixture
def simulator() -> Iterator[Any]:
    with serve(seed=7, spike=100_000, hourly=1_000_000) as running:
        yield running


@pytest.fixture
def desk(engine: Engine, settings: Settings, simulator: Any) -> Iterator[Rig]:
    with rig(engine, settings, simulator, keyed=TELL_ERP, once=KEYLESS) as one:
        yield one


@pytest.fixture
def elsewhere(settings: Settings, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """The same settings over a database that is not there, or is empty."""
    if settings.database_url.startswith("sqlite"):
        yield replace(settings, database_url=f"sqlite:///{tmp_path}/restored/x.db")
        return
    server, name = request.getfixturevalue("postgresql"), f"r{uuid.uuid4().hex[:12]}"
    _administer(server, f"CREATE DATABASE {name}")
    yield replace(settings, database_url=settings.database_url.rsplit("/", 1)[0] + f"/{name}")
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def restored(settings: Settings, file: Path) -> Rig:
    engine = open_engine(settings)
    backup.put_back(settings, file, engine)
    with writing(engine) as db:
        restoring.note(db)
    one = Rig(engine, settings)
    assert one.load_site() == []
    return one


def states(one: Rig) -> dict[str, str]:
    return {run["automation"]: run["state"] for run in one.runs()}


def test_what_was_done_after_the_backup_is_not_repeated_unseen(
    desk: Rig, simulator: Any, elsewhere: Settings, tmp_path: Path
) -> None:
    # Given an event that waits when the backup is taken, and whose effects are made afterwards
    desk.deliver(payload(simulator, change(simulator), key="before"))
    backup.take(desk.settings, tmp_path / "copy")
    desk.work()
    assert [call["applied"] for call in sink(simulator)] == [True, True]
    # When the backup is put back and goes on where it was
    copy = restored(elsewhere, tmp_path / "copy")
    try:
        copy.settle()
        # Then the far end that knows the key absorbed it, and what nothing can tell apart waits for a person
        assert states(copy) == {"tell-erp": "ok", "tell-once": "parked"}
        assert [call["applied"] for call in sink(simulator)] == [True, True, False]
        # And an event from after it is done as ever
        later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
        copy.deliver({**payload(simulator, change(simulator), key="after"), "timestamp": later})
        copy.settle()
        assert [run["state"] for run in copy.runs()][2:] == ["ok", "ok"]
    finally:
        copy.close()
        copy.engine.dispose()


def test_what_a_person_has_settled_after_the_restoration_is_made(
    desk: Rig, simulator: Any, elsewhere: Settings, tmp_path: Path
) -> None:
    from store import runs

    # Given a restored copy with a run that waits for a person, whose effect was never made
    desk.deliver(payload(simulator, change(simulator), key="before"))
    backup.take(desk.settings, tmp_path / "copy")
    copy = restored(elsewhere, tmp_path / "copy")
    try:
        copy.settle()
        (parked,) = [run for run in copy.runs() if run["state"] == "parked"]
        # When somebody looked, and says that it was not made
        (effect,) = copy.rows(f"SELECT effect_key FROM tieback_effects WHERE run_id = {parked['id']}")
        with writing(copy.engine) as db:
            runs.settle(db, effect["effect_key"], "failed", {"settled": "not applied"})
            assert runs.again(db, parked["id"])
        copy.settle()
        # Then it is made, and the run is over
        assert set(states(copy).values()) == {"ok"}
    finally:
        copy.close()
        copy.engine.dispose()


def test_a_backup_never_replaces_anything_and_nothing_is_restored_over_a_database(desk: Rig, tmp_path: Path) -> None:
    backup.take(desk.settings, tmp_path / "copy")
    with pytest.raises(ConfigError, match="never replaces another"):
        backup.take(desk.settings, tmp_path / "copy")
    with pytest.raises(ConfigError, match=r"there is a database at|holds a Tieback already"):
        backup.put_back(desk.settings, tmp_path / "copy", desk.engine)
    with pytest.raises(ConfigError, match="there is no backup"):
        backup.put_back(desk.settings, tmp_path / "none", desk.engine)
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0


def test_a_backup_that_is_damaged_is_refused_and_leaves_nothing_behind(desk: Rig, elsewhere: Settings, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"no database" * 1000)
    engine = open_engine(elsewhere)
    with pytest.raises(ConfigError):
        backup.put_back(elsewhere, tmp_path / "copy", engine)
    engine.dispose()
    assert list(tmp_path.glob("restored/*")) == []


def test_without_postgresqls_programs_a_sentence_says_what_to_install(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    away = replace(settings, database_url="postgresql+psycopg://tieback@127.0.0.1:1/x")
    with pytest.raises(ConfigError, match="apt install postgresql-client"):
        backup.take(away, tmp_path / "copy")
    assert list(tmp_path.glob("copy*")) == []
