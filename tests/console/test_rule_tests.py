"""`tieback rules test`: what is run, what is shown, and how it ends."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from console.cli import main

RULE = """\
format: 1
id: {id}
stage: live
when: [{{webhook: {{connector: acme-prod, resource: RFIs}}}}]
if: record.status == "open"
do: [{{id: tell, use: notify.send, with: {{to: "slack:ops", text: RFI}}}}]
tests:
  - name: an open one is told of
    given: {{webhook: {{resource: RFIs}}, record: {{status: {status}}}}}
    expect: {{fired: true, calls: {{notify.send: 1}}}}
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    (folder / "automations").mkdir(parents=True)
    (folder / "connectors").mkdir()
    monkeypatch.setenv("TIEBACK_SITE", str(folder))
    monkeypatch.setenv("TIEBACK_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    return folder


def write(site: Path, id: str, status: str = "open") -> Path:
    path = site / "automations" / f"{id}.yaml"
    path.write_text(RULE.format(id=id, status=status), "utf-8")
    return path


def test_tests_that_hold_end_well_and_need_no_connector(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(site, "one")
    assert main(["rules", "test"]) == 0
    assert capsys.readouterr().out == "ok    one: an open one is told of\n1 test, 0 failed\n"


def test_one_that_fails_says_what_was_seen_and_why(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(site, "one", "closed")
    assert main(["rules", "test"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  one: an open one is told of" in out
    assert "calls.notify.send: expected 1, seen 0" in out
    assert 'because: if[0] is false: record.status = "closed"' in out
    assert 'saw: record.status = "closed"' in out


def test_json_is_one_array_of_verdicts(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(site, "one", "closed")
    assert main(["rules", "test", str(path), "--json"]) == 1
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["automation"], told["ok"], told["values"]) == ("one", False, {"record.status": "closed"})
    assert {one["claim"] for one in told["differences"]} == {"fired", "calls.notify.send"}


def test_a_broken_file_fails_without_hiding_the_others(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(site, "one")
    (site / "automations" / "two.yaml").write_text("format: 1\nid: two\n", "utf-8")
    assert main(["rules", "test"]) == 1
    out = capsys.readouterr().out
    assert "ok    one" in out
    assert "automations/two.yaml:1:1 error TB105" in out


def test_without_a_database_changed_means_changed_since_the_last_commit(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Given two automations that are committed, and one of them changed since
    write(site, "one")
    write(site, "two")
    git = ["git", "-C", str(site), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    write(site, "two", "closed")
    write(site, "three")
    # When only what changed is tested
    assert main(["rules", "test", "--changed"]) == 1
    # Then the one that stands as it was is left out
    out = capsys.readouterr().out
    told = [line.split(":")[0] for line in out.splitlines() if line[0] != " "]
    assert told == [
        "ok    three",
        "FAIL  two",
        "2 tests, 1 failed",
    ]


def test_changed_without_anything_to_compare_with_is_refused(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(site, "one")
    assert main(["rules", "test", "--changed"]) == 2
    assert "there is neither a database nor a repository" in capsys.readouterr().err
