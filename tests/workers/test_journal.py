"""The journal: rows, steps and outcomes commit together or not at all, and only while the lease is ours."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text, update

from automations.journal import Effect, Gathered, RowChange, StepResult
from config.errors import LostLease, Permanent
from config.settings import Settings
from store import counters, events, leases, runs
from store.leases import Held
from store.models import Run
from store.session import reading, writing
from tests.store import samples
from tests.workers.rig import desk_of
from workers.journal import StoreJournal
from workers.keeper import Keeper
from workers.kept import MAX_KEPT_BYTES, small


@pytest.fixture
def held(engine: Engine) -> Held:
    with writing(engine) as db:
        claimed = leases.claim(db, Run, samples.run(db, samples.event(db)), "w")
    assert claimed is not None
    return claimed


@pytest.fixture
def journal(engine: Engine, settings: Settings, held: Held, keeper: Keeper) -> Iterator[StoreJournal]:
    with keeper.holding(held, time.monotonic()):
        one = made(engine, settings, held, keeper)
        yield one
        one.abandon()


def made(engine: Engine, settings: Settings, held: Held, keeper: Keeper) -> StoreJournal:
    with reading(engine) as db:
        row = runs.get(db, held.id)
        event = events.get(db, row.event_id) if row else None
    return StoreJournal(desk_of(engine, settings, keeper), held, row, event, None)


def row(n: Any, key: str = "1") -> RowChange:
    return RowChange("things", {"id": key, "n": n}, ("id",), False)


def effect(key: str = "k") -> Effect:
    return Effect(key, "post", "natural_key", "http:erp", "a call", "hash")


def things(engine: Engine) -> list[Any]:
    with reading(engine) as db:
        return list(db.scalars(text("SELECT n FROM things ORDER BY id")))


def steps(engine: Engine, held: Held) -> list[tuple[str, str]]:
    with reading(engine) as db:
        return [(step.path, step.state) for step in runs.steps(db, held.id)]


def test_a_row_is_there_once_its_step_is_finished_and_not_before(engine: Engine, held: Held, journal: StoreJournal) -> None:
    journal.upsert(row(1))
    journal.abandon()
    journal.upsert(row(2))
    journal.finish(StepResult("write", "ok"))
    assert (things(engine), steps(engine, held)) == ([2], [("write", "ok")])


def test_a_step_that_failed_leaves_no_row(engine: Engine, held: Held, journal: StoreJournal) -> None:
    journal.upsert(row(1))
    journal.finish(StepResult("first", "ok"))
    journal.upsert(row(2, "2"))
    journal.finish(StepResult("write", "failed", error={"kind": "x", "message": "m"}))
    assert (things(engine), steps(engine, held)) == ([1], [("first", "ok"), ("write", "failed")])


def test_a_row_the_table_refuses_is_an_error_of_the_step_which_is_still_kept(
    engine: Engine, held: Held, journal: StoreJournal
) -> None:
    with writing(engine) as db:
        db.execute(text("CREATE TABLE things (id TEXT, n BIGINT CHECK (n < 5))"))
    with pytest.raises(Permanent, match="the table does not take this row"):
        journal.upsert(row(7))
    journal.finish(StepResult("write", "failed", error={"kind": "value", "message": "m"}))
    assert (things(engine), steps(engine, held)) == ([], [("write", "failed")])


def test_who_lost_the_lease_writes_nothing(engine: Engine, held: Held, journal: StoreJournal) -> None:
    with writing(engine) as db:
        db.execute(update(Run).values(fence=Run.fence + 1))
    for write in (
        lambda: journal.upsert(row(1)),
        lambda: journal.intend(effect()),
        lambda: journal.finish(StepResult("w", "ok")),
    ):
        with pytest.raises(LostLease):
            write()
    assert steps(engine, held) == []
    with writing(engine) as db:
        assert runs.effects(db, held.id) == []


def test_outcomes_that_could_not_be_committed_are_kept_for_the_next_try(
    engine: Engine, held: Held, journal: StoreJournal
) -> None:
    journal.intend(effect())
    journal.settle("k", "applied", {"status": 200})
    # Given a commit that fails after everything was written
    with pytest.raises(ZeroDivisionError), writing(engine) as db:
        journal.write_results(db)
        raise ZeroDivisionError
    # When it is tried again
    with writing(engine) as db:
        journal.write_results(db)
    with reading(engine) as db:
        assert [(kept.state, kept.response) for kept in runs.effects(db, held.id)] == [("applied", {"status": 200})]


def test_an_effect_is_intended_once_and_its_outcome_stays(engine: Engine, held: Held, journal: StoreJournal) -> None:
    assert journal.intend(effect()).fresh
    assert not journal.intend(effect()).fresh
    journal.settle("k", "applied", {"n": 1})
    journal.finish(StepResult("post", "ok"))
    journal.settle("k", "failed", None)
    journal.finish(StepResult("post", "ok"))
    kept = journal.intend(effect())
    assert (kept.state, kept.response, kept.fresh) == ("applied", {"n": 1}, False)


def test_an_effect_that_failed_is_a_fresh_intent_again(journal: StoreJournal) -> None:
    journal.intend(effect())
    journal.settle("k", "failed", {"error": "no"})
    journal.finish(StepResult("post", "failed", error={"kind": "x", "message": "m"}))
    assert journal.intend(effect()).fresh


def test_the_next_attempt_finds_what_was_finished(
    engine: Engine, settings: Settings, held: Held, keeper: Keeper, journal: StoreJournal
) -> None:
    journal.finish(StepResult("a", "ok", output={"n": [1, None]}))
    kept = made(engine, settings, held, keeper).kept("a")
    assert kept is not None
    assert (kept.state, kept.output) == ("ok", {"n": [1, None]})


def test_after_a_lost_table_the_lock_is_free_for_others(engine: Engine, journal: StoreJournal) -> None:
    with pytest.raises(Permanent):
        journal.upsert(RowChange("tieback_runs", {"id": "1"}, ("id",), False))
    with writing(engine) as db:
        db.execute(text("CREATE TABLE free (n BIGINT)"))


@pytest.mark.parametrize("value", ["\\u0000", "a\x00b", "\ud800", ["\\\\u0000"], {"k": "\\ud800"}, 1.5, None, [], {}])
def test_whatever_a_step_saw_is_kept_as_it_was(engine: Engine, held: Held, journal: StoreJournal, value: Any) -> None:
    assert small(value) == value
    journal.finish(StepResult("a", "ok", output=value, inputs=[value]))
    assert steps(engine, held) == [("a", "ok")]


def test_something_huge_leaves_a_note(engine: Engine, held: Held, journal: StoreJournal) -> None:
    huge = "x" * (MAX_KEPT_BYTES + 1)
    assert small(huge) == {"omitted": "256 KiB; a step keeps at most 256 KiB"}
    journal.finish(StepResult("a", "ok", inputs=huge))
    assert steps(engine, held) == [("a", "ok")]


def message(key: str = "k") -> Gathered:
    return Gathered(
        key, "rule", "slack:ops", "p1", dt.datetime(2026, 3, 1, tzinfo=dt.UTC), "RFI 1", "late", "https://a.example/1"
    )


def gathered(engine: Engine) -> list[str]:
    with reading(engine) as db:
        return list(db.scalars(text("SELECT effect_key FROM tieback_gathered ORDER BY id")))


def test_a_gathered_message_is_there_once_its_step_is_finished(engine: Engine, journal: StoreJournal) -> None:
    journal.gather(message())
    assert gathered(engine) == []
    journal.finish(StepResult("tell", "ok"))
    journal.gather(message())
    journal.finish(StepResult("again", "ok"))
    assert gathered(engine) == ["k"]


def test_a_gathered_message_stays_with_its_effect_when_the_step_fails(engine: Engine, held: Held, journal: StoreJournal) -> None:
    journal.intend(effect())
    journal.gather(message())
    journal.settle("k", "applied", None)
    journal.finish(StepResult("tell", "failed"))
    with reading(engine) as db:
        assert [one.state for one in runs.effects(db, held.id)] == ["applied"]
    assert gathered(engine) == ["k"]


def test_an_outcome_is_kept_with_the_next_intent_so_that_a_crash_leaves_one_doubt(
    engine: Engine, held: Held, journal: StoreJournal
) -> None:
    journal.intend(effect("first"))
    journal.settle("first", "applied", {"said": "ok"})
    journal.intend(effect("second"))
    # When the process dies here
    with reading(engine) as db:
        assert [(one.effect_key, one.state) for one in runs.effects(db, held.id)] == [("first", "applied"), ("second", "intent")]


def test_a_counter_is_raised_with_its_step_and_not_by_one_that_failed(engine: Engine, journal: StoreJournal) -> None:
    assert journal.count("rfis", {"status": "open"}, 1.0) == 1.0
    journal.finish(StepResult("count", "failed"))
    assert journal.count("rfis", {"status": "open"}, 1.0) == 1.0
    journal.finish(StepResult("count", "ok"))
    with reading(engine) as db:
        assert [one["value"] for one in counters.every(db)] == [1.0]


def test_a_label_per_record_is_refused_with_its_name(journal: StoreJournal) -> None:
    for number in range(counters.MOST_PER_NAME):
        journal.count("rfis", {"id": str(number)}, 1.0)
    with pytest.raises(Permanent, match=r"100 counters of the name rfis already.*\(id\)") as raised:
        journal.count("rfis", {"id": "x"}, 1.0)
    assert raised.value.kind == "labels"
