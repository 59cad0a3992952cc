"""Several processes and lanes that call as fast as they may, against a pretend Procore that counts its refusals.

    python -m bench.quota_burst --seconds 60 --processes 4 [--broker redis://…] [--database postgresql://…]

Prints JSON: `refused` are the 429s that the limits gave, `served` the calls that were answered, `share` their part of what the
windows of that time would hold.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from config.errors import Transient
from config.secrets import Secret
from config.settings import load
from connectors import definition, http
from connectors.definition import Connector
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import Call, MemoryCalls, MemoryTokens
from connectors.quota_state import LANES, SPIKE_S
from simulator.app import Running, serve
from store import migrate
from store.session import open_engine
from workers.quota import governor

PATH = "/rest/v1.0/me"
START_S = 3.0
Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Shares one quota among processes and counts what Procore would refuse.")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1, help="for each lane, in each process")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--spike", type=int, default=25)
    parser.add_argument("--hourly", type=int, default=600)
    parser.add_argument("--database", default="", help="a migrated or empty database; SQLite in a folder that goes away")
    parser.add_argument("--broker", default="memory://")
    parser.add_argument("--json", type=Path, help="write the result here too")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, serve(spike=given.spike, hourly=given.hourly) as far:
        env = {"TIEBACK_BROKER_URL": given.broker}
        env["TIEBACK_DATABASE_URL"] = given.database or f"sqlite:///{folder}/tieback.db"
        found = burst(far, env, Path(folder), processes=given.processes, threads=given.threads, seconds=given.seconds)
    text = json.dumps(found, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


def burst(
    far: Running,
    env: dict[str, str],
    folder: Path,
    *,
    processes: int,
    seconds: float,
    threads: int = 1,
    lanes: Sequence[str] = LANES,
) -> Result:
    """Call from all sides for that long, and add up. `env` holds the settings of the processes."""
    engine = open_engine(load(env, folder))
    migrate.upgrade(engine)
    engine.dispose()
    world = far.world
    about = (far.url, str(far.company_id), world.tokens.client_id, world.tokens.client_secret)
    far.world.limits.forget()
    begin = time.monotonic() + START_S  # the same clock in all processes
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        working = [pool.submit(_process, about, env, folder, begin, seconds, threads, lanes) for _ in range(processes)]
        made = [one.result() for one in working]
    return _sum(far, made, seconds)


def _sum(far: Running, made: list[dict[str, Counter[str]]], seconds: float) -> Result:
    seen = far.world.limits.describe()
    lanes: dict[str, Counter[str]] = {}
    for one in made:
        for lane, statuses in one.items():
            lanes.setdefault(lane, Counter()).update(statuses)
    served = sum(count for statuses in lanes.values() for status, count in statuses.items() if status == "200")
    possible = min(seen["hourly"], seen["spike"] * math.ceil(seconds / SPIKE_S))
    return {
        "processes": len(made),
        "seconds": seconds,
        "spike": seen["spike"],
        "hourly": seen["hourly"],
        "refused": seen["refused"],
        "fewest_left": seen["fewest_left"],
        "served": served,
        "possible": possible,
        "share": round(served / possible, 3),
        "lanes": {lane: dict(statuses) for lane, statuses in sorted(lanes.items())},
    }


def _process(
    about: tuple[str, str, str, str],
    env: dict[str, str],
    folder: Path,
    begin: float,
    seconds: float,
    threads: int,
    lanes: Sequence[str],
) -> dict[str, Counter[str]]:
    settings = load(env, folder)
    engine = open_engine(settings)
    quota, tokens = governor(engine, settings), MemoryTokens()
    connector = _connector(*about)
    Procore(connector, tokens, MemoryCalls(), quota).sign_in()
    made: dict[str, Counter[str]] = {lane: Counter() for lane in lanes}
    until = begin + seconds
    time.sleep(max(0.0, begin - time.monotonic()))

    def work(lane: str) -> None:
        procore = Procore(connector, tokens, _Counted(made[lane], until), quota, lane)
        while time.monotonic() < until:
            try:
                procore.request("GET", PATH)
            except Transient as error:
                if error.kind != "quota":
                    made[lane][error.kind] += 1
                time.sleep(max(0.0, min(error.retry_after_s or 0.5, until - time.monotonic())))
        http.close_sessions()

    working = [threading.Thread(target=work, args=(lane,), daemon=True) for lane in lanes for _ in range(threads)]
    for one in working:
        one.start()
    for one in working:
        one.join(max(0.0, until - time.monotonic()))  # who still waits for his turn then is not waited for
    return made


class _Counted:
    """A call log that counts statuses until the time is over."""

    def __init__(self, made: Counter[str], until: float):
        self._made, self._until = made, until

    def record(self, connector: str, call: Call) -> None:
        if time.monotonic() < self._until:
            self._made[str(call.status)] += 1


def _connector(url: str, company_id: str, client_id: str, client_secret: str) -> Connector:
    config = {
        "format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "custom",
        "api_host": url, "login_host": url, "client_id": client_id, "company_id": company_id,
    }  # fmt: skip
    return definition.from_stored(config, {"client_secret": Secret(client_secret), "webhook_secret": Secret("no-hook-" * 5)})


if __name__ == "__main__":
    main()
