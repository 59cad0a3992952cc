"""How long `tieback connector add` takes, from its first step to green: the whole command, as a person starts it.

    python -m bench.connector_add [--rounds 3] [--json FILE]

The simulator is a process of its own on the loopback; each round adds to a site and database of its own, so the first
start's making of both is part of what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    command = [sys.executable, "-m", "simulator", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            assert simulator.stdout is not None
            url = simulator.stdout.readline().split()[-1]
            seconds = [_round(url) for _ in range(options.rounds)]
        finally:
            simulator.terminate()
    print(
        f"connector add, first step to green: median {statistics.median(seconds):.2f} s of {[round(one, 2) for one in seconds]}"
    )
    if options.json:
        Path(options.json).write_text(json.dumps({"seconds": seconds}))
    return 0


def _round(url: str) -> float:
    """Seconds; fails when the connector is not green."""
    with urllib.request.urlopen(f"{url}/_sim/state") as reply:
        state: dict[str, Any] = json.load(reply)
    with tempfile.TemporaryDirectory() as folder:
        words = ["connector", "add", "--name", "acme", "--api-host", url, "--login-host", url, "--client-id", state["client_id"]]
        words += ["--client-secret-file", "-", "--company", str(state["companies"][0]["id"])]
        env = {key: value for key, value in os.environ.items() if not key.startswith("TIEBACK_")} | {"PYTHONPATH": str(ROOT)}
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "console.cli", *words], cwd=folder, env=env, input=state["client_secret"], text=True,
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
