from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, update

from store import events, records, repairs, timers
from store.models import Event, Repair
from store.session import writing
from store.types import now


def look(engine: Engine, kind: str = "sweep", **values: Any) -> int:
    with writing(engine) as db:
        id = repairs.begin(db, "acme", kind)
        repairs.finish(db, id, **{"found": 0, "repaired": 0, "unrepairable": 0, "items": None, "reason": None, **values})
    return id


def ids(engine: Engine) -> list[int]:
    with writing(engine) as db:
        return [row.id for row in repairs.listed(db, limit=10)]


def test_looks_that_found_nothing_go_after_a_day_and_others_stay(engine: Engine) -> None:
    nothing, something, broken = look(engine, unrepairable=1), look(engine, found=1, repaired=1), look(engine, reason="503")
    with writing(engine) as db:
        db.execute(update(Repair).values(finished_at=now(-25 * 3600)))
    newest = look(engine)
    assert ids(engine) == [newest, broken, something]
    assert nothing not in ids(engine)


def test_a_look_of_one_kind_takes_none_of_another_away(engine: Engine) -> None:
    other = look(engine, "ids")
    with writing(engine) as db:
        db.execute(update(Repair).values(finished_at=now(-25 * 3600)))
    assert other in [*ids(engine), look(engine)]
    assert other in ids(engine)


def event(engine: Engine, key: str, *, action: str = "delete", state: str = "matched", name: str = "RFIs") -> dict[str, Any]:
    nothing = dict.fromkeys(("company_id", "project_id", "user_id", "app_id", "payload_version"), "")
    said: dict[str, Any] = {"connector": "acme", "event_key": key, "source": "webhook", "action": action, "resource_name": name,
            "resource_id": "5", "state": state}  # fmt: skip
    with writing(engine) as db:
        said["timestamp"] = timers.clock(db)
        id = events.add(db, {**nothing, **said})
    return {**said, "id": id}


def known(engine: Engine, one: dict[str, Any]) -> int | None:
    with writing(engine) as db:
        return repairs.told_of_deletion(db, one, "RFIs")


def copy(engine: Engine, hash: str) -> None:
    of = {"connector": "acme", "resource": "RFIs", "company_id": "1", "project_id": "2", "record_id": "5"}
    with writing(engine) as db:
        records.keep(db, {**of, "record_hash": hash, "updated_at": None, "body": {"id": 5}, "event_id": None})


def test_a_deletion_is_known_once_an_automation_heard_of_it_whoever_told(engine: Engine) -> None:
    copy(engine, "a")
    first = event(engine, "sweep")
    assert known(engine, first) is None
    assert known(engine, event(engine, "webhook")) == first["id"]
    assert known(engine, event(engine, "lower case", name="rfis")) is not None


@pytest.mark.parametrize(("about", "is_known"), [({"state": "ignored"}, False), ({"action": "update"}, False), ({}, True)])
def test_only_a_deletion_that_reached_an_automation_counts(engine: Engine, about: dict[str, Any], is_known: bool) -> None:
    event(engine, "first", **about)
    assert (known(engine, event(engine, "second")) is not None) is is_known


def test_a_record_that_was_there_again_can_be_deleted_anew(engine: Engine) -> None:
    copy(engine, "a")
    event(engine, "first")
    with writing(engine) as db:
        db.execute(update(Event).values(created_at=now(-1)))
    copy(engine, "b")
    assert known(engine, event(engine, "second")) is None


def test_what_a_delivery_became_is_told_by_its_key(engine: Engine) -> None:
    event(engine, "01J")
    with writing(engine) as db:
        assert repairs.became(db, "acme", ["01J", "other"]) == {"01J": ("matched", None)}
        assert repairs.kept_keys(db, "acme", ["01J", "other"]) == {"01J"}
