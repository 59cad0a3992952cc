"""`tieback deliveries repair` and `repairs` as people run them, against a pretend Procore that could not reach us."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator.app import serve
from tests.conftest import KEY
from tests.console.conftest import Said, wait_until
from tests.workers.conftest import KEEP, changed, fault
from tests.workers.rig import write_site

Run = Callable[..., Said]


@pytest.fixture
def far() -> Iterator[Any]:
    """Gives a queue up after a quarter of a second."""
    with serve(seed=7, spike=590, hourly=1_000_000, time_scale=200_000) as running:
        yield running


@pytest.fixture
def run(tieback: Run, tmp_path: Path, far: Any) -> Run:
    """The command line with hooks in place that lead nowhere, and a rule that keeps RFIs."""
    write_site(type("Site", (), {"site": tmp_path / "site"}), far, keep=KEEP)  # type: ignore[arg-type]

    def one(*words: str) -> Said:
        settings = {
            "TIEBACK_SITE": str(tmp_path / "site"),
            "TIEBACK_SECRET_KEYS": KEY,
            "TIEBACK_PUBLIC_URL": "http://127.0.0.1:9",
        }
        return tieback(*words, **settings)

    for words in (("db", "upgrade"), ("rules", "apply"), ("hooks", "apply", "acme")):
        done = one(*words)
        assert done.code == 0, done.err
    return one


def discarded(far: Any) -> int:
    found = requests.get(f"{far.url}/_sim/deliveries", timeout=10).json()
    return sum(one["status"] == "discarded" for one in found)


def test_what_procore_threw_away_is_brought_in_and_the_look_is_listed(run: Run, far: Any) -> None:
    changed(far, subject="thrown away")
    wait_until(lambda: discarded(far) == 1, 20, "the end of Procore's patience")
    said = run("deliveries", "repair", "acme")
    assert (said.code, said.out) == (0, "acme, deliveries: 1 found, 1 repaired, 0 unrepairable\n")
    (look,) = run("deliveries", "repairs", "acme", "--json").json()
    assert (look["kind"], look["found"], look["repaired"]) == ("deliveries", 1, 1)
    assert look["items"][0]["status"] == "discarded"
    assert run("deliveries", "list", "--json").json()[0]["reason"] == "from Procore's log, which says discarded"


def test_sweep_and_ids_are_looks_of_their_own(run: Run, far: Any) -> None:
    fault(far, "drop")
    changed(far, subject="never told")
    said = run("deliveries", "repair", "acme", "--sweep", "--ids")
    assert said.out.splitlines() == [
        "acme, deliveries: 0 found, 0 repaired, 0 unrepairable",
        "acme, sweep: 1 found, 1 repaired, 0 unrepairable",
        "acme, ids: 0 found, 0 repaired, 0 unrepairable",
    ]


def test_what_cannot_be_looked_at_is_named_with_its_reason(run: Run, far: Any) -> None:
    fault(far, "tool_disabled", resource="RFIs", project_id=far.project_id)
    lines = run("deliveries", "repair", "acme", "--sweep").out.splitlines()
    assert lines[1] == "acme, sweep: 0 found, 0 repaired, 1 unrepairable"
    assert lines[2].startswith(f"  RFIs in project {far.project_id}: ")
    assert "403" in lines[2]


def test_a_look_that_did_not_end_is_exit_1_with_the_reason(run: Run, far: Any) -> None:
    fault(far, "app_uninstalled")
    said = run("deliveries", "repair", "acme")
    assert said.code == 1
    assert "403" in said.sentence()
    (look,) = run("deliveries", "repairs", "--json").json()
    assert "403" in look["reason"]


def test_since_is_a_day_and_not_in_the_future(run: Run, far: Any) -> None:
    assert run("deliveries", "repair", "acme", "--since", "2026-01-01", "--sweep").code == 0
    said = run("deliveries", "repair", "acme", "--since", "soon")
    assert said.code == 2
    assert "is no date" in said.err


def test_a_paused_connector_is_not_asked_when_it_is_named(run: Run, far: Any) -> None:
    assert run("connector", "pause", "acme", "--reason", "moving").code == 0
    said = run("deliveries", "repair", "acme")
    assert said.code == 2
    assert "tieback connector resume acme" in said.sentence()


def test_without_a_look_the_list_says_when_one_comes(run: Run) -> None:
    assert "every 15 minutes while Tieback runs" in run("deliveries", "repairs").err


def test_hooks_list_shows_triggers_and_the_age_of_secrets_and_plan_names_the_automations(run: Run, far: Any) -> None:
    rows = run("hooks", "list", "acme", "--json").json()
    assert {row["triggers"] for row in rows} == {"RFIs create, update"}
    assert {tuple(row["secrets"]) for row in rows} == {("0 d old",)}
    for hook in far.world.hooks.all():
        far.world.drop_hook(hook)
    planned = run("hooks", "plan", "acme", "--json").json()
    assert [row["for"] for row in planned if row["change"].startswith("add trigger")] == [["keep-rfis"]] * (len(planned) // 2)


def test_rotate_says_how_many_hooks_have_the_new_secret_and_when_the_old_one_ends(run: Run, far: Any) -> None:
    before = {hook.destination_headers["Authorization"] for hook in far.world.hooks.all()}
    count = len(far.world.hooks.all())
    said = run("hooks", "rotate", "acme")
    assert (said.code, said.out) == (
        0,
        f"acme: the new secret was written to {count} hooks. The old one ends in 24 hours.\n",
    )
    after = {hook.destination_headers["Authorization"] for hook in far.world.hooks.all()}
    assert not before & after
    assert not any(secret in said.out + run("hooks", "list", "--json").out for secret in before | after)
    assert "old one until" in str(run("hooks", "list", "acme", "--json").json())


def test_a_rotation_that_could_not_be_finished_is_exit_1_and_says_that_the_old_secret_holds(run: Run, far: Any) -> None:
    fault(far, "webhooks_forbidden", count=1)
    said = run("hooks", "rotate", "acme", "--now")
    assert said.code == 1
    assert "the old one stays valid. Run this again." in said.out
    deadline = time.monotonic() + 20
    while run("hooks", "rotate", "acme", "--now").code != 0:
        assert time.monotonic() < deadline


def test_doctor_tells_of_refused_deliveries_and_of_projects_that_vanished(run: Run, far: Any, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "var/tieback.db", timeout=30)) as db, db:
        db.execute("UPDATE tieback_hooks SET refused = 2, refused_at = created_at WHERE project_id = ?", (str(far.project_id),))
        db.execute(
            "INSERT INTO tieback_projects (connector, project_id, name, state, first_seen_at, seen_at, vanished_at) "
                "SELECT connector, project_id, 'Harbor', 'vanished', created_at, created_at, created_at "
            "FROM tieback_hooks WHERE project_id = ?", (str(far.project_id),),
        )  # fmt: skip
    said = {(one["name"], one["seen"]) for one in run("doctor", "--json").json()}
    assert ("hooks of acme", "2 deliveries came with a secret that is not ours") in said
    (seen,) = [seen for name, seen in said if name == "projects of acme"]
    assert seen.startswith("not permitted any more: Harbor.")
