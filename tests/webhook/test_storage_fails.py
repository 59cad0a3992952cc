"""Only a store that cannot keep a delivery makes the door say 503, and it heals by itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from config import failpoints
from store.session import writing
from tests.webhook.door import Door, body, open_door
from webhook.hooks import MISS_S


@contextmanager
def _each_connection(door: Door, pragma: str) -> Iterator[None]:
    """Every connection to the store is made with this pragma, as if the disk had become so."""

    def set_it(connection: Any, _record: Any) -> None:
        connection.execute(pragma).close()

    event.listen(door.engine, "connect", set_it)
    door.engine.dispose()
    yield
    event.remove(door.engine, "connect", set_it)
    door.engine.dispose()


FAILURES = {"a full disk": "PRAGMA max_page_count = 1", "a read-only file": "PRAGMA query_only = ON"}


@pytest.mark.parametrize("name", FAILURES)
def test_a_store_that_cannot_write_is_503_and_recovers_by_itself(door: Door, name: str) -> None:
    # Given a door that has worked, and a store that can take no more
    big = body(note="x" * 500_000)
    assert door.post(body(id="before")).status == 204
    with _each_connection(door, FAILURES[name]):
        # When a delivery comes
        answer = door.post(big)
        # Then Procore is asked to send it again
        assert (answer.status, answer.headers["retry-after"], answer.body) == (503, "5", b"cannot store it now\n")
    # And once there is room the same delivery is kept
    assert door.post(big).status == 204
    assert [len(row.raw) > 500_000 for row in door.kept()] == [False, True]


def test_the_operator_reads_why_and_what_to_do(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    door.post(body(id="before"))
    with _each_connection(door, FAILURES["a full disk"]), caplog.at_level(logging.ERROR):
        for n in range(5):
            door.post(body(id=str(n), note="x" * 500_000))
    lines = [vars(record)["tieback"] for record in caplog.records if record.getMessage() == "door.cannot_store"]
    assert len(lines) == 1
    assert "is full. Free some space" in lines[0]["error"]


def test_forged_deliveries_are_still_turned_away_while_the_store_is_down(door: Door) -> None:
    door.post(body(id="before"))
    with writing(door.engine) as db:
        db.execute(text("ALTER TABLE tieback_hooks RENAME TO gone"))
        db.execute(text("ALTER TABLE tieback_deliveries RENAME TO gone_too"))
    assert door.post(body(), {"Authorization": "wrong"}).status == 401
    assert door.post(body()).status == 503


def test_a_door_that_never_saw_its_hooks_does_not_call_anybody_unauthorized(tmp_path: Path) -> None:
    # Given a store that fails from the very start
    door = open_door(tmp_path)
    try:
        with writing(door.engine) as db:
            db.execute(text("ALTER TABLE tieback_hooks RENAME TO gone"))
        # When a delivery comes, it is 503: a 401 would look like a wrong secret
        assert door.post(body()).status == 503
        with writing(door.engine) as db:
            db.execute(text("ALTER TABLE gone RENAME TO tieback_hooks"))
        # And it heals
        time.sleep(MISS_S + 0.1)
        assert door.post(body(), {"Authorization": "wrong"}).status == 401
        assert door.post(body()).status == 204
    finally:
        door.stop()


def test_a_crash_between_commit_and_answer_leaves_a_row_that_the_redelivery_finds(door: Door) -> None:
    failpoints.arm("door.after_commit:raise", testing=True)
    assert door.post(body()).status == 503
    failpoints.arm("", testing=True)
    assert door.post(body()).status == 204
    assert len(door.kept()) == 1


def test_an_error_of_our_own_is_answered_with_a_number_and_no_trace(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    failpoints.arm("door.before_reply:raise", testing=True)
    with caplog.at_level(logging.ERROR):
        answer = door.post(body())
    failpoints.arm("", testing=True)
    assert answer.status == 500
    (line,) = [vars(record)["tieback"] for record in caplog.records if record.getMessage() == "door.failed"]
    assert answer.body == f"internal error, request {line['request']}\n".encode()
