from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.console.conftest import Pretend, Tieback


def findings(tieback: Tieback, **settings: str) -> dict[str, Any]:
    return {one["name"]: one for one in tieback("doctor", "--json", **settings).json()}


def test_a_setting_that_cannot_be_used_is_wrong(tieback: Tieback) -> None:
    said = tieback("doctor", TIEBACK_BIND="nowhere")
    assert said.code == 1
    assert 'wrong  settings     TIEBACK_BIND is "nowhere" (environment): write host:port' in said.out


def test_every_setting_is_shown_with_its_source_and_no_secret(tieback: Tieback, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/tieback.env").write_text("TIEBACK_RETENTION_DAYS=7\n")
    key = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
    said = tieback("doctor", TIEBACK_SECRET_KEYS=key, TIEBACK_BROKER_URL="redis://u:hunter2@127.0.0.1:1/0")
    assert "TIEBACK_RETENTION_DAYS: 7 (tieback.env)" in said.out
    assert "TIEBACK_SECRET_KEYS: 1 given (environment)" in said.out
    assert key not in said.out
    assert "hunter2" not in said.out


def test_the_folder_of_files_is_looked_at(tieback: Tieback, tmp_path: Path) -> None:
    assert findings(tieback)["files"]["seen"].endswith("will be made with the first file")
    root = tmp_path / "out"
    root.write_text("")
    assert findings(tieback, TIEBACK_FILES_ROOT=str(root))["files"]["state"] == "wrong"
    root.unlink()
    root.mkdir(mode=0o755)
    found = findings(tieback, TIEBACK_FILES_ROOT=str(root))["files"]
    assert (found["state"], found["mend"]) == ("warn", f"Run: chmod 750 {root}, or 700")
    root.chmod(0o700)
    assert findings(tieback, TIEBACK_FILES_ROOT=str(root))["files"]["state"] == "ok"


def test_a_silent_broker_is_wrong_and_harmless(tieback: Tieback) -> None:
    broker = findings(tieback, TIEBACK_BROKER_URL="redis://127.0.0.1:1/0")["broker"]
    assert broker["state"] == "wrong"
    assert "Nothing is lost meanwhile" in broker["mend"]


def test_a_database_that_is_not_there_yet_is_wrong_and_not_made(tieback: Tieback, tmp_path: Path) -> None:
    assert findings(tieback)["database"]["state"] == "wrong"
    assert list(tmp_path.iterdir()) == []


def test_a_fresh_installation_has_nothing_wrong(tieback: Tieback) -> None:
    tieback("db", "upgrade")
    said = tieback("doctor")
    assert said.code == 0, said.out
    assert "no process of Tieback is running" in said.out


def test_plain_http_is_fine_for_a_custom_connector_only(tieback: Tieback, procore: Pretend, secret_file: Path) -> None:
    # Given a connector to a custom host
    tieback(*procore.words("acme", secret_file))
    found = findings(tieback, TIEBACK_PUBLIC_URL="http://127.0.0.1:8000")
    # Then http is accepted, and the connector and its missing hooks are told
    assert found["public url"]["state"] == "ok"
    assert found["connector acme"]["state"] == "ok"
    assert found["hooks of acme"] == {
        "name": "hooks of acme", "state": "warn", "seen": "none so far", "mend": "tieback hooks apply acme"
    }  # fmt: skip
    # But not with one to Procore itself
    tieback("init", "site")
    tieback("rules", "apply")
    found = findings(tieback, TIEBACK_PUBLIC_URL="http://tieback.example.com")
    assert found["public url"]["state"] == "wrong"
    assert found["connector acme-prod"]["state"] == "wrong"
    assert "ACME_CLIENT_ID is not set" in found["connector acme-prod"]["seen"]


def test_a_door_that_faces_the_network_is_warned_of(tieback: Tieback) -> None:
    tieback("db", "upgrade")
    assert findings(tieback, TIEBACK_BIND="0.0.0.0:8000")["proxy"]["state"] == "warn"
    assert findings(tieback, TIEBACK_BIND="0.0.0.0:8000", TIEBACK_BEHIND_PROXY="1")["proxy"]["state"] == "ok"


def test_what_became_wrong_with_a_connector_is_told_with_since_when(
    tieback: Tieback, procore: Pretend, secret_file: Path
) -> None:
    # Given a connector that was well, and projects that are no longer permitted
    tieback(*procore.words("acme", secret_file))
    procore.world.faults.add({"name": "project_removed"})
    try:
        assert tieback("connector", "validate", "acme").code == 1
        found = findings(tieback)["connector acme"]
        # Then that is an alert: what, since when, and who mends it
        assert found["state"] == "wrong"
        assert re.fullmatch(
            r"projects: no project is permitted\. \(since \d{4}-\d\d-\d\dT\S+Z, before that all was well\)", found["seen"]
        )
        assert "App Management" in found["mend"]
    finally:
        procore.world.faults.clear()
    # Until it is well again
    assert tieback("connector", "validate", "acme").code == 0
    assert findings(tieback)["connector acme"]["state"] == "ok"


def test_a_verdict_that_nobody_renewed_is_warned_of(
    tieback: Tieback, procore: Pretend, secret_file: Path, tmp_path: Path
) -> None:
    tieback(*procore.words("acme", secret_file))
    with closing(sqlite3.connect(tmp_path / "var/tieback.db")) as db, db:
        db.execute("UPDATE tieback_connectors SET verdict = json_set(verdict, '$.at', '2026-03-01T10:00:00Z')")
    found = findings(tieback)["connector acme"]
    assert (found["state"], found["seen"]) == ("warn", "last validated 2026-03-01T10:00:00Z")
    assert found["mend"].endswith("tieback connector validate acme")
