"""Programs of others are left out with one sentence that says why, and are not taken for installed before they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import n8n, peers
from bench.contestants import n8n_workflow


def test_n8n_is_left_out_where_node_is_too_old_and_npm_has_none() -> None:
    why = "n8n is left out: it needs Node 24, this machine has {} and npm has none for riscv64"
    assert n8n.install("20.20.2", "riscv64") == why.format("20.20.2")
    assert n8n.install("", "riscv64") == why.format("none")


@pytest.mark.parametrize(
    ("package", "there"),
    [("n8n", True), ("n8n@2.41.1", True), ("n8n@2", True), ("n8n@2.4", False), ("n8n@2.41.2", False), ("pg", False)],
)
def test_what_npm_has_finished_with_in_the_version_asked_for_is_installed(package: str, there: bool, tmp_path: Path) -> None:
    listed = {"packages": {"node_modules/n8n": {"version": "2.41.1"}}}
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/.package-lock.json").write_text(json.dumps(listed))
    assert peers.finished(tmp_path, package) is there


def test_what_npm_was_stopped_at_is_not_installed(tmp_path: Path) -> None:
    # Given the files of a package without the list that npm writes last
    (tmp_path / "node_modules/n8n").mkdir(parents=True)
    (tmp_path / "node_modules/n8n/package.json").write_text('{"version": "2.41.1"}')
    assert not peers.finished(tmp_path, "n8n")


def test_the_cause_that_npm_gives_is_its_sentence_and_not_its_code() -> None:
    said = "npm error code ETARGET\nnpm error notarget No matching version found for left@9.\nnpm error notarget In most cases"
    assert peers.cause(said) == "No matching version found for left@9."
    assert peers.cause("npm ERR! code EACCES\nnpm ERR! syscall mkdir\nnpm ERR! no room\n") == "no room"
    assert peers.cause("") == "nothing"


def test_the_workflow_reads_the_record_of_the_event_and_writes_it() -> None:
    (made,) = n8n_workflow.workflow("http://127.0.0.1:9", {"Authorization": "Bearer t"}, "key")
    steps = {one["name"]: one for one in made["nodes"]}
    assert {name: wire["main"][0][0]["node"] for name, wire in made["connections"].items()} == {
        "Webhook": "Read",
        "Read": "Write",
    }
    assert steps["Webhook"]["parameters"]["responseMode"] == "onReceived"
    assert steps["Read"]["parameters"]["url"].startswith("=http://127.0.0.1:9/rest/v1.0/projects/{{ $json.body.project_id }}/")
    assert n8n_workflow.TABLE in steps["Write"]["parameters"]["query"]


def test_its_database_is_found_in_the_url() -> None:
    (made,) = n8n_workflow.credentials("postgresql://tieback@127.0.0.1:5433/postgres")
    assert {name: made["data"][name] for name in ("host", "port", "user", "database")} == {
        "host": "127.0.0.1", "port": 5433, "user": "tieback", "database": "postgres",
    }  # fmt: skip
