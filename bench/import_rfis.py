"""How 100,000 RFIs are imported: how fast, in how much memory, and whether a kill in the middle loses or doubles any.

    python -m bench.import_rfis [--count 100000] [--database postgresql://…] [--json FILE]

A pretend Procore, and the command line as people run it, each a process of its own. The first import is ended by
SIGKILL when 40 % of the rows are there; the same command then goes on. Compare nothing across machines.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from bench.site import write
from config.settings import load
from store import migrate
from store.session import open_engine, reading, writing

KILL_AT = 0.4


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as folder, _simulator() as url:
        result = _run(Path(folder), url, options)
    print(json.dumps(result, indent=2))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=2))
    return 0 if result["right"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--database", default="", help="a PostgreSQL URL of an empty database; SQLite in a new folder by default")
    parser.add_argument("--json", help="also write the result to this file")
    return parser.parse_args()


@contextmanager
def _simulator() -> Iterator[str]:
    command = [sys.executable, "-m", "simulator", "--port", "0", "--hourly", "100000", "--spike", "10000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.communicate()


def _run(folder: Path, url: str, options: argparse.Namespace) -> dict[str, Any]:
    state = requests.get(f"{url}/_sim/state", timeout=60).json()
    company = state["companies"][0]
    project = str(company["projects"][0]["id"])
    fill = {"resource": "RFIs", "project_id": int(project), "count": options.count}
    requests.post(f"{url}/_sim/fill", json=fill, timeout=600).raise_for_status()
    env = _site(folder, url, state, options.database)
    engine = open_engine(load(env, folder))
    migrate.upgrade(engine)
    _command(folder, env, "rules", "apply")
    first = _import(folder, env, project, engine, kill_at=int(options.count * KILL_AT))
    with writing(engine) as db:  # what waiting for the lease to end would do, half a minute later
        db.execute(text("UPDATE tieback_imports SET lease_until = '2020-01-01 00:00:00.000000'"))
    second = _import(folder, env, project, engine)
    again = _import(folder, env, project, engine, "--full")
    found = _found(engine)
    engine.dispose()
    there = _there(url, state, company, project)
    return {
        "records": there, "killed": first, "resumed": second, "full_again": again, **found,
        "right": found["rows"] == found["ids"] == found["copies"] == there and second["code"] == again["code"] == 0,
    }  # fmt: skip


def _there(url: str, state: dict[str, Any], company: dict[str, Any], project: str) -> int:
    """How many RFIs the far end says that it has in the project."""
    asked = {"grant_type": "client_credentials", "client_id": state["client_id"], "client_secret": state["client_secret"]}
    token = requests.post(f"{url}/oauth/token", data=asked, timeout=60).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Procore-Company-Id": str(company["id"])}
    reply = requests.get(f"{url}/rest/v1.0/projects/{project}/rfis?per_page=1", headers=headers, timeout=60)
    return int(reply.headers["Total"])


def _site(folder: Path, url: str, state: dict[str, Any], database: str) -> dict[str, str]:
    write(folder / "site", url, state)
    env = {name: value for name, value in os.environ.items() if not name.startswith("TIEBACK_")}
    env |= {"TIEBACK_SITE": str(folder / "site"), "TIEBACK_SECRET_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode()}
    env |= {"PYTHONPATH": str(Path(__file__).parents[1])}
    return env | {"TIEBACK_DATABASE_URL": database or f"sqlite:///{folder}/tieback.db"}


def _start(folder: Path, env: dict[str, str], *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "console.cli", *words]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _command(folder: Path, env: dict[str, str], *words: str) -> None:
    process = _start(folder, env, *words)
    out, err = process.communicate()
    if process.returncode:
        raise SystemExit(f"{words}: {out}{err}")


def _import(
    folder: Path, env: dict[str, str], project: str, engine: Engine, *words: str, kill_at: int | None = None
) -> dict[str, Any]:
    """One run of the command: seconds, peak memory of its process in MB, and what it said."""
    started = time.monotonic()
    process = _start(folder, env, "import", "acme", "RFIs", "--project", project, "--json", *words)
    peak_kb = 0
    while process.poll() is None:
        peak_kb = max(peak_kb, _peak_kb(process.pid))
        if kill_at is not None and _rows(engine) >= kill_at:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.05)
    out, err = process.communicate()
    rows = _rows(engine)
    seconds = round(time.monotonic() - started, 1)
    told = json.loads(out)["total"] if out.strip() else None
    return {"seconds": seconds, "peak_mb": round(peak_kb / 1024), "rows": rows, "code": process.returncode,
            "told": told, "stderr": err[-500:]}  # fmt: skip


def _peak_kb(pid: int) -> int:
    """The largest resident size that the kernel has seen of this process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def _rows(engine: Engine) -> int:
    try:
        with reading(engine) as db:
            return int(db.scalar(text("SELECT count(*) FROM rfis")) or 0)
    except DBAPIError:  # not made yet
        return 0


def _found(engine: Engine) -> dict[str, int]:
    with reading(engine) as db:
        rows, ids = db.execute(text("SELECT count(*), count(DISTINCT id) FROM rfis")).one()
        copies = db.scalar(text("SELECT count(*) FROM tieback_records WHERE resource = 'RFIs'"))
    return {"rows": int(rows), "ids": int(ids), "copies": int(copies or 0)}


if __name__ == "__main__":
    sys.exit(main())
