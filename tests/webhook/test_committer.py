"""Many arrivals, one transaction; one bad arrival, one bad answer."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from config import failpoints, settings
from store.deliveries import Arrival
from store.models import Delivery
from store.session import open_engine, reading
from tests import stores
from tests.webhook.door import ListeningBell, together
from webhook.committer import Committer, NotKeptError


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(settings.load({}, tmp_path))
    stores.furnish(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def committer(engine: Engine) -> Iterator[Committer]:
    made = Committer(engine, ListeningBell(), patience_s=2)
    yield made
    made.stop()


class Locked:
    """Another program holds the database's write lock."""

    def __init__(self, engine: Engine):
        self._other = sqlite3.connect(str(engine.url.database), isolation_level=None, check_same_thread=False)

    def __enter__(self) -> Locked:
        self._other.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, *_: object) -> None:
        self._other.execute("ROLLBACK")
        self._other.close()


def keep(committer: Committer, arrival: Arrival) -> None:
    """As one sender that waits, in a loop of its own."""

    async def waits() -> NotKeptError | None:
        told: asyncio.Future[NotKeptError | None] = asyncio.get_running_loop().create_future()
        committer.keep(arrival, told.set_result)
        return await told

    if error := asyncio.run(waits()):
        raise error


def _arrival(key: str, raw: bytes = b"{}", state: str = "received") -> Arrival:
    return Arrival("acme", "hook", key, raw, "application/json", state)


def _kept(engine: Engine) -> list[Any]:
    with reading(engine) as db:
        return list(db.execute(select(Delivery.__table__).order_by(Delivery.id)))


def _keep_all(committer: Committer, engine: Engine, arrivals: list[Arrival]) -> dict[str, str]:
    """Hand them over while the store is busy, so that all but the first share a group. Answers by key."""
    answers: dict[str, str] = {}

    def tell(arrival: Arrival) -> None:
        try:
            keep(committer, arrival)
            answers[arrival.delivery_key] = "kept"
        except NotKeptError as error:
            answers[arrival.delivery_key] = str(error)

    threads = [threading.Thread(target=tell, args=(arrival,)) for arrival in arrivals]
    with Locked(engine):
        for thread in threads:
            thread.start()
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    return answers


def test_arrivals_that_wait_together_are_committed_together_and_rung_once(engine: Engine) -> None:
    bell = ListeningBell()
    committer = Committer(engine, bell)
    answers = _keep_all(committer, engine, [_arrival(str(n)) for n in range(50)])
    committer.stop()
    assert set(answers.values()) == {"kept"}
    assert len(_kept(engine)) == 50
    assert bell.ids == [row.id for row in _kept(engine)]
    assert len(bell.rung) <= 3


def test_duplicates_in_one_group_are_one_row_and_all_are_answered(committer: Committer, engine: Engine) -> None:
    together(20, partial(keep, committer), [_arrival("same")] * 60)
    assert len(_kept(engine)) == 1


def test_only_what_waits_to_be_sorted_is_rung(engine: Engine) -> None:
    bell = ListeningBell()
    committer = Committer(engine, bell)
    keep(committer, _arrival("a", state="quarantined"))
    committer.stop()
    assert (len(_kept(engine)), bell.rung) == (1, [])


def test_one_row_that_the_store_refuses_does_not_fail_its_neighbours(committer: Committer, engine: Engine) -> None:
    # Given a group in which one key cannot be sent to any database
    arrivals = [_arrival("first"), _arrival("good"), _arrival("bad \ud800", b"its bytes"), _arrival("also good")]
    # When it is committed
    answers = _keep_all(committer, engine, arrivals)
    # Then all are kept, the bad one as bare bytes in quarantine
    assert set(answers.values()) == {"kept"}
    by_raw = {row.raw: row for row in _kept(engine)}
    assert sorted(row.state for row in _kept(engine)) == ["quarantined", "received", "received", "received"]
    assert "the store refused the row" in by_raw[b"its bytes"].reason


def test_a_row_that_cannot_be_kept_in_any_form_is_refused_alone(committer: Committer, engine: Engine) -> None:
    hopeless = Arrival("\ud800", "hook", "hopeless", b"", "")
    answers = _keep_all(committer, engine, [_arrival("first"), hopeless, _arrival("good")])
    assert answers == {"first": "kept", "hopeless": "the store refused", "good": "kept"}


def test_a_store_that_stays_silent_makes_nobody_wait_longer_than_the_patience(engine: Engine) -> None:
    # Given a store that another program holds
    committer = Committer(engine, ListeningBell(), patience_s=0.3)
    with Locked(engine):
        # When deliveries arrive one after the other
        took = [_refused_after(committer, key) for key in ("a", "b", "c")]
    # Then the first waits its time, and soon the next are refused at once
    assert 0.3 <= took[0] < 1
    assert took[-1] < 0.3
    # And when the store is back, it goes on
    _eventually_kept(committer, "d")
    committer.stop()
    assert "d" in {row.delivery_key for row in _kept(engine)}


def test_what_nobody_waits_for_any_more_is_not_stored(engine: Engine) -> None:
    # Given two arrivals whose senders gave up, the second while the first was being stored
    committer = Committer(engine, ListeningBell(), patience_s=0.3)
    with Locked(engine):
        first = threading.Thread(target=_refused_after, args=(committer, "under way"))
        first.start()
        time.sleep(0.1)
        _refused_after(committer, "given up")
        first.join()
    committer.stop()
    # Then the one that was under way has arrived, the other will be sent again
    assert [row.delivery_key for row in _kept(engine)] == ["under way"]


def test_a_full_queue_refuses_at_once(engine: Engine) -> None:
    committer = Committer(engine, ListeningBell(), room=0)
    with pytest.raises(NotKeptError, match="wait to be stored"):
        keep(committer, _arrival("a"))


def test_the_thread_outlives_any_error(committer: Committer, engine: Engine) -> None:
    # Given a fault in the middle of a commit
    failpoints.arm("door.before_commit:raise", testing=True)
    with pytest.raises(NotKeptError):
        keep(committer, _arrival("a"))
    failpoints.arm("", testing=True)
    # Then the next arrival is kept
    keep(committer, _arrival("b"))
    assert [row.delivery_key for row in _kept(engine)] == ["b"]


def test_stopping_commits_what_waits_and_the_next_arrival_starts_anew(committer: Committer, engine: Engine) -> None:
    keep(committer, _arrival("a"))
    committer.stop()
    keep(committer, _arrival("b"))
    assert [row.delivery_key for row in _kept(engine)] == ["a", "b"]


def test_a_forked_child_has_a_committer_of_its_own(committer: Committer, engine: Engine) -> None:
    # Given a process whose committer thread runs
    keep(committer, _arrival("parent"))
    engine.dispose()  # SQLite's connections must not cross a fork
    # When it forks and the child keeps something
    child = os.fork()
    if child == 0:
        try:
            engine.dispose(close=False)
            keep(committer, _arrival("child"))
            os._exit(0)
        except BaseException:
            os._exit(1)
    # Then both work
    assert os.waitpid(child, 0)[1] == 0
    keep(committer, _arrival("parent again"))
    assert [row.delivery_key for row in _kept(engine)] == ["parent", "child", "parent again"]


def _refused_after(committer: Committer, key: str) -> float:
    began = time.monotonic()
    with pytest.raises(NotKeptError):
        keep(committer, _arrival(key))
    return time.monotonic() - began


def _eventually_kept(committer: Committer, key: str) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            return keep(committer, _arrival(key))
        except NotKeptError:
            time.sleep(0.05)
    raise AssertionError("the committer did not recover")
