"""The hooks that deliveries may come in by, kept in memory and read anew from the database now and then.

A wrong key and a wrong secret walk the same path: compare, look into the database once more (at most
every 200 ms), compare again. So a hook or a secret made a moment ago is known at once, and nothing
tells an unknown key from a wrong secret.

What is refused for its secret is counted per hook, in memory, and written down by a thread of its own now and
then: Procore may have been told another secret than we know, and then the hook is written anew.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import Engine

from config import logs
from config.secrets import Box
from store import hooks
from store.hooks import OpenHook
from store.session import reading, writing
from webhook import auth

log = logging.getLogger("tieback.door")

STALE_S = 2.0
MISS_S = 0.2
WAIT_S = 1.0
TOLD_EVERY_S = 5.0


@dataclass(frozen=True)
class _Known:
    hook: OpenHook
    digests: tuple[bytes, ...]


class HookTable:
    """Looks hooks up. While the database does not answer, what was read last stays valid."""

    def __init__(self, engine: Engine, box: Box):
        self._engine = engine
        self._box = box
        # By digest, so that no look-up compares the key itself.
        self._known: dict[bytes, _Known] = {}
        self._read_at = float("-inf")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="door-hooks")
        self._reading: asyncio.Future[None] | None = None
        self._refused: Counter[str] = Counter()
        self._telling = threading.Lock()
        self._told_at = float("-inf")
        self.loaded = False

    async def admit(self, key: str, header: str) -> OpenHook | None:
        """The hook of this key when the Authorization header is one of its secrets."""
        await self._refresh(STALE_S, wait_s=0 if self.loaded else 2 * WAIT_S)
        found = self._compare(key, header)
        if found is None and await self._refresh(MISS_S, wait_s=WAIT_S):
            found = self._compare(key, header)
        if found is None:
            self._count(key)
        return found

    def at_hand(self, key: str, header: str) -> OpenHook | None:
        """What `admit` would find, from what was read lately; None when it has to look, or to refuse."""
        return self._compare(key, header) if time.monotonic() - self._read_at < STALE_S else None

    def _count(self, key: str) -> None:
        """Note a refusal; whether the key is one of ours makes no difference in time that could be measured from outside."""
        known = self._known.get(auth.digest(key.encode("utf-8", "replace")))
        with self._telling:
            self._refused["" if known is None else known.hook.key] += 1
            due = time.monotonic() - self._told_at > TOLD_EVERY_S
            if due:
                self._told_at = time.monotonic()
        if due:
            threading.Thread(target=self._tell, daemon=True, name="door-refused").start()

    def _tell(self) -> None:
        with self._telling:
            counts, self._refused = self._refused, Counter()
        counts.pop("", None)
        try:
            if counts:
                with writing(self._engine) as db:
                    hooks.count_refused(db, counts)
        except Exception as error:  # noqa: BLE001 (a count that is lost is counted again at the next refusal)
            log.warning("door.refusals_untold", extra=logs.about(error=f"{type(error).__name__}: {error}".split("\n")[0][:300]))

    def _compare(self, key: str, header: str) -> OpenHook | None:
        known = self._known.get(auth.digest(key.encode("utf-8", "replace")))
        fits = auth.matches(header, auth.NOBODY if known is None else known.digests)
        return known.hook if fits and known is not None else None

    async def _refresh(self, older_than_s: float, *, wait_s: float) -> bool:
        """Read the table when it is older than that. Whoever finds it being read goes on with what there is, or waits."""
        if time.monotonic() - self._read_at < older_than_s:
            return False
        if self._reading is None:
            self._reading = asyncio.get_running_loop().run_in_executor(self._reader, self._read)
            self._reading.add_done_callback(self._was_read)
        elif not wait_s:
            return False
        done, _ = await asyncio.wait({self._reading}, timeout=wait_s or WAIT_S)
        return bool(done)

    def _was_read(self, _: object) -> None:
        self._reading = None

    def _read(self) -> None:
        try:
            with reading(self._engine) as db:
                rows = hooks.open_hooks(db, self._box)
            self._known = {auth.digest(row.key.encode()): _Known(row, auth.digests(row.secrets)) for row in rows}
            self.loaded = True
            for secret in {secret for row in rows for secret in row.secrets}:
                logs.hide(secret.reveal())
        except Exception as error:  # noqa: BLE001 (whatever it is, what was read last stays valid)
            log.warning("door.hooks_unread", extra=logs.about(error=f"{type(error).__name__}: {error}".split("\n")[0][:300]))
        finally:
            self._read_at = time.monotonic()
