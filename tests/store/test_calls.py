"""The token and its lock, as every process sees them."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Engine, update

from config.secrets import Box, Secret
from store import calls
from store.models import Token
from store.session import reading, writing
from store.types import now

BOX = Box([b"k" * 32])


def lock(engine: Engine, holder: str, for_s: float = 30) -> bool:
    with writing(engine) as db:
        return calls.lock_token(db, "acme", holder, for_s)


def test_one_holder_at_a_time_asks_for_a_token(engine: Engine) -> None:
    assert lock(engine, "a")
    assert not lock(engine, "b")
    with writing(engine) as db:
        calls.unlock_token(db, "acme", "b")  # not his to open
    assert not lock(engine, "b")
    with writing(engine) as db:
        calls.unlock_token(db, "acme", "a")
    assert lock(engine, "b")


def test_the_lock_of_a_holder_that_died_falls_by_itself(engine: Engine) -> None:
    assert lock(engine, "a")
    with writing(engine) as db:
        db.execute(update(Token).values(fetching_until=now(-1)))
    assert lock(engine, "b")


def test_a_token_is_kept_sealed_and_forgotten(engine: Engine) -> None:
    with writing(engine) as db:
        calls.keep_token(db, BOX, "acme", Secret("very secret"), 60)
    with reading(engine) as db:
        kept = calls.token(db, BOX, "acme")
        assert kept is not None
        assert kept[0] == Secret("very secret")
        assert 50 < (kept[1] - dt.datetime.now(dt.UTC)).total_seconds() < 61
        assert "very" not in str(db.execute(Token.__table__.select()).one())
    with writing(engine) as db:
        calls.forget_token(db, "acme")
        assert calls.token(db, BOX, "acme") is None
        assert calls.token(db, BOX, "other") is None
