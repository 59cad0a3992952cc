"""Copies: a new one only for new content, never an older one over a newer, and the one before is remembered."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

from sqlalchemy import Engine, func, select

from store import records
from store.models import Record
from store.records import Kept
from store.session import reading, writing
from tests.store.samples import COMPANY, PROJECT


def keep(engine: Engine, hash: str, updated: str | None = None, **values: Any) -> Kept:
    copy = {
        "connector": "acme", "resource": "RFIs", "company_id": COMPANY, "project_id": PROJECT, "record_id": "1",
        "record_hash": hash, "updated_at": updated, "body": {"h": hash}, "event_id": None,
    }  # fmt: skip
    with writing(engine) as db:
        return records.keep(db, copy | values)


def test_the_first_copy_has_none_before_it(engine: Engine) -> None:
    first = keep(engine, "a")
    assert (first.before_id, first.changed) == (None, True)
    second = keep(engine, "b")
    assert (second.before_id, second.changed) == (first.after_id, True)


def test_the_same_content_again_is_the_same_copy_with_the_same_one_before(engine: Engine) -> None:
    first, second = keep(engine, "a"), keep(engine, "b")
    assert keep(engine, "b") == Kept(first.after_id, second.after_id, False)


def test_a_stale_read_never_replaces_a_newer_copy(engine: Engine) -> None:
    newer = keep(engine, "new", "2026-03-02T00:00:00Z")
    assert keep(engine, "old", "2026-03-01T00:00:00Z") == Kept(None, newer.after_id, False)


def test_the_same_second_with_other_content_is_a_change(engine: Engine) -> None:
    keep(engine, "a", "2026-03-01T00:00:00Z")
    assert keep(engine, "b", "2026-03-01T00:00:00Z").changed


def test_content_that_no_database_takes_is_kept_as_near_as_can_be(engine: Engine) -> None:
    body = {"nul": "a\x00b", "half": "\ud800", "written": "\\u0000", "nan": float("nan"), "\x00key": ["\udfff"]}
    keep(engine, "a", body=body)
    with reading(engine) as db:
        copy = records.newest(db, "acme", "RFIs", "1")
    gap = "\N{REPLACEMENT CHARACTER}"
    assert copy is not None
    assert copy.body == {"nul": f"a{gap}b", "half": gap, "written": "\\u0000", "nan": None, f"{gap}key": [gap]}


def test_two_readers_of_one_record_keep_one_copy_of_it(engine: Engine) -> None:
    together = threading.Barrier(6)

    def work() -> None:
        together.wait()
        keep(engine, "a")

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as db:
        assert db.scalar(select(func.count()).select_from(Record)) == 1


def test_a_deletion_is_noted_on_the_newest_copy_only_and_once(engine: Engine) -> None:
    keep(engine, "a")
    keep(engine, "b")
    first = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    with writing(engine) as db:
        records.mark_deleted(db, "acme", "RFIs", "1", first)
        records.mark_deleted(db, "acme", "RFIs", "1", first + dt.timedelta(days=1))
        records.mark_deleted(db, "acme", "RFIs", "never seen", first)
        assert [row.deleted_at for row in db.execute(select(Record.deleted_at).order_by(Record.id))] == [None, first]


def test_a_record_that_is_there_after_all_comes_back_as_a_new_copy(engine: Engine) -> None:
    first = keep(engine, "a")
    with writing(engine) as db:
        assert records.mark_deleted(db, "acme", "RFIs", "1")
    again = keep(engine, "a")
    assert (again.before_id, again.changed) == (first.after_id, True)
    with reading(engine) as db:
        copy = records.newest(db, "acme", "RFIs", "1")
        assert copy is not None
        assert copy.deleted_at is None
        assert records.before(db, copy) == first.after_id


def test_an_answer_that_may_be_from_before_the_deletion_is_not_believed(engine: Engine) -> None:
    keep(engine, "a")
    with writing(engine) as db:
        records.mark_deleted(db, "acme", "RFIs", "1")
        copy: dict[str, Any] = {
            "connector": "acme", "resource": "RFIs", "company_id": COMPANY, "project_id": PROJECT, "record_id": "1",
            "record_hash": "b", "updated_at": None, "body": {}, "event_id": None,
        }  # fmt: skip
        kept = records.keep(db, copy, alive=False)
    assert (kept.changed, kept.gone) == (False, True)


def test_a_deletion_from_before_the_copy_changed_is_no_evidence(engine: Engine) -> None:
    keep(engine, "a", "2026-03-02T00:00:00Z")
    with writing(engine) as db:
        assert not records.mark_deleted(db, "acme", "RFIs", "1", dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
