"""The audit chain holds under concurrency, and shows what was altered or taken out."""

from __future__ import annotations

import datetime as dt
import threading

from sqlalchemy import Engine, delete, func, select, update

from store import audit
from store.models import Audit
from store.session import writing


def note(engine: Engine, times: int) -> None:
    for n in range(times):
        with writing(engine) as db:
            audit.note(db, "cli:ana", "did", f"thing {n}", {"n": n, "ä": [1.5, None]})


def broken(engine: Engine) -> int | None:
    with writing(engine) as db:
        return audit.broken_at(db)


def test_the_chain_of_eight_writers_at_once_holds(engine: Engine) -> None:
    threads = [threading.Thread(target=note, args=(engine, 5)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with writing(engine) as db:
        assert db.scalar(select(func.count()).select_from(Audit)) == 40
    assert broken(engine) is None


def test_an_altered_row_shows(engine: Engine) -> None:
    note(engine, 3)
    with writing(engine) as db:
        db.execute(update(Audit).where(Audit.id == 2).values(actor="cli:bob"))
    assert broken(engine) == 2


def test_a_moment_that_was_altered_shows(engine: Engine) -> None:
    note(engine, 3)
    with writing(engine) as db:
        db.execute(update(Audit).where(Audit.id == 2).values(at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)))
    assert broken(engine) == 2


def test_a_row_that_was_taken_out_shows_at_the_next_one(engine: Engine) -> None:
    note(engine, 3)
    with writing(engine) as db:
        db.execute(delete(Audit).where(Audit.id == 2))
    assert broken(engine) == 3
