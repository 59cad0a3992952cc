"""How long `make demo` takes on a fresh machine, the downloads not counted.

    python -m bench.demo [--installed] [--json FILE]

What git knows of this checkout is copied to a new folder, without an environment. The first `make demo` there fills the
caches of pip or uv; then its environment is thrown away and the second is timed. `--installed` times only the
demonstration itself, with the environment of this checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.services import free_port

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--installed", action="store_true", help="do not install anything: only the demonstration")
    parser.add_argument("--json", help="also write the result to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.installed:
            ports = ["--port", str(free_port()), "--sim-port", str(free_port())]
            seconds = _timed([sys.executable, "-m", "console.cli", "demo", *ports], Path(folder))
        else:
            checkout = Path(folder) / "tieback"
            _copy(checkout)
            words = ["make", "demo", f"PYTHON={sys.executable}", f"PORT={free_port()}", f"SIM_PORT={free_port()}"]
            first = _timed(words, checkout)
            shutil.rmtree(checkout / ".venv")
            shutil.rmtree(checkout / "var", ignore_errors=True)
            seconds = _timed(words, checkout)
            print(f"with the downloads, or from what was downloaded before: {first:.1f} s")
    what = "the demonstration alone" if options.installed else "make demo, from a bare checkout"
    print(f"{what}: {seconds:.1f} s  (target < 120 s)")
    if options.json:
        Path(options.json).write_text(json.dumps({"seconds": round(seconds, 1), "installed": options.installed}))
    return 0


def _copy(to: Path) -> None:
    """Every file that git knows, as it is now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, to / name)


def _timed(words: list[str], folder: Path) -> float:
    """Seconds of a command. Raises: SystemExit with the end of what it said when it fails."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TIEBACK_", "VIRTUAL_ENV", "MAKE", "PYTHONPATH"))
    }
    ours = {} if words[0] == "make" else {"PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    ended = subprocess.run(words, cwd=folder, env={**env, **ours}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {ended.returncode}:\n{(ended.stdout + ended.stderr)[-2000:]}")
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
