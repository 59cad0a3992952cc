"""What goes on beside a storm: somebody asks for the health all the time, and in some runs a clean-up that keeps nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import requests
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from store.session import open_engine
from workers.purging import purge

LOOK_S = 0.5


class Watch:
    """`health` are (time, ready) pairs; a process that does not answer is not ready."""

    def __init__(self, here: Settings, ready: Callable[[], bool], purges: bool):
        self._here, self._ready = here, ready
        self.health: list[tuple[float, bool]] = []
        self._ending = threading.Event()
        work = [self._look, *([self._purge] if purges else [])]
        self._threads = [threading.Thread(target=one, daemon=True, name="lab-watch") for one in work]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def well(self) -> bool:
        return bool(self.health) and self.health[-1][1]

    def stop(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(40)

    def _look(self) -> None:
        while not self._ending.wait(LOOK_S):
            began = time.time()
            try:
                ready = self._ready()
            except requests.RequestException:
                ready = False
            self.health.append((began, ready))

    def _purge(self) -> None:
        """Everything that is over goes at once."""
        engine = open_engine(self._here, pool_size=2)
        while not self._ending.wait(LOOK_S):
            try:
                purge(engine, self._here.files_root, 0, 3600)
            except SQLAlchemyError as error:  # the database is restarting
                logging.getLogger("tieback.lab").debug("purge %s", error)
        engine.dispose()
