"""`tieback db …`: what each command leaves, and what it refuses."""

from __future__ import annotations

import base64
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert

from config.secrets import Box, Secret
from config.settings import load
from console.cli import asking
from store import calls, canary, connectors
from store.models import Call
from store.session import open_engine, writing
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


def company(folder: Path, state: str) -> None:
    """A database with a connector to company 77, and a call of it."""
    engine = open_engine(load({}, folder))
    with writing(engine) as db:
        connectors.add(db, "acme", {"company_id": "77"}, {})
        connectors.set_state(db, "acme", state, None)
        db.execute(insert(Call).values(connector="acme", method="GET", path="/x", duration_ms=1))
    engine.dispose()


def test_a_company_is_purged_once_its_id_was_typed(tieback: Tieback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tieback("db", "upgrade").code == 0
    company(tmp_path, "removed")
    said = tieback("db", "purge", "--company", "77")
    assert (said.code, said.sentence()) == (2, "tieback: nobody is there to type 77. To do it without being asked: --yes")
    monkeypatch.setattr(asking, "_at_a_terminal", lambda: True)
    said = tieback("db", "purge", "--company", "77", input="78\n")
    assert (said.code, "that is not 77. Nothing was deleted." in said.err) == (2, True)
    counted = tieback("db", "purge", "--company", "77", "--dry-run", "--json").json()
    assert counted == {"dry_run": True, "company": "77", "gone": {"calls": 1, "connectors": 1}, "left": []}
    said = tieback("db", "purge", "--company", "77", input="77\n")
    assert (said.code, "calls" in said.out) == (0, True), said.err
    assert tieback("db", "purge", "--company", "77", "--yes", "--json").json()["gone"] == {}
    assert tieback("db", "purge", "--company", "77", "--yes").err.strip() == "nothing of company 77 is here."
    noted = [(one["verb"], one["subject"], one["detail"]) for one in tieback("audit", "list", "--json").json()]
    assert ("company purged", "77", {"calls": 1, "connectors": 1}) in noted
    assert tieback("audit", "verify").code == 0


def test_a_company_that_still_has_a_connector_is_not_purged(tieback: Tieback, tmp_path: Path) -> None:
    assert tieback("db", "upgrade").code == 0
    company(tmp_path, "active")
    said = tieback("db", "purge", "--company", "77", "--yes")
    assert (said.code, said.sentence().endswith("Remove it first: tieback connector remove acme")) == (2, True)
    assert "company purge begun" not in tieback("audit", "list", "--json").out
    assert tieback("db", "purge", "--company", "77").sentence() == said.sentence()  # before anybody has to type anything
    for asked in ((), ("--yes",), ("--dry-run",)):
        assert tieback("db", "purge", "--company", "7x", *asked).sentence().startswith('tieback: "7x" is no id of a company')
    assert "leave out --days" in tieback("db", "purge", "--company", "77", "--days", "3").err


OLD, NEW = (base64.urlsafe_b64encode(letter * 32).decode() for letter in (b"o", b"n"))


def sealed(folder: Path, key: bytes = b"o") -> None:
    """A database of a Tieback that had this key, with one token."""
    engine = open_engine(load({}, folder))
    box = Box([key * 32])
    canary.check(engine, Box([b"o" * 32]))
    with writing(engine) as db:
        calls.keep_token(db, box, "acme", Secret("token-of-acme-12345"), 3600)
    engine.dispose()


def test_an_operator_learns_when_the_old_key_may_go(tieback: Tieback, tmp_path: Path) -> None:
    assert tieback("db", "upgrade").code == 0
    sealed(tmp_path)
    keys = f"{NEW},{OLD}"
    said = tieback("db", "rekey", "--check", TIEBACK_SECRET_KEYS=keys)
    assert (said.code, "still in need of an old key: 2. Keep that key, and run: tieback db rekey" in said.out) == (1, True)
    done = tieback("db", "rekey", "--json", TIEBACK_SECRET_KEYS=keys).json()
    assert (done["values"], done["sealed_anew"], done["lost"]) == (2, 2, [])
    assert {"kind": "access tokens", "values": 1, "sealed_anew": 1, "lost": 0} in done["kinds"]
    said = tieback("db", "rekey", "--check", TIEBACK_SECRET_KEYS=NEW)
    assert (said.code, "the old keys may go" in said.out) == (0, True)
    noted = [(one["verb"], one["detail"]) for one in tieback("audit", "list", "--json").json()[:2]]
    assert [verb for verb, _ in noted] == ["secrets sealed anew", "rekeying begun"]
    assert noted[0][1]["access tokens"] == {"sealed_anew": 1, "lost": 0}
    assert "token-of-acme" not in str(noted)


def test_a_lost_value_is_told_with_its_mend_and_is_exit_1(tieback: Tieback, tmp_path: Path) -> None:
    assert tieback("db", "upgrade").code == 0
    sealed(tmp_path, b"z")
    keys = f"{NEW},{OLD}"
    said = tieback("db", "rekey", TIEBACK_SECRET_KEYS=keys)
    assert said.code == 1
    assert "access tokens, acme: sealed with the key " in said.out
    assert "Where that cannot be done: tieback db rekey --forget-lost; then nothing" in said.out
    assert tieback("db", "rekey", "--forget-lost", TIEBACK_SECRET_KEYS=keys).code == 1
    assert tieback("db", "rekey", "--check", TIEBACK_SECRET_KEYS=keys).code == 0


def test_with_the_wrong_keys_nothing_is_taken_for_lost(tieback: Tieback, tmp_path: Path) -> None:
    assert tieback("db", "upgrade").code == 0
    sealed(tmp_path)
    said = tieback("db", "rekey", "--forget-lost", TIEBACK_SECRET_KEYS=NEW)
    assert (said.code, "none of TIEBACK_SECRET_KEYS opens what this database holds" in said.sentence()) == (2, True)
    assert tieback("db", "rekey", "--check", TIEBACK_SECRET_KEYS=OLD).code == 0


def test_a_look_takes_nothing_away(tieback: Tieback) -> None:
    assert "--check changes nothing" in tieback("db", "rekey", "--check", "--forget-lost").sentence()
