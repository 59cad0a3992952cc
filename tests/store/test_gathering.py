"""The first of a group goes at once, what follows is gathered, and slow sorting does not tear a batch apart."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from store import deliveries, events, fetches, gathering, leases
from store.deliveries import Arrival
from store.models import Delivery, Fetch
from store.session import reading, writing
from store.types import now
from tests.store import samples


@pytest.fixture
def event(engine: Engine) -> int:
    with writing(engine) as db:
        return samples.event(db)


def want(engine: Engine, event: int, record: str, **values: Any) -> int:
    row = {"connector": "acme", "resource": "RFIs", "company_id": "1", "project_id": "2", "event_id": event, "record_id": record}
    with writing(engine) as db:
        return events.want_fetch(db, row | values, events.get(db, event).timestamp)  # type: ignore[union-attr]


def due(engine: Engine) -> list[bool]:
    with reading(engine) as db:
        return list(db.scalars(select(Fetch.run_after <= now()).order_by(Fetch.id)))


def later(engine: Engine, seconds: float) -> None:
    """Everything happened so long ago."""
    with writing(engine) as db:
        for row in list(db.execute(select(Fetch.id, Fetch.run_after, Fetch.created_at, now().label("here")))):
            passed = {"created_at": now(-seconds - (row.here - row.created_at).total_seconds())}
            if row.run_after is not None:
                passed["run_after"] = now((row.run_after - row.here).total_seconds() - seconds)
            db.execute(update(Fetch).where(Fetch.id == row.id).values(**passed))


def test_the_first_goes_at_once_and_the_next_ones_are_gathered(engine: Engine, event: int) -> None:
    for record in "123":
        want(engine, event, record)
    assert due(engine) == [True, False, False]


def test_another_project_resource_or_lane_is_another_group(engine: Engine, event: int) -> None:
    want(engine, event, "1")
    want(engine, event, "2", project_id="3")
    want(engine, event, "3", resource="Submittals")
    want(engine, event, "4", lane="backfill")
    assert due(engine) == [True] * 4


def finish(engine: Engine, id: int) -> None:
    with writing(engine) as db:
        held = fetches.claim(db, id, "w")
        assert held is not None
        leases.finish(db, held, "ok")


def test_after_two_quiet_seconds_one_is_the_first_again(engine: Engine, event: int) -> None:
    finish(engine, want(engine, event, "1"))
    gathered = want(engine, event, "2")
    assert due(engine)[1] is False
    later(engine, 3)
    finish(engine, gathered)
    want(engine, event, "3")
    assert due(engine)[2] is True


def test_the_hundredth_makes_its_batch_due(engine: Engine, event: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "GATHER_S", 600.0)  # however slow the machine
    for record in range(gathering.MOST):
        want(engine, event, str(record))
    assert [number for number, one in enumerate(due(engine)) if one] == [0, gathering.MOST - 1]


def test_one_that_waits_after_a_failure_gathers_nothing(engine: Engine, event: int) -> None:
    id = want(engine, event, "1")
    with writing(engine) as db:
        held = fetches.claim(db, id, "w")
        assert held is not None
        leases.put_back(db, held, 900, counts=True)
    want(engine, event, "2")
    assert due(engine) == [False, True]


def test_a_new_event_never_makes_its_record_wait_longer(engine: Engine, event: int) -> None:
    want(engine, event, "1")
    want(engine, event, "2")
    later(engine, 1.5)
    want(engine, event, "2")
    later(engine, 1.0)
    assert due(engine) == [True, True]


def test_what_is_read_together_is_due_or_being_gathered_and_nothing_else(engine: Engine, event: int) -> None:
    ids = [want(engine, event, record) for record in "1234"]
    with writing(engine) as db:
        for id, values in zip(ids[2:], ({"reread": 1, "run_after": now(1)}, {"reread": 1, "run_after": now(-1)}), strict=True):
            db.execute(update(Fetch).where(Fetch.id == id).values(**values))
        assert fetches.claim(db, ids[0], "w") is not None
        assert list(gathering.siblings(db, fetches.get(db, ids[0]))) == [ids[1], ids[3]]
        taken = gathering.claim(db, [ids[1], ids[3]], "w")
    assert [(held.id, row.record_id) for held, row in taken] == [(ids[1], "2"), (ids[3], "4")]
    assert len({(held.id, held.fence) for held, _ in taken}) == 2


def test_a_record_that_is_being_read_is_not_claimed_a_second_time(engine: Engine, event: int) -> None:
    id = want(engine, event, "1")
    with writing(engine) as db:
        assert fetches.claim(db, id, "w") is not None
    again = want(engine, event, "1")
    with writing(engine) as db:
        assert gathering.claim(db, [again], "v") == []


def a_batch_that_is_due(engine: Engine, event: int) -> int:
    want(engine, event, "1")
    id = want(engine, event, "2")
    later(engine, 2.5)
    return id


def unsorted(engine: Engine, seconds_ago: float) -> None:
    deliveries.keep(engine, [Arrival("acme", "hook", "key", b"{}", "application/json")])
    with writing(engine) as db:
        db.execute(update(Delivery).values(received_at=now(-seconds_ago)))


@pytest.mark.parametrize(("received", "held"), [(2.4, True), (0.1, False)])
def test_a_batch_waits_for_what_came_in_its_two_seconds_and_is_not_sorted_yet(
    engine: Engine, event: int, received: float, held: bool
) -> None:
    id = a_batch_that_is_due(engine, event)
    unsorted(engine, received)
    with writing(engine) as db:
        assert gathering.hold(db, id, 0.5) is held
    assert due(engine)[1] is not held


def test_a_batch_does_not_wait_for_ever_and_the_first_never(engine: Engine, event: int) -> None:
    id = a_batch_that_is_due(engine, event)
    unsorted(engine, 60)
    with writing(engine) as db:
        assert not gathering.hold(db, 1, 0.5)
        assert gathering.hold(db, id, 0.5)
    later(engine, gathering.PATIENCE_S)
    with writing(engine) as db:
        assert not gathering.hold(db, id, 0.5)


def test_a_first_that_is_read_alone_is_gathered_once_others_follow_it(engine: Engine, event: int) -> None:
    first = want(engine, event, "1")
    with writing(engine) as db:
        assert not gathering.hold(db, first, 0.5, alone=lambda _row: True)
    want(engine, event, "2")
    with writing(engine) as db:
        assert not gathering.hold(db, first, 0.5, alone=lambda _row: False)
        assert gathering.hold(db, first, 0.5, alone=lambda _row: True)
    assert due(engine) == [False, False]
    later(engine, 2.5)
    with writing(engine) as db:
        assert not gathering.hold(db, first, 0.5, alone=lambda _row: True)


def test_a_burst_that_begins_slowly_is_gathered_from_its_second_batch_on(engine: Engine, event: int) -> None:
    # Given a first batch of ten that was read some seconds ago
    finish(engine, want(engine, event, "first"))
    for id in [want(engine, event, f"0{number}") for number in range(gathering.FLOW)]:
        with writing(engine) as db:
            db.execute(update(Fetch).where(Fetch.id == id).values(state="ok", run_after=None))
    later(engine, 3)
    # When others follow, few at a time
    second = want(engine, event, "2")
    with writing(engine) as db:
        db.execute(update(Fetch).where(Fetch.id == second).values(created_at=now(-2.5), run_after=now(-0.5)))
        assert not gathering.hold(db, second, 0.5)
    want(engine, event, "3")
    # Then they wait for each other as long as they keep coming
    with writing(engine) as db:
        assert gathering.hold(db, second, 0.5)


def test_a_long_backlog_fills_a_batch_that_has_some_and_holds_no_small_one_up(engine: Engine, event: int) -> None:
    # Given a batch that has waited for half a minute, while more than a hundred deliveries wait to be sorted
    several = [want(engine, event, str(number)) for number in range(gathering.FLOW + 1)]
    few = [want(engine, event, f"9{number}", project_id="3") for number in range(3)]
    arrivals = [Arrival("acme", "hook", f"key{n}", b"{}", "application/json") for n in range(gathering.MOST)]
    deliveries.keep(engine, arrivals)
    later(engine, gathering.PATIENCE_S + 10)
    # When it is asked whether they are to be read
    with writing(engine) as db:
        assert gathering.hold(db, several[-1], 0.5)
        assert not gathering.hold(db, few[-1], 0.5)
    # Then not for ever
    later(engine, gathering.LONG_PATIENCE_S)
    with writing(engine) as db:
        assert not gathering.hold(db, several[-1], 0.5)


def test_a_project_never_seen_is_read_after_some_seconds(engine: Engine, event: int) -> None:
    want(engine, event, "1", resource="Projects", project_id="")
    assert due(engine) == [False]
    later(engine, gathering.FIRST_READ_AFTER_S["Projects"])
    assert due(engine) == [True]
