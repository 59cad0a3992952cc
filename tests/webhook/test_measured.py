"""What the door counts of itself adds up in the store, costs no delivery, and is never lost for a silent store."""

from __future__ import annotations

from sqlalchemy import text

from store import counters
from store.session import reading, writing
from tests.webhook.door import Door
from webhook.measured import BOUNDS, Measured, _bucket


def counted(door: Door) -> dict[tuple[str, ...], float]:
    door.app.extensions["tieback.measured"].write()
    with reading(door.engine) as db:
        return {(row["name"], *row["labels"].values()): row["value"] for row in counters.every(db)}


def test_answers_are_counted_by_kind_and_status(door: Door) -> None:
    door.post(b'{"id": 1}')
    door.post(b"{}", {"Authorization": "wrong"})
    door.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    door.send(b"GET /a/strange/place HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    found = counted(door)
    assert found["door:answers", "webhooks", "204"] == 1
    assert found["door:answers", "webhooks", "401"] == 1
    assert found["door:answers", "healthz", "200"] == 1
    assert found["door:answers", "other", "404"] == 1
    assert sum(value for (name, *_), value in found.items() if name == "door:seconds") == 2
    assert found[("door:seconds_sum",)] > 0


def test_what_two_processes_counted_adds_up(door: Door) -> None:
    for _ in range(2):
        one = Measured(lambda environ, start: [start("204 No Content", [])], door.engine)  # type: ignore[list-item]
        one({"PATH_INFO": "/webhooks/k"}, lambda *_: b"")
        one.stop()
    assert counted(door)["door:answers", "webhooks", "204"] == 2


def test_a_store_that_is_away_loses_no_figure(door: Door) -> None:
    door.post(b'{"id": 1}')
    with writing(door.engine) as db:
        db.execute(text("ALTER TABLE tieback_counters RENAME TO elsewhere"))
    door.app.extensions["tieback.measured"].write()
    with writing(door.engine) as db:
        db.execute(text("ALTER TABLE elsewhere RENAME TO tieback_counters"))
    assert counted(door)["door:answers", "webhooks", "204"] == 1


def test_every_time_has_a_bucket() -> None:
    assert [_bucket(0.0), _bucket(BOUNDS[0]), _bucket(0.0051), _bucket(5.1)] == ["0.005", "0.005", "0.01", "+Inf"]
