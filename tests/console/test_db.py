"""`tieback db backup` and `restore`: what they leave, and what they refuse."""

from __future__ import annotations

from pathlib import Path

from tests.console.conftest import Tieback


def test_a_backup_is_put_back_and_both_are_in_the_audit(tieback: Tieback, tmp_path: Path) -> None:
    assert tieback("db", "upgrade").code == 0
    assert tieback("db", "backup", "copy.db").code == 0
    for file in (tmp_path / "var").glob("tieback.db*"):
        file.rename(file.with_name(f"old-{file.name}"))
    said = tieback("db", "restore", "copy.db")
    assert (said.code, "repair --sweep --ids" in said.out) == (0, True), said.err
    known = [one["verb"] for one in tieback("audit", "list", "--json").json()]
    assert known[:2] == ["database restored", "database backed up"]
    assert tieback("audit", "verify").code == 0


def test_nothing_is_restored_over_a_database_and_it_says_what_to_do(tieback: Tieback) -> None:
    tieback("db", "upgrade")
    tieback("db", "backup", "copy.db")
    said = tieback("db", "restore", "copy.db")
    assert (said.code, "move it away, then restore: mv " in said.sentence()) == (2, True)


def test_a_sqlite_file_of_something_else_is_refused_and_leaves_no_database(tieback: Tieback, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE theirs (id)")
    said = tieback("db", "restore", "other.db")
    assert (said.code, "is no backup of Tieback" in said.sentence()) == (2, True)
    assert not (tmp_path / "var/tieback.db").exists()


def test_a_purge_counts_takes_and_is_in_the_audit(tieback: Tieback) -> None:
    assert tieback("db", "upgrade").code == 0
    said = tieback("db", "purge", "--dry-run")
    assert (said.code, said.out, said.err.strip()) == (0, "", "nothing is that old.")
    assert tieback("db", "purge", "--days", "0").code == 2
    assert tieback("db", "purge", "--json").json()["dry_run"] is False
    (first, *_) = tieback("audit", "list", "--json").json()
    assert (first["verb"], first["subject"]) == ("old work purged", "30 days")
