"""`tieback import` as people run it, against a pretend Procore on a real socket."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator.app import serve
from tests.conftest import KEY
from tests.console.conftest import Said, wait_until
from tests.workers.conftest import fault
from tests.workers.rig import write_site

Run = Callable[..., Said]


@pytest.fixture
def far() -> Iterator[Any]:
    with serve(seed=7, spike=10_000, hourly=100_000) as running:
        yield running


@pytest.fixture
def run(tieback: Run, tmp_path: Path, far: Any) -> Run:
    """The command line in a site whose connector `acme` reaches the pretend Procore."""
    site = type("Site", (), {"site": tmp_path / "site"})
    write_site(site, far)  # type: ignore[arg-type]

    def one(*words: str) -> Said:
        return tieback(*words, TIEBACK_SITE=str(tmp_path / "site"), TIEBACK_SECRET_KEYS=KEY)

    assert one("db", "upgrade").code == 0
    assert one("rules", "apply").code == 0
    return one


def rows(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "var/tieback.db", timeout=30)) as db, db:
        return db.execute(query).fetchall()


def test_a_mass_deletion_is_confirmed_by_its_exact_number_for_one_list_and_noted_in_the_audit(run: Run, far: Any) -> None:
    project = str(far.project_id)
    assert run("import", "acme", "RFIs", "--project", project).code == 0
    wish = {"resource": "RFIs", "verb": "delete", "project_id": far.project_id, "count": 30}
    requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).raise_for_status()
    refused = run("import", "acme", "RFIs", "--project", project, "--full")
    assert refused.code == 1
    assert f'tieback import acme "RFIs" --full --project {project} --confirm-deletions 30' in refused.out + refused.err
    # It is for one list, read whole
    for words in (("RFIs", "--project", project), ("RFIs", "--full"), ("RFIs", "Submittals", "--full", "--project", project)):
        assert run("import", "acme", *words, "--confirm-deletions", "30").code == 2
    done = run("import", "acme", "RFIs", "--full", "--project", project, "--confirm-deletions", "30", "--json")
    assert (done.code, done.json()["total"]["deleted"]) == (0, 30)
    (noted,) = [row for row in run("audit", "list", "--json").json() if "confirmed_deletions" in str(row)]
    assert noted["actor"].startswith("cli:")


def test_an_import_says_what_it_did_and_exits_0(run: Run, far: Any) -> None:
    said = run("import", "acme", "rfis", "Company Vendors", "--project", str(far.project_id))
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].startswith("RFIs: 36 new, 0 changed, 0 unchanged, 0 deleted, ")
    assert lines[1].startswith("Company Vendors: ")
    assert lines[2].startswith("in all: ")
    again = run("import", "acme", "RFIs", "--project", str(far.project_id), "--full", "--json").json()
    assert {key: again["total"][key] for key in ("new", "changed", "unchanged", "deleted")} == {
        "new": 0, "changed": 0, "unchanged": 36, "deleted": 0,
    }  # fmt: skip
    assert again["state"] == "ok"


@pytest.mark.parametrize(
    "words,sentence",
    [
        (["acme", "RFI"], 'did you mean "RFIs"?'),
        (["acme", "ToDos"], "ToDos cannot be imported: Procore has no list of it"),
        (["acme", "Generic Tool Items"], "its list needs generic_tool_id, and Procore lists none of those"),
        (["acm", "RFIs"], 'did you mean "acme"?'),
        (["acme", "Departments", "--since", "2026-01-01"], "--since does not work for Departments"),
        (["acme", "RFIs", "--since", "soon"], "'soon' is no date. Write it as 2026-03-01"),
        (["acme", "RFIs", "--since", "2999-01-01"], "is in the future"),
        (["acme", "RFIs", "--full", "--since", "2026-01-01"], "Leave one of them out"),
        (["acme", "Departments", "--project", "1"], "Leave --project out"),
    ],
)
def test_what_cannot_be_imported_is_said_with_the_mend(run: Run, words: list[str], sentence: str) -> None:
    said = run("import", *words)
    assert said.code == 2
    assert sentence in said.sentence()


def test_a_project_that_is_not_permitted_is_said(run: Run) -> None:
    said = run("import", "acme", "RFIs", "--project", "12345")
    assert said.code == 1
    assert "project 12345 is not permitted" in said.err
    assert "Company Admin > App Management" in said.err


def test_a_tool_that_is_off_is_said_once_and_the_other_projects_are_read(run: Run, far: Any) -> None:
    fault(far, "tool_disabled", resource="RFIs", project_id=far.project_id)
    said = run("import", "acme", "RFIs")
    assert said.code == 0
    told = [line for line in said.err.splitlines() if "skipped" in line]
    assert len(told) == 1
    assert f"RFIs in project {far.project_id}: skipped: acme: 403" in told[0]


def test_a_plan_counts_the_calls_and_reads_nothing(run: Run, far: Any, tmp_path: Path) -> None:
    plan = run(
        "import", "acme", "RFIs", "RFI Replies", "Manpower Logs", "--project", str(far.project_id), "--plan", "--json"
    ).json()
    by_name = {one["resource"]: one for one in plan["lists"]}
    assert (by_name["RFIs"]["records"], by_name["RFIs"]["calls"]) == (36, 1)
    assert by_name["RFI Replies"]["calls"] == 1 + 36
    assert by_name["Manpower Logs"]["how"].startswith("days ")
    assert plan["calls"] == sum(one["calls"] for one in plan["lists"])
    assert rows(tmp_path, "SELECT * FROM tieback_imports") == []
    assert "of which imports may use" in run("import", "acme", "RFIs", "--plan").out.splitlines()[-1]


def test_two_imports_of_one_list_do_not_run_at_once(run: Run, tmp_path: Path, far: Any) -> None:
    run("import", "acme", "RFIs")
    rows(tmp_path, "UPDATE tieback_imports SET state = 'running', holder = 'far:1:x', lease_until = '2099-01-01 00:00:00.000000'")
    said = run("import", "acme", "Submittals", "RFIs")
    assert said.code == 1
    assert "import 1, asked for by cli:" in said.sentence()
    assert "reads RFIs of acme already (held by far:1:x)" in said.sentence()
    assert run("imports", "cancel", "1").code == 0
    assert run("import", "acme", "Submittals", "RFIs").code == 0


def test_imports_can_be_listed_shown_and_cancelled(run: Run, far: Any) -> None:
    run("import", "acme", "RFIs")
    (one,) = run("imports", "list", "--json").json()
    assert (one["state"], one["resources"], one["new"] > 0) == ("ok", ["RFIs"], True)
    shown = run("imports", "show", "1")
    assert "import 1 of acme, incremental, asked for by cli:" in shown.out
    assert run("imports", "show", "1", "--json").json()["lists"] == {"ok": 3}
    assert "import 1 is ok; only one that is waiting or running can be cancelled" in run("imports", "cancel", "1").sentence()
    assert "there is no import 9" in run("imports", "show", "9").sentence()


@pytest.mark.timeout(180)
def test_a_killed_import_goes_on_and_every_row_is_there_once(
    run: Run, far: Any, tmp_path: Path, clean_env: dict[str, str]
) -> None:
    # Given many RFIs, and an import that is killed in their middle
    fill = {"resource": "RFIs", "project_id": far.project_id, "count": 6000}
    requests.post(f"{far.url}/_sim/fill", json=fill, timeout=60).raise_for_status()
    env = {**clean_env, "TIEBACK_SITE": str(tmp_path / "site"), "TIEBACK_SECRET_KEYS": KEY}
    words = ["import", "acme", "RFIs", "--project", str(far.project_id)]
    process = subprocess.Popen([sys.executable, "-m", "console.cli", *words], cwd=tmp_path, env=env, stderr=subprocess.DEVNULL)
    wait_until(lambda: _count(tmp_path) >= 2400, 60, "40 % of the rows")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -9
    assert _count(tmp_path) < 6036
    # When its lease has ended and the same is asked for again
    rows(tmp_path, "UPDATE tieback_imports SET lease_until = '2020-01-01 00:00:00.000000'")
    said = run(*words)
    # Then it goes on where it was, and every row and copy is there once
    assert said.code == 0, said.err
    assert "import 1 of the same has not ended: going on with it" in said.err
    assert said.out.startswith("RFIs: 6036 new, 0 changed, 0 unchanged, 0 deleted, ")
    assert int(said.out.split(", ")[-1].split()[0]) <= 6036 // 500 + 4
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT id) FROM rfis") == [(6036, 6036)]
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT record_id) FROM tieback_records") == [(6036, 6036)]


def _count(folder: Path) -> int:
    try:
        return int(rows(folder, "SELECT count(*) FROM rfis")[0][0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.timeout(120)
def test_ctrl_c_keeps_what_was_read_and_says_how_to_go_on(run: Run, far: Any, tmp_path: Path, clean_env: dict[str, str]) -> None:
    fault(far, "slow", seconds=1.0, path="/rfis")
    env = {**clean_env, "TIEBACK_SITE": str(tmp_path / "site"), "TIEBACK_SECRET_KEYS": KEY}
    words = [sys.executable, "-m", "console.cli", "import", "acme", "RFIs"]
    process = subprocess.Popen(words, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: _count(tmp_path) > 0, 60, "the first rows")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "import 1 is stopped, what was read is kept" in err
    requests.delete(f"{far.url}/_sim/faults", timeout=10)
    assert run("import", "acme", "RFIs").code == 0
    assert rows(tmp_path, "SELECT state FROM tieback_imports") == [("ok",)]
