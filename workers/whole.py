"""The parts of one process put together: for all roles at once, or for one of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import dramatiq

from config.logs import about
from config.secrets import Box
from config.settings import Settings
from connectors.governor import Governor
from store import canary, migrate
from store.session import end_when_the_disk_fails, open_engine, retrying, writing
from workers import fallback, jobs, program, repair, site, watchman
from workers.broker import Doorbell, backlog, open_broker
from workers.desk import Desk
from workers.keeper import Keeper, new_holder
from workers.load import Load
from workers.loaded import Loaded
from workers.ports import CallLog
from workers.relay import Relay
from workers.station import Station

log = logging.getLogger("tieback.whole")

SITE_LOOK_S = 5.0
DRAIN_MS = 20_000
# Long enough for the second event of a burst to be here, short enough that nobody notices.
SETTLE_S = 0.25


class Whole:
    """A process of `role` `all`, `web`, `worker` or `relay`. `start` returns when it works; `stop` when it holds nothing.

    `end` is called when a person has let a worker run empty, and wants its process gone.
    Raises (from `start`): ConfigError for what a person must mend first.
    """

    def __init__(self, settings: Settings, role: str, end: Callable[[], None] = lambda: None):
        self.settings = settings
        self.role = role
        self._end = end
        self.holder = new_holder()
        self.box = Box(settings.secret_keys)
        self.engine = open_engine(settings, pool_size=settings.worker_threads + 6)
        self.broker = open_broker(settings)
        self.doorbell = Doorbell(self.broker)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._worker: dramatiq.Worker | None = None
        self._keeper: Keeper | None = None
        self._quota: Governor | None = None

    def start(self) -> None:
        end_when_the_disk_fails(self.engine)
        migrate.ready(self.engine, self.settings)
        canary.check(self.engine, self.box)
        if self.role in ("all", "relay"):
            self._note_program()
            site.load(self.engine, self.box, self.settings)
        desk = self._desk() if self.role in ("all", "worker", "relay") else None
        if desk is not None and self.role != "relay":
            self._start_worker(desk)
        if self.role in ("all", "relay"):
            self._start_relay()
        if desk is not None:
            self._thread("watchman", lambda: watchman.run(desk, self._stop))
        log.info("process.started", extra=about(role=self.role, holder=self.holder))

    @retrying
    def _note_program(self) -> None:
        with writing(self.engine) as db:
            program.note(db, program.identity())

    def _desk(self) -> Desk:
        self._keeper = Keeper(self.engine)
        call_log = CallLog()
        loaded = Loaded(self.engine, self.box, self.settings, call_log)
        self._quota = loaded.quota
        return Desk(
            self.settings, self.engine, self.box, self.doorbell, self._keeper, self.holder, call_log, loaded, SETTLE_S,
            Load(self.settings.worker_threads),
        )  # fmt: skip

    def _start_worker(self, desk: Desk) -> None:
        jobs.register(self.broker, desk)
        self._worker = dramatiq.Worker(self.broker, worker_threads=self.settings.worker_threads, worker_timeout=100)
        self._worker.queue_prefetch = self.settings.worker_threads
        self._worker.delay_prefetch = 1
        self._worker.start()
        station = Station(self.engine, self.holder, self.role, self._worker, desk.load, self._end)
        self._thread("station", lambda: station.run(self._stop))
        if not self.settings.embedded:
            self._thread("fallback", lambda: fallback.run(desk, self.broker, self._stop, lambda: station.drained))

    def _start_relay(self) -> None:
        embedded = self.settings.embedded
        pace = {"every_s": 0.2, "again_s": 2.0} if embedded else {"every_s": 0.5, "again_s": 4.0}
        relay = Relay(self.engine, self.doorbell, self.holder, **pace, backlog=lambda: backlog(self.broker))
        relay.also(SITE_LOOK_S, lambda: site.look(self.engine, self.box, self.settings))
        relay.also(repair.AT_START, lambda: repair.at_start(self.engine))
        self._thread("relay", lambda: relay.run(self._stop))

    def _thread(self, name: str, work: object) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)  # type: ignore[arg-type]
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """Take nothing new, finish what is held (at most 20 s; the rest comes back by its lease), close everything."""
        if self._worker is not None:
            self._worker.stop(timeout=DRAIN_MS)
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)
        if self._keeper is not None:
            self._keeper.stop()
        if self._quota is not None:
            self._quota.close()
        self.doorbell.stop()
        self.broker.close()
        self.engine.dispose()
