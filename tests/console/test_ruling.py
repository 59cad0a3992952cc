"""What is in force, what the files would change, and pauses that end by themselves: as an operator meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from console.cli import main
from console.verbs import importing
from console.verbs.at_hand import at_hand
from store.models import Timer
from store.session import reading
from store.types import now
from workers import chores, resuming

RULE = """\
format: 1
id: {id}
stage: live
when: [{{manual: {{}}}}]
do: [{{id: a, use: set, with: {{n: {n}}}}}]
tests: [{{name: it runs, given: {{manual: {{}}}}, expect: {{fired: true}}}}]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    (folder / "automations").mkdir(parents=True)
    monkeypatch.setenv("TIEBACK_SITE", str(folder))
    monkeypatch.setenv("TIEBACK_DATABASE_URL", f"sqlite:///{tmp_path / 'tieback.db'}")
    monkeypatch.chdir(tmp_path)
    return folder


def write(site: Path, id: str, n: object = 1) -> None:
    (site / "automations" / f"{id}.yaml").write_text(RULE.format(id=id, n=n), "utf-8")


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(words) == code
    return capsys.readouterr().out


def test_apply_says_what_it_activated_kept_and_retired(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(site, "one")
    write(site, "two")
    assert "one: activated " in said(capsys, "rules", "apply")
    # When one changes, the other breaks, and a third comes and goes
    write(site, "one", 2)
    write(site, "two", "${nothing")
    write(site, "three")
    out = said(capsys, "rules", "apply", code=1)
    # Then the good ones are in force, and the broken one keeps what it had
    assert "three: activated " in out
    assert any(line.startswith("one: activated ") and "(was " in line for line in out.splitlines())
    assert any(line.startswith("two: broken, version ") and line.endswith("stays in force") for line in out.splitlines())
    (site / "automations" / "three.yaml").unlink()
    assert "three: retired, its file is gone" in said(capsys, "rules", "apply", code=1)


def test_list_says_since_when_by_whom_and_whether_the_tests_hold(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(site, "one")
    said(capsys, "rules", "apply")
    (row,) = json.loads(said(capsys, "rules", "list", "--tests", "--json"))
    assert row["by"].startswith("cli:")
    assert row["since"]
    assert (row["tests"], row["last_run"]) == ("1 of 1", None)
    assert main(["runs", "start", "one"]) == 0
    (row,) = json.loads(said(capsys, "rules", "list", "--json"))
    assert (row["last_state"], "tests" in row) == ("waiting", False)


def test_diff_says_in_words_and_in_text_what_apply_would_change(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(site, "one")
    write(site, "gone")
    said(capsys, "rules", "apply")
    assert said(capsys, "rules", "diff") == ""
    write(site, "one", 2)
    write(site, "new")
    (site / "automations" / "gone.yaml").unlink()
    found = {row["automation"]: row for row in json.loads(said(capsys, "rules", "diff", "--json"))}
    assert {name: row["state"] for name, row in found.items()} == {"one": "changed", "new": "new", "gone": "removed"}
    assert found["one"]["changes"] == ['step a: with is {"n": 2}, and was {"n": 1}']
    assert "-do: [{id: a, use: set, with: {n: 1}}]" in found["one"]["diff"]
    assert said(capsys, "rules", "diff", "one").startswith("one  changed  automations/one.yaml\n  step a: with is")
    assert main(["rules", "diff", "nobody"]) == 2


def test_with_a_database_changed_means_other_than_what_is_in_force(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(site, "one")
    write(site, "two")
    said(capsys, "rules", "apply")
    assert said(capsys, "rules", "test", "--changed") == "0 tests, 0 failed\n"
    write(site, "two", 2)
    write(site, "three")
    told = said(capsys, "rules", "test", "--changed")
    assert told == "ok    three: it runs\nok    two: it runs\n2 tests, 0 failed\n"


def test_a_pause_for_a_while_ends_by_itself_and_is_audited(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(site, "one")
    said(capsys, "rules", "apply")
    said(capsys, "rules", "pause", "one", "--reason", "floods", "--for", "2h")
    assert main(["rules", "pause", "one", "--reason", "again", "--for", "soon"]) == 2
    with at_hand() as here, importing.desk(here) as desk:
        (timer,) = _timers(here.engine)
        assert 7100 < timer["left"] <= 7200
        chores.CHORES["resume"](desk, timer["subject"])
    (row,) = json.loads(said(capsys, "rules", "list", "--json"))
    assert row["state"] == "active"
    assert "timer" in said(capsys, "audit", "list", "--json")


def _timers(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as db:
        rows = list(db.execute(select(Timer.subject, Timer.run_after, now().label("here")).where(Timer.kind == resuming.KIND)))
    return [{"subject": row.subject, "left": (row.run_after - row.here).total_seconds()} for row in rows]
