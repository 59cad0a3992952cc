"""What a purge takes, and above all what it must leave, row by row."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, insert, select, update

from store import purging, replays, runs
from store.models import (
    Alert,
    Approval,
    Call,
    Delivery,
    Effect,
    Event,
    Fetch,
    Gathered,
    Import,
    Notice,
    Operation,
    OperationItem,
    Record,
    Repair,
    Run,
    RunEvent,
    Spent,
    Timer,
    Version,
)
from store.session import reading, writing
from store.types import now
from tests.store.samples import COMPANY, PROJECT, event, fetch, run
from workers.purging import purge

AGO = now(-40 * 86_400.0)
YOUNG = now(-20 * 86_400.0)
OLD = {Event: "created_at", Delivery: "received_at", Fetch: "created_at", Record: "fetched_at", Call: "at", Import: "created_at"}


def old(engine: Engine) -> None:
    """Everything that is there happened forty days ago."""
    with writing(engine) as db:
        for table, column in OLD.items():
            db.execute(update(table).values({column: AGO}))
        db.execute(update(Record).values(seen_at=AGO))
        for table in (Run, Fetch, Import, Repair, Timer):
            db.execute(update(table).where(table.finished_at.is_not(None)).values(finished_at=AGO))


def cleaned(engine: Engine, tmp_path: Path, *, longest_s: float = 0.0, dry: bool = False) -> Counter[str]:
    return Counter({name: count for name, count in purge(engine, tmp_path, 30, longest_s, dry=dry).items() if count})


def count(engine: Engine, table: Any, *where: Any) -> int:
    with reading(engine) as db:
        return int(db.scalar(select(func.count()).select_from(table).where(*where)) or 0)


def over(db: Connection, id: int, state: str = "failed") -> int:
    db.execute(update(Run).where(Run.id == id).values(state=state, finished_at=now(), run_after=None))
    return id


def effect(db: Connection, run_id: int, state: str, *, lasting: bool | None = False, key: str = "k") -> None:
    values = {"effect_key": key, "run_id": run_id, "step": "tell", "fence": 1, "policy": "natural_key", "target": "http:erp"}
    db.execute(insert(Effect).values(**values, summary="s", request_hash="h", state=state, lasting=lasting))


def delivery(db: Connection, key: str, state: str = "sorted") -> int:
    values = {"connector": "acme", "hook_key": "h", "delivery_key": key, "raw": b"{}", "state": state}
    return int(db.scalar(insert(Delivery).values(**values).returning(Delivery.id)) or 0)


def copy(db: Connection, record: str, digest: str) -> int:
    values = {"connector": "acme", "resource": "RFIs", "company_id": COMPANY, "project_id": PROJECT, "record_id": record}
    return int(db.scalar(insert(Record).values(**values, record_hash=digest, body={}).returning(Record.id)) or 0)


def test_an_event_goes_with_its_delivery_runs_steps_answers_and_effects(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        id = event(db, delivery_id=delivery(db, "e1"), body={"name": "Ana"}, user_id="7", reasons={"other": "why"})
        one = over(db, run(db, id), "ok")
        over(db, run(db, event(db, "e2")), "ok")  # a later one, so that the first is not the last that was ok
        runs.add_step(db, {"run_id": one, "path": "tell", "state": "ok", "attempt": 1, "duration_ms": 1, "output": "Ana"})
        effect(db, one, "applied")
        asked = {"run_id": one, "path": "ask", "automation": "rule", "question": "?", "choices": [], "state": "answered"}
        db.execute(insert(Approval).values(asked))
    old(engine)
    with writing(engine) as db:
        db.execute(update(Run).where(Run.id != one).values(finished_at=now()))
    gone = cleaned(engine, tmp_path)
    assert gone == {"events": 1, "deliveries": 1, "runs": 1, "steps": 1, "effects": 1, "approvals": 1}
    with reading(engine) as db:
        left = db.execute(select(Event.__table__).where(Event.id == id)).one()
    assert (left.body, left.reasons, left.user_id, left.delivery_id) == (None, None, "", None)
    assert left.purged_at is not None


def test_a_second_purge_finds_nothing_and_a_dry_one_takes_nothing(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        over(db, run(db, event(db, delivery_id=delivery(db, "e1"))))
        copy(db, "1", "a"), copy(db, "1", "b"), copy(db, "1", "c")
    old(engine)
    counted = cleaned(engine, tmp_path, dry=True)
    assert count(engine, Delivery) == 1
    assert cleaned(engine, tmp_path) == counted == {"events": 1, "deliveries": 1, "runs": 1, "copies": 1}
    assert cleaned(engine, tmp_path) == {}


def test_what_is_young_stays(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        over(db, run(db, event(db, delivery_id=delivery(db, "e1"))))
    assert cleaned(engine, tmp_path) == {}


def _waits(db: Connection, id: int) -> None:
    run(db, id)


def _is_parked(db: Connection, id: int) -> None:
    over(db, run(db, id), "parked")


def _runs(db: Connection, id: int) -> None:
    db.execute(update(Run).where(Run.id == run(db, id)).values(state="running"))


def _gathers(db: Connection, id: int) -> None:
    other = run(db, event(db, "later"))
    db.execute(insert(RunEvent).values(run_id=other, event_id=id, automation="rule"))


def _pending(db: Connection, id: int) -> None:
    effect(db, over(db, run(db, id)), "intent")


def _uncertain(db: Connection, id: int) -> None:
    effect(db, over(db, run(db, id), "cancelled"), "uncertain")


def _asks(db: Connection, id: int) -> None:
    one = run(db, id)
    asked = {"run_id": one, "path": "ask", "automation": "rule", "question": "?", "choices": [], "state": "open"}
    db.execute(insert(Approval).values(asked))


def _has_unsaid(db: Connection, id: int) -> None:
    one = over(db, run(db, id), "ok")
    said = {"effect_key": "g", "bundle": "b", "run_id": one, "automation": "rule", "destination": "slack:a", "message": {}}
    db.execute(insert(Gathered).values(**said, until=now()))


def _is_read(db: Connection, id: int) -> None:
    fetch(db, id)


def _is_unsorted(db: Connection, id: int) -> None:
    db.execute(update(Event).where(Event.id == id).values(delivery_id=delivery(db, "e1", "received")))


def _is_announced(db: Connection, id: int) -> None:
    db.execute(update(Event).where(Event.id == id).values(state="received"))


def _is_replayed(db: Connection, id: int) -> None:
    """By a run that may be tried again, and then asks for the effects of the original."""
    again = replays.keep(db, replays.take(db, id), "name", "", "a replay")
    over(db, run(db, again))
    db.execute(update(Run).where(Run.event_id == again).values(attempt=77))


def _started_by_one_at_work(db: Connection, id: int) -> None:
    parent = run(db, event(db, "parent"), "parent")
    db.execute(update(Event).where(Event.id == id).values(event_key=f"start:{parent}:step"))


LEANING = [
    _waits, _is_parked, _runs, _gathers, _pending, _uncertain, _asks, _has_unsaid, _is_read, _is_unsorted, _is_announced,
    _is_replayed, _started_by_one_at_work,
]  # fmt: skip


@pytest.mark.parametrize("leans", LEANING, ids=lambda one: one.__name__.strip("_"))
def test_an_old_event_stays_whole_while_something_leans_on_it(
    engine: Engine, tmp_path: Path, leans: Callable[[Connection, int], None]
) -> None:
    with writing(engine) as db:
        id = event(db, body={"name": "Ana"})
        leans(db, id)
    old(engine)
    with writing(engine) as db:
        db.execute(update(Run).where(Run.attempt == 77).values(finished_at=YOUNG))
    before = count(engine, Run), count(engine, Effect), count(engine, Delivery)
    cleaned(engine, tmp_path)
    with reading(engine) as db:
        assert db.scalar(select(Event.body).where(Event.id == id)) == {"name": "Ana"}
    assert (count(engine, Run), count(engine, Effect), count(engine, Delivery)) == before


@pytest.mark.parametrize("lasting", [True, None], ids=["once", "from-before-we-knew"])
def test_an_effect_with_a_lasting_key_stays_with_its_answer(engine: Engine, tmp_path: Path, lasting: bool | None) -> None:
    with writing(engine) as db:
        one = over(db, run(db, event(db), lines=[{"text": "secret"}]))
        effect(db, one, "applied", lasting=lasting)
        runs.settle(db, "k", "failed", None)  # one that is applied stays applied
    old(engine)
    assert cleaned(engine, tmp_path) == {"events": 1}
    with writing(engine) as db:
        row, fresh = runs.intend(db, {"effect_key": "k", "run_id": one, "step": "s", "fence": 2, "policy": "natural_key",
                                      "target": "t", "summary": "s", "request_hash": "h", "lasting": True})  # fmt: skip
        assert (row.state, fresh) == ("applied", False)
        assert db.scalar(select(Run.lines)) is None
        # Nothing tells any more what it had done, so it cannot go on from there.
        assert runs.again(db, one) is False


def test_the_two_newest_copies_stay_and_the_run_that_has_seen_the_newest(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        first, second, third = (copy(db, "1", digest) for digest in "abc")
        for number, (after, key) in enumerate(((first, "e1"), (second, "e2"), (third, "e3"))):
            over(db, run(db, event(db, key), "rule", before_id=after, after_id=after, record_key=f"r{number}"), "ok")
        copy(db, "2", "a")
    old(engine)
    cleaned(engine, tmp_path)  # a copy that a run has pinned goes in the night after it
    assert cleaned(engine, tmp_path) == {"copies": 1}
    with reading(engine) as db:
        assert list(db.scalars(select(Run.after_id))) == [third]
        assert list(db.scalars(select(Record.id).where(Record.record_id == "1").order_by(Record.id))) == [second, third]
    assert count(engine, Record, Record.record_id == "2") == 1


def test_the_last_run_of_a_quiet_automation_that_was_ok_stays(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        for key in ("e1", "e2"):
            over(db, run(db, event(db, key), "yearly"), "ok")
        over(db, run(db, event(db, "e3"), "daily"), "ok")
        today = over(db, run(db, event(db, "e4"), "daily"), "ok")
    old(engine)
    with writing(engine) as db:
        db.execute(update(Run).where(Run.id == today).values(finished_at=now()))
    cleaned(engine, tmp_path)
    with reading(engine) as db:
        assert runs.last_ok(db, "yearly") is not None
        assert sorted(db.scalars(select(Run.automation))) == ["daily", "yearly"]


def test_the_last_run_that_was_ok_is_looked_for_once_and_only_where_one_was(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(engine) as db:
        ok = [over(db, run(db, event(db, f"o{number}"), "yearly"), "ok") for number in range(6)]
        for number in range(6):
            over(db, run(db, event(db, f"f{number}"), "never"), "failed")
    old(engine)
    real, looked = purging._last_that_was_ok, []

    def looks(db: Connection, until: purging.Horizon, automation: str) -> int:
        looked.append(automation)
        return real(db, until, automation)

    monkeypatch.setattr(purging, "AT_ONCE", 2)
    monkeypatch.setattr(purging, "_last_that_was_ok", looks)
    assert cleaned(engine, tmp_path)["runs"] == 11
    assert looked == ["yearly"]
    with reading(engine) as db:
        assert list(db.scalars(select(Run.id))) == ok[-1:]


def test_runs_that_count_against_a_rate_stay_as_long_as_they_count(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        id = run(db, event(db), throttle_key="t")
        db.execute(update(Run).where(Run.id == id).values(entered_at=AGO))
        over(db, id)
    old(engine)
    assert cleaned(engine, tmp_path, longest_s=90 * 86_400.0) == {}
    assert cleaned(engine, tmp_path, longest_s=35 * 86_400.0) == {"events": 1, "runs": 1}


def test_a_purged_event_is_still_known_and_after_more_than_a_year_forgotten(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        over(db, run(db, event(db)))
    old(engine)
    cleaned(engine, tmp_path)
    from store import events

    with writing(engine) as db:
        known = db.execute(select(Event.__table__)).one()._mapping
        assert events.add(db, {name: known[name] for name in known if name not in ("id", "created_at")}) is None
        db.execute(update(Event).values(created_at=now(-401 * 86_400.0)))
    assert cleaned(engine, tmp_path) == {"keys": 1}
    assert count(engine, Event) == 0


def test_the_read_that_told_a_records_parent_stays(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        for key, parent in (("e1", {"id": "5"}), ("e2", {"id": "6"}), ("e3", None)):
            id = fetch(db, event(db, key))
            db.execute(update(Fetch).where(Fetch.id == id).values(state="ok", finished_at=now(), run_after=None, parent=parent))
    old(engine)
    assert cleaned(engine, tmp_path)["fetches"] == 2
    with reading(engine) as db:
        assert list(db.scalars(select(Fetch.parent))) == [{"id": "6"}]


def test_imports_go_unless_the_run_that_asked_is_there(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        waiting = run(db, event(db))
        for asker, state in (("cli:ana", "ok"), (f"run:{waiting}/load", "ok"), ("cli:ana", "running")):
            values = {"connector": "acme", "resources": ["RFIs"], "mode": "full", "requested_by": asker, "lane": "backfill"}
            done = now() if state == "ok" else None
            db.execute(insert(Import).values(**values, state=state, finished_at=done))
    old(engine)
    assert cleaned(engine, tmp_path) == {"imports": 1}
    with reading(engine) as db:
        assert sorted(db.scalars(select(Import.requested_by))) == ["cli:ana", f"run:{waiting}/load"]


def test_what_goes_by_age_alone_goes(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        db.execute(insert(Call).values(connector="acme", method="GET", path="/", duration_ms=1, at=AGO))
        for state in ("open", "resolved"):
            db.execute(insert(Alert).values(kind="lag", subject="r", message="m", state=state, since=AGO, resolved_at=AGO))
        for _ in range(2):
            db.execute(insert(Repair).values(connector="acme", kind="sweep", started_at=AGO, finished_at=AGO))
        db.execute(insert(Timer).values(kind="digest", subject="b", state="ok", finished_at=AGO, lane="schedule"))
        db.execute(insert(Timer).values(kind="hooks", subject="acme", state="waiting", run_after=AGO, lane="schedule"))
        for state in ("done", "paused"):
            done = AGO if state == "done" else None
            values = {"kind": "retry", "what": {}, "requested_by": "cli:ana", "lane": "manual", "state": state}
            id = db.scalar(insert(Operation).values(**values, finished_at=done).returning(Operation.id))
            db.execute(insert(OperationItem).values(operation_id=id, subject_id=1, state="done"))
        told = select(Alert.id).where(Alert.state == "resolved").scalar_subquery()
        db.execute(
            insert(Notice).values(
                alert_id=told, destination="slack:a", what="begins", number=0, state="sent", tries=1, ended_at=AGO
            )
        )
        delivery(db, "poison", "quarantined")
        delivery(db, "waits", "received")
    old(engine)
    gone = cleaned(engine, tmp_path)
    assert gone == {"calls": 1, "alerts": 1, "repairs": 1, "timers": 1, "deliveries": 1, "operations": 1}
    assert count(engine, Version) == 0
    assert count(engine, Delivery, Delivery.state == "received") == 1


def test_what_a_change_against_a_cap_was_about_goes_and_that_it_counts_stays(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as db:
        for key, moment in (("old", AGO), ("young", YOUNG)):
            about = {"automation": "a", "kind": "writes", "effect_key": key, "what": f"PATCH acme /rfis/{key}", "at": moment}
            db.execute(insert(Spent).values(**about, run_id=7, wanted=3, granted=2))
    assert cleaned(engine, tmp_path, dry=True) == cleaned(engine, tmp_path) == {"lines of caps": 1}
    with reading(engine) as db:
        lines = list(db.execute(select(Spent.what, Spent.wanted, Spent.granted).order_by(Spent.id)))
    assert lines == [("", 3, 2), ("PATCH acme /rfis/young", 3, 2)]
    assert cleaned(engine, tmp_path) == {}


def test_files_that_a_dead_process_left_half_written_go_and_those_at_work_stay(engine: Engine, tmp_path: Path) -> None:
    import fcntl
    import os

    (tmp_path / "a/b").mkdir(parents=True)
    dead, fresh, held, file = (tmp_path / f"a/b/{name}" for name in
                               (".tieback-00.part", ".tieback-01.part", ".tieback-02.part", "report.csv"))  # fmt: skip
    for one in (dead, fresh, held, file):
        one.write_text("half")
    for one in (dead, held, file):
        os.utime(one, (1, 1))
    with held.open() as at_work:
        fcntl.flock(at_work, fcntl.LOCK_EX)
        assert cleaned(engine, tmp_path, dry=True) == {"files": 1}
        assert cleaned(engine, tmp_path) == {"files": 1}
    assert sorted(one.name for one in (tmp_path / "a/b").iterdir()) == [".tieback-01.part", ".tieback-02.part", "report.csv"]


def test_many_batches_take_all_and_each_is_small(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(engine) as db:
        for number in range(25):
            over(db, run(db, event(db, f"e{number}", delivery_id=delivery(db, f"e{number}"))))
        run(db, event(db, "waits"))
    old(engine)
    monkeypatch.setattr(purging, "AT_ONCE", 4)
    assert cleaned(engine, tmp_path) == {"events": 25, "deliveries": 25, "runs": 25}


def test_the_night_is_the_next_one() -> None:
    from workers.purging import until_night_s

    evening = dt.datetime(2026, 3, 1, 22, 40, tzinfo=dt.UTC)
    assert until_night_s(evening) == 4 * 3600
    assert until_night_s(dt.datetime(2026, 3, 1, 2, 40, tzinfo=dt.UTC)) == 24 * 3600
