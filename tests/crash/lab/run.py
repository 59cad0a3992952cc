"""One run from its plan to its verdict."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.crash.lab import check, evidence, settle
from tests.crash.lab.check import Violation
from tests.crash.lab.evidence import Evidence
from tests.crash.lab.nemesis import Nemesis
from tests.crash.lab.operator import Operator
from tests.crash.lab.plan import Plan
from tests.crash.lab.sender import Sender
from tests.crash.lab.supervise import Stack
from tests.crash.lab.target import Target
from tests.crash.lab.watch import Watch
from tests.crash.sweep import Far
from tests.crash.tree import eventually
from tests.services import Server

RECORDS = 12


@dataclass(frozen=True)
class Result:
    """`void` says why the run proves nothing, such as what another run left behind."""

    plan: Plan
    violations: list[Violation]
    uncertain: int
    sometimes: dict[str, int]
    acked: int
    settled_s: float | None
    seconds: float
    void: str = ""


def run(
    plan: Plan, far: Far, servers: dict[str, Server], into: Path, bugs: tuple[str, ...] = (), patience_s: float = 90
) -> Result:
    """Artefacts are kept below `into` when something is wrong, and thrown away otherwise."""
    began = time.monotonic()
    folder = into / f"run-{plan.profile}-{plan.seed}-{time.time_ns() // 1_000_000 % 100_000_000}"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(plan.as_json(), indent=1))
    seen = _seen(plan, far, servers, folder, bugs, patience_s)
    violations = check.check(seen)
    void = f"{seen.foreign} requests of other runs reached the far end" if seen.foreign else ""
    if violations or void:
        seen.keep(folder)
        _tell(seen, violations, folder)
    else:
        shutil.rmtree(folder)
    acked = len({one["id"] for one in seen.attempts if one["status"] == 204})
    seconds = time.monotonic() - began
    return Result(plan, violations, check.uncertain(seen), check.sometimes(seen), acked, seen.settled_s, seconds, void)


def _seen(plan: Plan, far: Far, servers: dict[str, Server], folder: Path, bugs: tuple[str, ...], patience_s: float) -> Evidence:
    target = Target(far)
    target.prepare(RECORDS)
    with _stack(folder, far, plan, servers, bugs) as stack:
        here = stack.prepare()
        stack.begin()
        secret = stack.subscribe(here)
        url = f"http://127.0.0.1:{stack.proxies.edges['sender-door'].port}/webhooks/{stack.hook_key}"
        ids = (far.company_id, far.project_id)
        sender = Sender(plan, url, secret, ids, target.records, target.change, folder / "sent.log")
        token = stack.token(here)
        operator = Operator(here, f"http://127.0.0.1:{stack.console_port}", token, sender, stack)
        nemesis = Nemesis(plan, stack, target, operator)
        watch = Watch(here, stack.ready, plan.purges)
        watch.start()
        sender.start()
        nemesis.storm()
        stack.proxies.clear()
        target.behave()
        operator.rest()
        settled_s, waiting = settle.settle(stack.database_url, lambda: sender.done, patience_s)
        time.sleep(1.5)  # a far end that was told to be slow may still be about to apply
        eventually(watch.well, True, 15)
        sizes = stack.sizes()
        watch.stop()
        sender.stop()
        operator.leave()
        stack.end()
        received, foreign = target.log(plan.run)
        target.forget()
        secrets = [*sender.secrets, far.world.client_secret, token]
        return Evidence(
            plan.run, plan.profile, [{**asdict(one), "about": target.records[one.record]} for one in plan.sent],
            [asdict(one) for one in sender.log], evidence.tables(stack.database_url), received, foreign,
            target.state_of(target.records), settled_s, waiting,
            operator.done, operator.retried, operator.edition, evidence.probes(folder / "probes"),
            evidence.logged(folder / "log"), evidence.leaked(folder / "log", secrets), evidence.integrity(stack.database_url),
            nemesis.log, watch.health, nemesis.still, sizes, target.limited(),
        )  # fmt: skip


@contextmanager
def _stack(folder: Path, far: Far, plan: Plan, servers: dict[str, Server], bugs: tuple[str, ...]) -> Iterator[Stack]:
    stack = Stack(folder, far, plan, servers, bugs)
    try:
        yield stack
    finally:
        stack.end()
        stack.drop()


def _tell(seen: Evidence, violations: list[Violation], folder: Path) -> None:
    lines = [str(one) for one in violations]
    first = next((one for one in violations if one.event != "-"), None)
    if first is not None:
        lines += ["", f"timeline of {first.event}", check.timeline(seen, first.event)]
    (folder / "violations.txt").write_text("\n".join(lines) + "\n")
