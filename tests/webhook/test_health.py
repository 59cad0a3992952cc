from __future__ import annotations

import time

from sqlalchemy import text

from store import beats
from store.definitions import set_fact
from store.session import writing
from tests.webhook.door import Door, request
from webhook.health import FRESH_S


def _get(door: Door, path: str) -> tuple[int, bytes]:
    answer = door.send(request("GET", path, headers={"Authorization": None}))
    return answer.status, answer.body


def test_a_serving_door_is_alive_whatever_the_store_does(door: Door) -> None:
    door.engine.dispose()
    with writing(door.engine) as db:
        db.execute(text("DROP TABLE tieback_facts"))
    assert _get(door, "/healthz") == (200, b"ok\n")
    assert _get(door, "/readyz") == (503, b"unready\n")


def test_ready_means_that_relay_and_worker_live_and_the_site_is_loaded(door: Door) -> None:
    assert _get(door, "/readyz") == (503, b"unready\n")
    with writing(door.engine) as db:
        set_fact(db, "site_loaded", "1")
        beats.beat(db, "r", "relay")
        beats.beat(db, "w", "worker")
    time.sleep(FRESH_S + 0.1)
    assert _get(door, "/readyz") == (200, b"ready\n")


def test_readiness_is_asked_of_the_store_once_a_second_at_most(door: Door) -> None:
    _get(door, "/readyz")
    asked: list[str] = []
    from sqlalchemy import event

    event.listen(door.engine, "before_cursor_execute", lambda *seen: asked.append(str(seen[2])))
    for _ in range(30):
        _get(door, "/readyz")
    assert len([statement for statement in asked if "tieback_facts" in statement]) <= 1
