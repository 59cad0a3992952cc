"""A rolling deploy: processes of this version and of the next one side by side on one database, each from its own checkout."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from store import migrate
from tests.crash.sweep import simulator
from tests.crash.tree import ROOT, Tree, eventually
from tests.services import Server
from tests.workers.rig import write_site
from tests.workers.test_path import KEEP_RFIS, TELL_ERP

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

PACKAGES = ("config", "store", "connectors", "automations", "workers", "webhook", "console", "simulator")
NEXT = '''"""What the next version adds."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"
expands = {expands}


def upgrade() -> None:
    op.add_column("tieback_runs", sa.Column("weather", sa.Text(), nullable=True))
    op.create_table("tieback_weather", sa.Column("id", sa.Integer(), primary_key=True))
'''


def checkout(folder: Path, *, expands: bool) -> Path:
    """The next version: this one with one more migration."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "store/migrations/versions/9999_next.py").write_text(NEXT.format(head=migrate.head(), expands=expands))
    return folder


class Deploy(Tree):
    """`of` says from which checkout a process is started."""

    def of(self, checkout: Path, *command: str, port: int | None = None) -> subprocess.Popen[bytes]:
        bind = {} if port is None else {"TIEBACK_BIND": f"127.0.0.1:{port}"}
        return self.start(*command, env={"PYTHONPATH": str(checkout), **bind})


@pytest.fixture
def deploy(tmp_path: Path, fresh_database: str, redis_server: Server) -> Iterator[Deploy]:
    with simulator() as far:
        site = type("Site", (), {"site": tmp_path / "site"})
        write_site(site, far, keep=KEEP_RFIS, tell=TELL_ERP)  # type: ignore[arg-type]
        env = {"TIEBACK_DATABASE_URL": fresh_database, "TIEBACK_BROKER_URL": redis_server.url, "TIEBACK_WORKER_THREADS": "4"}
        one = Deploy(tmp_path, far, env)
        try:
            yield one
        finally:
            one.stop()


def rows(one: Deploy) -> dict[str, str]:
    with psycopg.connect(one.env["TIEBACK_DATABASE_URL"]) as db:
        if db.execute("SELECT to_regclass('rfis')").fetchone() == (None,):
            return {}
        return {str(id): str(subject) for id, subject in db.execute("SELECT id, body->>'subject' FROM rfis")}


def revision(one: Deploy) -> str:
    with psycopg.connect(one.env["TIEBACK_DATABASE_URL"]) as db:
        found = db.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else ""


def run_out(one: Deploy, of: Path, word: str) -> int:
    """How a command of this checkout ends."""
    with (one.folder / "said").open("wb") as said:
        return subprocess.run(
            [sys.executable, "-m", "console.cli", word],
            cwd=one.folder,
            env={**one.env, "PYTHONPATH": str(of)},
            stderr=said,
            timeout=60,
        ).returncode


def test_this_version_and_the_next_work_side_by_side_and_either_may_be_started(deploy: Deploy, tmp_path: Path) -> None:
    # Given this version at work
    after = checkout(tmp_path / "next", expands=True)
    web, worker, relay = (deploy.of(ROOT, word) for word in ("web", "worker", "relay"))
    deploy.wait_ready(120)
    deploy.cli("hooks", "apply", "acme")
    first = dict.fromkeys(deploy.change(20, fields={"subject": "first"}), "first")
    assert eventually(lambda: {id: rows(deploy).get(id) for id in first}, first, 60) == first
    # When the next one migrates and its worker joins
    deploy.env["PYTHONPATH"] = str(after)
    deploy.cli("db", "upgrade")
    assert revision(deploy) == "9999"
    deploy.of(after, "worker")
    second = dict.fromkeys(deploy.change(20, fields={"subject": "second"}), "second")
    assert eventually(lambda: {id: rows(deploy).get(id) for id in second}, second, 60) == second
    # And a worker of this version is killed and starts again on the newer schema, which it leaves as it is
    for pid in [pid for pid in deploy.pids() if "console.child worker" in deploy.command_of(pid)]:
        os.kill(pid, signal.SIGKILL)
    third = dict.fromkeys(deploy.change(20, fields={"subject": "third"}), "third")
    assert eventually(lambda: {id: rows(deploy).get(id) for id in third}, third, 90) == third
    assert revision(deploy) == "9999"
    assert "schema.newer" in (tmp_path / "log").read_text("utf-8", "replace")
    # Then the rest follows, one after the other
    for old, word in ((relay, "relay"), (worker, "worker"), (web, "web")):
        old.send_signal(signal.SIGTERM)
        assert old.wait(40) == 0
        deploy.of(after, word)
    deploy.wait_ready(60)
    fourth = dict.fromkeys(deploy.change(20, fields={"subject": "fourth"}), "fourth")
    assert eventually(lambda: {id: rows(deploy).get(id) for id in fourth}, fourth, 90) == fourth


def test_a_version_that_the_newer_schema_no_longer_serves_refuses_with_one_sentence(deploy: Deploy, tmp_path: Path) -> None:
    after = checkout(tmp_path / "next", expands=False)
    deploy.env["PYTHONPATH"] = str(after)
    deploy.cli("db", "upgrade")
    for word in ("worker", "relay", "web"):
        assert run_out(deploy, ROOT, word) != 0
        said = (tmp_path / "said").read_text()
        assert f"it is at revision 9999, and this one ({migrate.head()}) cannot work with it. Upgrade Tieback" in said
        assert "Traceback" not in said
    assert revision(deploy) == "9999"
