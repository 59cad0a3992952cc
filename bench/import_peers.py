"""A full import of 100,000 RFIs into PostgreSQL by Tieback, and by dlt's REST source: seconds and memory of both.

    python -m bench.import_peers [--count 100000] [--rounds 1] [--json FILE]

Both are processes of their own, from their start to their end, read the same pages of 100 from the same pretend Procore,
whose limits stop nobody, and write to a new database on the same throw-away server; they take turns. dlt is installed by
pip into `build/peers/dlt`, never into our own environment.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from bench import processes
from bench.databases import another
from bench.event_row import headers
from bench.peers import PEERS
from bench.production import ROOT, Production, production, save

DLT = PEERS / "dlt"
INSTALL_S = 900


def main() -> int:
    options = _options()
    left_out = install()
    found: dict[str, list[dict[str, Any]]] = {"Tieback": []} if left_out else {"Tieback": [], "dlt": []}
    with production({}, fill=options.count, processes=()) as running:
        there = _there(running)
        for number in range(options.rounds):
            for name, taken in found.items():
                taken.append(_tieback(running, number) if name == "Tieback" else _dlt(running, number))
                if taken[-1]["rows"] != there:
                    raise SystemExit(f"{name} has {taken[-1]['rows']} rows of {there}. It said: {taken[-1]['said']}")
    for name, taken in found.items():
        seconds = [one["seconds"] for one in taken]
        peak, early = max(one["peak_mb"] for one in taken), taken[-1]["early_mb"]
        print(
            f"{name:8} {statistics.median(seconds):7.1f} s   {min(seconds):.1f} to {max(seconds):.1f}   {there} records"
            f"   most memory {peak:.0f} MB, {early:.0f} MB until a fifth of the time"
        )
    told: dict[str, Any] = {"records": there, "contestants": found, "left_out": left_out}
    if left_out:
        print(left_out)
    else:
        pairs = zip(found["dlt"], found["Tieback"], strict=True)
        told["ratio"] = round(statistics.median(dlt["seconds"] / ours["seconds"] for dlt, ours in pairs), 2)
        print(f"Tieback is {told['ratio']} times as fast as dlt (target >= 3, and below 150 MB)")
    save(options.json, told)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", help="also write the result to this file")
    return parser.parse_args()


def install() -> str:
    """dlt into an environment of its own, once. Returns '' or why it is left out."""
    if (DLT / "bin/dlt").exists():
        return ""
    try:
        subprocess.run([sys.executable, "-m", "venv", str(DLT)], check=True, capture_output=True)
        words = [str(DLT / "bin/pip"), "install", "-q", "dlt[postgres]"]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_S)
    except (subprocess.SubprocessError, OSError) as error:
        return f"dlt is left out: {str(error)[:200]}"
    return f"dlt is left out: pip says {(ended.stderr.strip().splitlines() or ['nothing'])[-1][:200]}" if ended.returncode else ""


def _there(running: Production) -> int:
    """How many RFIs the project has in all; some were there before it was filled."""
    import requests

    url = f"{running.stage.simulator}/rest/v1.0/projects/{running.projects[0]}/rfis?per_page=1"
    return int(requests.get(url, headers=headers(running), timeout=60).headers["Total"])


def _tieback(running: Production, number: int) -> dict[str, Any]:
    url = another(running.database, f"tieback{number}")
    env = {**running.stage.env, "TIEBACK_DATABASE_URL": url, "TIEBACK_BROKER_URL": "memory://"}
    tieback = [sys.executable, "-m", "console.cli"]
    for words in (["db", "upgrade"], ["rules", "apply"]):
        subprocess.run([*tieback, *words], env=env, check=True, capture_output=True)
    words = [*tieback, "import", "acme", "RFIs", "--full", "--project", running.projects[0]]
    return _watched(words, env, running.stage.folder, url, "rfis")


def _dlt(running: Production, number: int) -> dict[str, Any]:
    """dlt wants a password, whether the server asks for one or not."""
    url = another(running.database, f"dlt{number}")
    env = {
        **os.environ, "RAW_PROCORE": running.stage.simulator, "RAW_HEADERS": json.dumps(headers(running)),
        "RAW_DATABASE": url.replace("@", ":none@"),
        "RAW_PATH": f"/rest/v1.0/projects/{running.projects[0]}/rfis", "RAW_FOLDER": str(running.stage.folder / f"dlt{number}"),
        "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR",
    }  # fmt: skip
    words = [str(DLT / "bin/python"), str(ROOT / "bench/contestants/dlt_import.py")]
    return _watched(words, env, running.stage.folder, url, "by_dlt.rfis")


def _watched(words: list[str], env: dict[str, str], folder: Path, url: str, table: str) -> dict[str, Any]:
    """Seconds of a command, the most memory of it with all that it started, and the rows that it left."""
    began = time.monotonic()
    seen: list[tuple[float, float]] = []
    with (folder / "import.log").open("w+") as log:
        process = subprocess.Popen(words, cwd=folder, env=env, stdout=log, stderr=log)
        while process.poll() is None:
            seen.append((time.monotonic() - began, processes.resident_mb(processes.tree(process.pid))))
            time.sleep(0.1)
        took = time.monotonic() - began
        log.seek(0)
        said = log.read()[-600:]
    early = [mb for at, mb in seen if at <= took / 5]
    with psycopg.connect(url) as db:
        there = db.execute("SELECT to_regclass(%s)", (table,)).fetchone()
        row = db.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() if there and there[0] else None
    return {
        "seconds": round(took, 2), "peak_mb": max(mb for _, mb in seen), "early_mb": max(early), "code": process.returncode,
        "rows": row[0] if row else 0, "said": said,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
