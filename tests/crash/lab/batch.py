"""Many storms side by side, each in a process that keeps the servers of its profile from one storm to the next."""

from __future__ import annotations

import logging
import multiprocessing
import traceback
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.crash.lab.plan import Plan
from tests.crash.lab.run import Result, run
from tests.crash.lab.supervise import servers
from tests.crash.sweep import simulator
from tests.services import Server


@dataclass(frozen=True)
class Storm:
    """`into` is where a run that went wrong is kept."""

    plan: Plan
    into: Path
    bugs: tuple[str, ...] = ()
    patience_s: float = 90.0


def stood(storms: Sequence[Storm], jobs: int) -> Generator[Result, None, None]:
    """The result of each as it comes. Whoever stops asking ends them."""
    context = multiprocessing.get_context("spawn")
    wanted: Queue[Storm | None] = context.Queue()
    found: Queue[Result] = context.Queue()
    enough = context.Event()
    for one in (*storms, *[None] * jobs):
        wanted.put(one)
    workers = [
        context.Process(target=_work, args=(wanted, found, enough), name=f"lab-{n}") for n in range(min(jobs, len(storms)))
    ]
    for worker in workers:
        worker.start()
    try:
        for _ in storms:
            yield found.get()
    finally:
        enough.set()
        while not wanted.empty():  # what was not begun is not begun
            wanted.get()
        for _ in workers:
            wanted.put(None)
        for worker in workers:
            worker.join()


def _work(wanted: Queue[Storm | None], found: Queue[Result], enough: Event) -> None:
    logging.disable(logging.CRITICAL)
    with ExitStack() as kept:
        profile, up = "", {}
        while (storm := wanted.get()) is not None and not enough.is_set():
            if storm.plan.profile != profile:
                kept.close()
                profile, up = storm.plan.profile, kept.enter_context(servers(storm.plan.profile))
            found.put(one_of(storm, up))


def one_of(storm: Storm, up: dict[str, Server]) -> Result:
    """A laboratory that breaks has shown nothing, and says so instead of ending the batch."""
    try:
        with simulator() as far:  # a far end of its own for each run: nothing of another one can reach it
            return run(storm.plan, far, up, storm.into, storm.bugs, storm.patience_s)
    except Exception as error:
        storm.into.mkdir(parents=True, exist_ok=True)
        (storm.into / f"broken-{storm.plan.profile}-{storm.plan.seed}.txt").write_text(traceback.format_exc())
        return Result(storm.plan, [], 0, {}, 0, None, 0.0, f"the laboratory broke: {error!r}"[:300])
