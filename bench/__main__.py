"""Run every program here, one after the other, and print one table: `python -m bench [NAME...] [--tiny | --most]`.

What each said stands in `build/bench/NAME.json`, with its own figures where it writes some, and all of it in
`build/bench/all.json`. `--tiny` takes sizes that only show that a program works, `--most` also those that take long (`growth` at
10,000,000 events). Nothing here fails because a machine is slow.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import machine
from bench.databases import missing

HERE = Path(__file__).parent
OUT = HERE.parent / "build" / "bench"
# For a look whether it works; what is not here runs as it is.
TINY = {
    "accept": ["--seconds", "0.5", "--connections", "4", "--rounds", "1"],
    "backtest": ["--count", "500"],
    "burst": ["--events", "40", "--projects", "2", "--fanout", "60", "--spike", "200", "--hourly", "6000"],
    "connector_add": ["--rounds", "1"],
    "console": ["--runs", "2000", "--rounds", "1", "--seconds", "1"],
    "demo": ["--installed"],
    "event_row": ["--count", "40", "--rounds", "1", "--workers", "1", "--without", "n8n"],
    "import_rfis": ["--count", "500"],
    "growth": ["--sizes", "500,2000", "--events", "30", "--rounds", "1"],
    "import_peers": ["--count", "500"],
    "latency": ["--events", "3", "--apart", "1", "--import-count", "500"],
    "matching": ["--count", "30"],
    "memory": ["--minutes", "0.1", "--rate", "2", "--idle", "1"],
    "quota_burst": ["--processes", "2", "--seconds", "4"],
    "writes": ["--count", "30", "--idle", "1"],
}
# The servers that a program starts for itself.
BOTH = ("postgresql", "redis")
NEEDS = {
    "console": ("postgresql",), "event_row": BOTH, "growth": BOTH, "import_peers": BOTH, "latency": BOTH, "memory": BOTH,
    "writes": BOTH,
}  # fmt: skip
MOST_S = 3 * 3600


def programs() -> list[str]:
    """Every file here that can be run by itself and measures."""
    runs = "__name__" + ' == "__main__"'
    found = {path.stem for path in HERE.glob("[a-z]*.py") if runs in path.read_text("utf-8")}
    return sorted(found - {"capacity", "page"})  # these read what others have measured


def main(words: list[str] | None = None, out: Path = OUT) -> int:
    known = programs()
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(known)}")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--tiny", action="store_true", help="sizes that only show that it works")
    size.add_argument("--most", action="store_true", help="also the sizes that take long")
    given = parser.parse_args(words)
    if strange := [name for name in given.names if name not in known]:
        parser.error(f"there is no program {strange[0]!r}: take one or more of {', '.join(known)}")
    out.mkdir(parents=True, exist_ok=True)
    done = [_run(name, given.tiny, out, most=given.most) for name in given.names or known]
    whole = {"machine": machine.about(), "tiny": given.tiny, "programs": done}
    (out / "all.json").write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    _show(done)
    return 1 if any(one["state"].startswith("exit") for one in done) else 0


def left_out(name: str, missing: Callable[..., str] = missing) -> str:
    """Why a program cannot run here, in a sentence; '' when it can."""
    return missing(*NEEDS.get(name, ()))


def _run(name: str, tiny: bool, out: Path, *, most: bool = False) -> dict[str, Any]:
    if why := left_out(name):
        return _kept(out, machine.about(), name, "left out", [], [why], 0.0, None)
    source = (HERE / f"{name}.py").read_text("utf-8")
    arguments = list(TINY.get(name, ())) if tiny else ["--most"] if most and '"--most"' in source else []
    figures = out / f"{name}.figures.json"
    figures.unlink(missing_ok=True)
    also: list[str] = []
    if "--json" in source:
        also = ["--json", str(figures)]
    print(f"{name} …", file=sys.stderr, flush=True)
    on = machine.about()
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *arguments, *also],
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        text=True,
        timeout=MOST_S,
    )
    found = json.loads(figures.read_text("utf-8")) if figures.exists() else None
    figures.unlink(missing_ok=True)
    lines = [line.rstrip() for line in ended.stdout.splitlines() if line.strip()]
    state = "ran" if ended.returncode == 0 else f"exit {ended.returncode}"
    return _kept(out, on, name, state, arguments, lines, time.monotonic() - began, found)


def _kept(
    out: Path, on: dict[str, Any], name: str, state: str, arguments: list[str], lines: list[str], seconds: float, figures: Any
) -> dict[str, Any]:
    one = {"name": name, "state": state, "arguments": arguments, "seconds": round(seconds, 1), "said": lines, "figures": figures}
    (out / f"{name}.json").write_text(json.dumps({"machine": on, **one}, indent=1) + "\n", "utf-8")
    return one


def _show(done: list[dict[str, Any]]) -> None:
    width = max(len(one["name"]) for one in done)
    print(f"{'program':<{width}}  {'state':<8}  {'seconds':>8}  what it said")
    for one in done:
        first, *rest = one["said"] or [""]
        print(f"{one['name']:<{width}}  {one['state']:<8}  {one['seconds']:>8}  {first}")
        for line in rest:
            print(f"{'':<{width}}  {'':<8}  {'':>8}  {line}")


if __name__ == "__main__":
    sys.exit(main())
