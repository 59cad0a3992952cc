"""The Procfile's processes on real servers: PostgreSQL with Redis, and PostgreSQL with RabbitMQ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from console.demo.children import Child
from console.demo.play import whole
from console.demo.stage import Stage
from tests.crash.tree import Tree, eventually, tree
from tests.services import Server, free_port
from tests.workers.test_path import KEEP_RFIS, TELL_ERP

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


@pytest.fixture(params=["redis_server", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    return server


def subjects(url: str) -> dict[str, str]:
    with psycopg.connect(url) as db:
        there = db.execute("SELECT to_regclass('rfis')").fetchone()
        if there is None or there[0] is None:
            return {}
        return dict(db.execute("SELECT id, body->>'subject' FROM rfis").fetchall())


def procfile() -> list[list[str]]:
    """The commands of the Procfile, as they stand there."""
    lines = (Path(__file__).parents[2] / "Procfile").read_text().splitlines()
    return [line.split(":", 1)[1].split()[1:] for line in lines if line.strip()]


def started(one: Tree) -> Tree:
    for command in procfile():
        one.start(*command)
    one.wait_ready()
    return one


def env(database: str, broker: Server) -> dict[str, str]:
    return {"TIEBACK_DATABASE_URL": database, "TIEBACK_BROKER_URL": broker.url}


class ProcfileStage(Stage):
    """The demonstration's stage with the Procfile's processes, PostgreSQL and a real broker."""

    def __init__(self, folder: Path, database: str, broker: str):
        super().__init__(folder, free_port(), free_port())
        self._database, self._broker = database, broker

    @property
    def database_url(self) -> str:
        return self._database

    def _settings(self) -> str:
        return f"{super()._settings()}TIEBACK_BROKER_URL={self._broker}\n"

    def start_tieback(self) -> Child:
        web, *_others = [self.start(command[0], *command) for command in procfile()]
        return web


def test_the_demonstration_plays_on_the_procfiles_processes(fresh_database: str, broker: Server, tmp_path: Path) -> None:
    stage = ProcfileStage(tmp_path / "demo", fresh_database, broker.url)
    with stage.alone():
        stage.prepare()
        try:
            whole(stage)
        finally:
            stage.end()


def test_changes_become_rows(fresh_database: str, broker: Server, tmp_path: Path) -> None:
    with tree(tmp_path, env=env(fresh_database, broker), keep=KEEP_RFIS, tell=TELL_ERP) as one:
        started(one)
        one.cli("hooks", "apply", "acme")
        ids = one.change(60, fields={"subject": "through the Procfile"})
        expected = dict.fromkeys(ids, "through the Procfile")
        found = eventually(lambda: subjects(fresh_database), expected, 90)
        assert found == expected, one.log()
        effects = eventually(lambda: states(one), {"applied"}, 60)
        assert effects == {"applied"}


def test_a_dead_broker_does_not_stop_the_work(fresh_database: str, broker: Server, tmp_path: Path) -> None:
    with tree(tmp_path, env=env(fresh_database, broker), keep=KEEP_RFIS) as one:
        started(one)
        one.cli("hooks", "apply", "acme")
        # Given a broker that is killed, when records change
        broker.kill()
        try:
            ids = one.change(20, fields={"subject": "while it was dead"})
            # Then the work goes on without it
            expected = dict.fromkeys(ids, "while it was dead")
            assert eventually(lambda: subjects(fresh_database), expected, 60) == expected, one.log()
        finally:
            broker.start()
        # And with it again when it is back
        one.change(20, fields={"subject": "when it was back"})
        found = eventually(lambda: set(subjects(fresh_database).values()), {"while it was dead", "when it was back"}, 60)
        assert "when it was back" in found, one.log()


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),  # after a failover it answers READONLY
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),  # full: OOM
    ],
    ids=["a replica now", "out of memory"],
)
def test_a_redis_that_refuses_every_write_does_not_stop_the_work(
    fresh_database: str, redis_server: Server, tmp_path: Path, begins: tuple[str, ...], ends: tuple[str, ...]
) -> None:
    with (
        redis.Redis.from_url(redis_server.url) as client,
        tree(tmp_path, env=env(fresh_database, redis_server), keep=KEEP_RFIS) as one,
    ):
        started(one)
        one.cli("hooks", "apply", "acme")
        client.config_set("maxmemory-policy", "noeviction")
        # Given a Redis that answers, and takes nothing
        client.execute_command(*begins)
        try:
            ids = one.change(20, fields={"subject": "while it refused"})
            # Then the door takes what comes, and the work goes on from the database
            expected = dict.fromkeys(ids, "while it refused")
            assert eventually(lambda: subjects(fresh_database), expected, 60) == expected, one.log()
        finally:
            client.execute_command(*ends)
        # And by its rings again when it writes again
        ids = one.change(20, fields={"subject": "when it wrote again"})
        found = eventually(
            lambda: {id: subjects(fresh_database).get(id) for id in ids}, dict.fromkeys(ids, "when it wrote again"), 60
        )
        assert set(found.values()) == {"when it wrote again"}, one.log()


def states(one: Tree) -> Any:
    found: Callable[..., list[dict[str, Any]]] = one.cli
    return {effect["state"] for effect in found("effects", "list", "--json")}
