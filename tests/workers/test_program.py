"""A change of the program is in the audit, once, and marks the charts."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from store import audit, board
from store.session import writing
from workers import program


def test_the_first_start_is_no_change_and_another_program_is_one(engine: Engine) -> None:
    with writing(engine) as db:
        assert not program.note(db, "1 (a)")
        assert not program.note(db, "1 (a)")
        assert program.note(db, "1 (b)")
        (row,) = audit.found(db, 10)
        assert (row.verb, row.subject, row.detail) == ("program updated", "1 (b)", {"was": "1 (a)"})
        audit.note(db, "relay", "automation activated", "rule")
        audit.note(db, "user:ana", "connector updated", "acme")
        audit.note(db, "user:ana", "lane paused", "manual")
        assert [name for _, name in board.changes(db, 3600)] == [
            "program updated 1 (b)", "automation activated rule", "connector updated acme",
        ]  # fmt: skip


def test_the_mark_of_the_program_changes_with_its_code_and_with_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    path = tmp_path / "workers" / "a.py"
    path.write_text("x = 1\n")
    first = program.identity(tmp_path)
    (tmp_path / "workers" / "notes.txt").write_text("x")
    assert program.identity(tmp_path) == first
    path.write_text("x = 2\n")
    assert program.identity(tmp_path) != first
