"""Counters: one row per name and labels, raised in the caller's transaction, and not without end."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from store import counters
from store.session import reading, writing


def every(engine: Engine) -> list[tuple[str, dict[str, str], float]]:
    with reading(engine) as db:
        return [(one["name"], one["labels"], one["value"]) for one in counters.every(db)]


def test_the_same_labels_in_any_order_are_one_counter(engine: Engine) -> None:
    with writing(engine) as db:
        assert counters.add(db, "rfis", {"a": "1", "b": "2"}, 1) == 1.0
        assert counters.add(db, "rfis", {"b": "2", "a": "1"}, 2.5) == 3.5
        assert counters.add(db, "rfis", {}, 1) == 1.0
    assert sorted(every(engine), key=str) == [("rfis", {"a": "1", "b": "2"}, 3.5), ("rfis", {}, 1.0)]


def test_what_is_rolled_back_was_not_counted(engine: Engine) -> None:
    with pytest.raises(RuntimeError), writing(engine) as db:
        counters.add(db, "rfis", {}, 1)
        raise RuntimeError
    assert every(engine) == []


def test_too_many_labels_are_refused_and_the_known_ones_go_on(engine: Engine) -> None:
    with writing(engine) as db:
        for number in range(counters.MOST_PER_NAME):
            counters.add(db, "rfis", {"id": str(number)}, 1)
        assert counters.add(db, "rfis", {"id": "one more"}, 1) is None
        assert counters.add(db, "rfis", {"id": "7"}, 1) == 2.0
        assert counters.add(db, "other", {"id": "one more"}, 1) == 1.0


def test_labels_that_no_database_takes_are_kept_without_what_it_refuses(engine: Engine) -> None:
    with writing(engine) as db:
        counters.add(db, "rfis", {"a": "x\x00\ud800"}, 1)
    assert every(engine) == [("rfis", {"a": "x��"}, 1.0)]
