"""Deliveries are kept once, rung for until they are sorted, and put aside when they keep ending their worker."""

from __future__ import annotations

import threading

from sqlalchemy import Engine, update

from store import deliveries
from store.deliveries import Arrival
from store.models import Delivery
from store.session import writing
from store.types import now


def arrival(key: str, state: str = "received", connector: str = "acme") -> Arrival:
    return Arrival(connector, "hook", key, b"\x00\xff{", "application/json", state, None)


def test_the_same_key_is_kept_once_per_connector(engine: Engine) -> None:
    assert len(deliveries.keep(engine, [arrival("a"), arrival("b"), arrival("a")])) == 2
    assert deliveries.keep(engine, [arrival("a")]) == []
    assert len(deliveries.keep(engine, [arrival("a", connector="other")])) == 1


def test_what_is_put_aside_at_the_door_waits_for_nobody(engine: Engine) -> None:
    assert deliveries.keep(engine, [arrival("a", "quarantined"), arrival("b", "ignored")]) == []
    with writing(engine) as db:
        assert not deliveries.anything_waits(db)


def test_eight_groups_with_common_keys_neither_deadlock_nor_double(engine: Engine) -> None:
    kept: list[int] = []
    together = threading.Barrier(8)

    def work(n: int) -> None:
        together.wait()
        kept.extend(deliveries.keep(engine, [arrival(str((k * (n + 1)) % 31)) for k in range(31)]))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == len(set(kept)) == 31


def test_of_two_workers_one_takes_a_delivery(engine: Engine) -> None:
    (id,) = deliveries.keep(engine, [arrival("a")])
    with writing(engine) as db:
        row = deliveries.take(db, id)
        assert row is not None
        assert row.raw == b"\x00\xff{"
        deliveries.mark(db, id, "sorted", None)
    with writing(engine) as db:
        assert deliveries.take(db, id) is None
        deliveries.mark(db, id, "quarantined", "too late")
        assert db.scalar(Delivery.__table__.select().with_only_columns(Delivery.state)) == "sorted"


def test_a_lost_ring_is_rung_again_after_a_while_and_not_before(engine: Engine) -> None:
    (id,) = deliveries.keep(engine, [arrival("a")])
    with writing(engine) as db:
        assert deliveries.to_ring(db, limit=5, grace_s=60, again_after_s=1) == []
        assert deliveries.to_ring(db, limit=5, grace_s=0, again_after_s=60) == [id]
        assert deliveries.to_ring(db, limit=5, grace_s=0, again_after_s=60) == []
        assert deliveries.to_ring(db, limit=5, grace_s=0, again_after_s=-1) == [id]


def test_many_workers_told_by_one_ring_count_as_one_try(engine: Engine) -> None:
    (id,) = deliveries.keep(engine, [arrival("a")])
    with writing(engine) as db:
        deliveries.to_ring(db, limit=5, grace_s=0, again_after_s=0)
        assert all(deliveries.count_try(db, id) for _ in range(20))
        row = deliveries.take(db, id)
    assert row is not None
    assert row.lost == 1


def test_the_age_of_the_oldest_is_told(engine: Engine) -> None:
    deliveries.keep(engine, [arrival("a")])
    with writing(engine) as db:
        db.execute(update(Delivery).values(received_at=now(-90)))
        assert 89 < deliveries.oldest_waiting_s(db) < 120
