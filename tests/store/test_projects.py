from __future__ import annotations

from sqlalchemy import Engine

from store import projects
from store.projects import News
from store.session import writing


def seen(engine: Engine, *ids: str, connector: str = "acme") -> News:
    with writing(engine) as db:
        return projects.seen(db, connector, {id: f"Project {id}" for id in ids})


def states(engine: Engine) -> dict[str, str]:
    with writing(engine) as db:
        return {row.project_id: row.state for row in projects.every(db, "acme")}


def test_nothing_is_new_at_the_first_look(engine: Engine) -> None:
    news = seen(engine, "1", "2")
    assert (news.first, bool(news)) == (True, False)
    assert not seen(engine, "1", "2")


def test_a_project_is_added_once_vanishes_once_and_returns_once(engine: Engine) -> None:
    seen(engine, "1")
    assert seen(engine, "1", "2").added == {"2": "Project 2"}
    assert seen(engine, "1").vanished == {"2": "Project 2"}
    assert not seen(engine, "1")
    assert states(engine) == {"1": "permitted", "2": "vanished"}
    back = seen(engine, "1", "2")
    assert (back.returned, back.added) == ({"2": "Project 2"}, {})
    assert states(engine) == {"1": "permitted", "2": "permitted"}


def test_an_empty_list_takes_nothing_away_but_the_permission(engine: Engine) -> None:
    seen(engine, "1", "2")
    assert set(seen(engine).vanished) == {"1", "2"}
    with writing(engine) as db:
        rows = projects.every(db, "acme", "vanished")
    assert len({row.vanished_at for row in rows}) == 1  # at once, which tells it from one by one
    assert [row.name for row in rows] == ["Project 1", "Project 2"]


def test_a_project_that_appears_where_none_was_left_is_no_first_look(engine: Engine) -> None:
    seen(engine, "1")
    seen(engine)
    assert seen(engine, "2").added == {"2": "Project 2"}


def test_connectors_know_nothing_of_each_other(engine: Engine) -> None:
    seen(engine, "1")
    assert seen(engine, "1", connector="other").first


def test_a_name_that_no_column_holds_is_cut(engine: Engine) -> None:
    with writing(engine) as db:
        projects.seen(db, "acme", {"1": "x" * 500 + "\x00"})
        assert len(projects.every(db, "acme")[0].name) == 200
