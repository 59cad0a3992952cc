"""Connectors as rows: two who want the same name, two who change the same one, and what a place leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, insert

from store import connectors
from store.models import Connector, Cursor, Project, Quota, Token
from store.session import reading, writing
from store.types import now

CONFIG = {"name": "acme", "company_id": "1"}


def added(engine: Engine, config: dict[str, Any] | None = None) -> bool:
    with writing(engine) as db:
        return connectors.add(db, "acme", config or CONFIG, {"client_secret": "sealed"})


def row_of(engine: Engine) -> Any:
    with reading(engine) as db:
        return connectors.get(db, "acme")


def at_once(*work: Callable[[], object]) -> list[object]:
    """What each gave, all of them begun together."""
    gate, given = threading.Barrier(len(work)), list[object]([None] * len(work))

    def run(number: int, one: Callable[[], object]) -> None:
        gate.wait()
        given[number] = one()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def test_of_many_who_add_the_same_name_at_once_one_wins(engine: Engine) -> None:
    configs = [{"name": "acme", "company_id": str(number)} for number in range(8)]
    given = at_once(*((lambda config=config: added(engine, config)) for config in configs))
    assert sorted(map(bool, given)) == [False] * 7 + [True]
    assert row_of(engine).config == configs[given.index(True)]
    assert row_of(engine).version == 1


def test_a_name_that_was_removed_is_free_again_without_its_old_verdict(engine: Engine) -> None:
    assert added(engine)
    with writing(engine) as db:
        connectors.set_verdict(db, "acme", {"ok": False})
        connectors.set_state(db, "acme", "removed", "x")
        connectors.forget_secrets(db, "acme")
    assert row_of(engine).sealed is None
    assert added(engine, {"name": "acme", "company_id": "2"})
    row = row_of(engine)
    assert (row.state, row.reason, row.verdict, row.config["company_id"], row.version) == ("active", None, None, "2", 2)


def test_of_two_who_change_the_same_version_one_wins(engine: Engine) -> None:
    added(engine)

    def change(company: str) -> bool:
        with writing(engine) as db:
            return connectors.change(db, "acme", 1, {"company_id": company}, {})

    given = at_once(lambda: change("2"), lambda: change("3"))
    assert sorted(map(bool, given)) == [False, True]
    assert (row_of(engine).version, row_of(engine).config["company_id"]) == (2, "2" if given[0] else "3")


def test_one_that_was_removed_meanwhile_cannot_be_changed(engine: Engine) -> None:
    added(engine)
    with writing(engine) as db:
        connectors.set_state(db, "acme", "removed", None)
        assert connectors.change(db, "acme", 1, {}, {}) is False


def test_a_change_leaves_a_pause_as_it_is(engine: Engine) -> None:
    added(engine)
    with writing(engine) as db:
        connectors.set_state(db, "acme", "paused", "audit")
        assert connectors.change(db, "acme", 1, {"company_id": "2"}, {})
    assert (row_of(engine).state, row_of(engine).reason) == ("paused", "audit")


def test_what_was_learnt_at_a_place_is_forgotten_for_one_connector_only(engine: Engine) -> None:
    with writing(engine) as db:
        for name in ("acme", "other"):
            db.execute(insert(Token).values(connector=name, sealed="x", expires_at=now(60)))
            db.execute(insert(Quota).values(connector=name, state={}, version=1))
            db.execute(insert(Project).values(connector=name, project_id="1"))
            db.execute(insert(Cursor).values(connector=name, resource="RFIs", project_id="1", kind="import", until=now()))
        connectors.forget_place(db, "acme")
        for table in connectors.OF_A_PLACE:
            assert {row.connector for row in db.execute(table.__table__.select())} <= {"other"}
        assert len(list(db.execute(Cursor.__table__.select()))) == 1


def test_a_connector_without_work_has_nothing_unfinished(engine: Engine) -> None:
    added(engine)
    with reading(engine) as db:
        assert connectors.unfinished(db, "acme") == {}


def test_the_model_holds_secrets_in_one_column_only() -> None:
    assert {column.name for column in Connector.__table__.columns if "seal" in column.name} == {"sealed"}
