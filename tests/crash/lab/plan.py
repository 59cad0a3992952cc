"""A seed becomes a schedule before anything starts. The same seed gives the same schedule, not the same interleaving."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[3]
PROFILES = ("sqlite", "redis", "rabbitmq")
EDGES = {
    "sqlite": ("sender-door", "worker-far"),
    "redis": ("sender-door", "worker-far", "web-db", "worker-db", "relay-db", "web-broker", "worker-broker"),
    "rabbitmq": ("sender-door", "worker-far", "web-db", "worker-db", "relay-db", "web-broker", "worker-broker"),
}
CUTS = ("delay", "cut", "drop_reply", "half_close", "trickle", "blackhole")
SINK_MODES = ("apply_then_cut", "apply_then_500", "error_500", "slow", "conflict_409", "refused_403")
# What may go wrong, and how often in comparison. `all` is the one child of `tieback up`.
WEIGHTS: dict[str, dict[str, int]] = {
    "sqlite": {
        "kill:all": 5, "kill:supervisor": 1, "freeze:all": 2, "halt:call": 2, "term:all": 1, "proxy": 5, "sink": 6,
        "person": 4,
    },
    "redis": {
        "kill:worker": 6, "kill:web": 4, "kill:relay": 2, "kill:console": 1, "kill:supervisor": 1, "freeze:worker": 2,
        "freeze:workers": 2, "freeze:web": 1, "halt:call": 2, "halt:commit": 4, "term:worker": 2, "broker:kill": 2,
        "broker:flush": 2, "broker:freeze": 1, "db:kill": 2, "proxy": 6, "sink": 6, "person": 4,
    },
    "rabbitmq": {
        "kill:worker": 6, "kill:web": 4, "kill:relay": 2, "kill:console": 1, "kill:supervisor": 1, "freeze:worker": 2,
        "freeze:workers": 2, "freeze:web": 1, "halt:call": 2, "halt:commit": 4, "term:worker": 2, "broker:kill": 1,
        "broker:flush": 2, "db:kill": 2, "proxy": 6, "sink": 6, "person": 4,
    },
}  # fmt: skip
FROZEN_S = 7.0  # longer than a lease
ROLES = ("web", "console", "worker", "relay")
MOST_SKEW_S = 3600
DEEDS = ("edit", "pause_lane", "pause_connector", "retry", "rotate")


@dataclass(frozen=True)
class Fault:
    """`at_s` after the start of the storm; `for_s` how long it holds."""

    at_s: float
    what: str
    target: str = ""
    for_s: float = 0.0
    number: float = 0.0


@dataclass(frozen=True)
class Sent:
    """One delivery that will be sent. `kind`: event, poison or forged; `twice_after_s` None: once."""

    at_s: float
    id: str
    kind: str
    record: int
    version: str
    twice_after_s: float | None = None


@dataclass(frozen=True)
class Plan:
    """`skew`: by how many seconds each role's clock is off. `purges`: a clean-up that keeps nothing runs all the time."""

    seed: int
    profile: str
    run: str
    faults: tuple[Fault, ...]
    sent: tuple[Sent, ...]
    events: int
    skew: dict[str, int]
    purges: bool

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "made_of": made_of()}


def plan(seed: int, profile: str, events: int) -> Plan:
    dice = Random(f"{seed} {profile} {events}")
    run = hashlib.sha256(f"{seed} {profile} {events}".encode()).hexdigest()[:6]
    storm_s = max(8.0, events / 12)
    faults, sent = tuple(_faults(dice, profile, storm_s)), tuple(_sent(dice, run, events, storm_s))
    # Where one process is all there is, its clock is the database's too.
    skew = (
        {role: dice.randint(-MOST_SKEW_S, MOST_SKEW_S) for role in ROLES} if profile != "sqlite" and dice.random() < 0.5 else {}
    )
    return Plan(seed, profile, run, faults, sent, events, skew, purges=seed % 5 == 0)


def _faults(dice: Random, profile: str, storm_s: float) -> list[Fault]:
    names, weights = list(WEIGHTS[profile]), list(WEIGHTS[profile].values())
    found, at = [], dice.uniform(0.5, 1.5)
    while at < storm_s:
        found.append(_fault(dice, profile, round(at, 2), dice.choices(names, weights)[0]))
        at += dice.uniform(0.3, 1.5)
    return found


def _fault(dice: Random, profile: str, at: float, name: str) -> Fault:
    what, _, target = name.partition(":")
    if what == "proxy":
        kind, edge = dice.choice(CUTS), dice.choice(EDGES[profile])
        return Fault(at, f"proxy:{kind}", edge, round(dice.uniform(0.5, 2.5), 2), dice.choice((1, 10, 60, 200, 700)))
    if what == "sink":
        mode = dice.choice(SINK_MODES)
        longer = 3.0 if mode == "refused_403" else 1.0  # long enough to be asked again by whoever takes it for passing
        return Fault(at, "sink", mode, round(dice.uniform(0.8, 2.5) * longer, 2), dice.choice((0.3, 0.6, 1.0)))
    if what == "person":
        return Fault(at, "person", dice.choice(DEEDS), round(dice.uniform(0.5, 1.5), 2))
    holds = {
        "freeze": FROZEN_S if target == "workers" else dice.choice((1.0, FROZEN_S)),
        "halt": FROZEN_S,
        "broker": dice.uniform(0.5, 2.0),
        "db": dice.uniform(0.3, 1.0),
    }.get(what, 0.0)
    return Fault(at, what, target, round(holds, 2))


def _sent(dice: Random, run: str, events: int, storm_s: float) -> list[Sent]:
    found = []
    for number in range(events):
        kind = dice.choices(("event", "poison", "forged"), (92, 5, 3))[0]
        twice = dice.choice((0.0, 0.0, 1.0, 4.0)) if dice.random() < 0.05 else None
        at = storm_s * number / events
        version = dice.choice(("v2.0", "v3.0", "v4.0"))
        found.append(Sent(round(at, 3), f"{run}-{number:06d}", kind, dice.randrange(12), version, twice))
    for place in range(len(found) - 1):
        if dice.random() < 0.05:  # overtaken by the next one
            found[place], found[place + 1] = found[place + 1], found[place]
    return found


def made_of() -> dict[str, str]:
    """What a stranger needs to run the same again."""
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    lock = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()[:16]
    return {"git": git, "lock": lock, "python": platform.python_version(), "system": platform.platform()}
