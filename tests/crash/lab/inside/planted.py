"""Twelve bugs that a careful person might write. Each must be found, or the laboratory is blind to its kind.

They live here and are put into the children of a run; nothing in the product can switch one on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

Change = Callable[[Any], None]


def _ack_before_commit(module: Any) -> None:
    def keep(self: Any, arrival: Any, tell: Any) -> None:
        self._queue.put(module._Ticket(arrival, lambda error: None, self._patience_s))
        self._ensure_thread()
        tell(None)

    module.Committer.keep = keep


def _no_relay(module: Any) -> None:
    module.Relay.look = lambda self: None


def _no_fence(module: Any) -> None:
    def _held(db: Any, held: Any, moment: Any = None, **values: Any) -> None:
        at = {moment[0]: module.now(moment[1])} if moment else {}
        db.execute(module.update(held.work).where(held.work.id == held.id).values(**values, **at))

    module._held = _held


def _calls_without_lease(module: Any) -> None:
    module.Keeper.still_mine = lambda self, held: None


def _deferred_begin(module: Any) -> None:
    real = module.reading

    def writing(engine: Any) -> Any:
        return real(engine) if engine.dialect.name == "sqlite" else engine.begin()

    module.writing = writing


def _blind_post_retry(module: Any) -> None:
    def perform(journal: Any, effect: Any, call: Any, lookup: Any = None) -> Any:
        kept = journal.intend(effect)
        if kept.state == "applied":
            return kept.response
        return module._call(journal, effect, call, False)

    def repeating(journal: Any, effect: Any, call: Any, after_doubt: bool) -> Any:
        response = call()
        journal.settle(effect.key, "applied", response)
        return response

    module._call, module.perform = repeating, perform


def _nothing_is_at_most_once(module: Any) -> None:
    module.Doing._at_most_once = lambda self, step, values: False


def _dedupe_without_enqueue(module: Any) -> None:
    module.Relay._ring_deliveries = lambda self: None


def _refuse_poison(module: Any) -> None:
    real = module.Receiver.keep

    async def keep(self: Any, hook: Any, raw: Any, headers: Any) -> Any:
        answer = await real(self, hook, raw, headers)
        judged = module.judge(
            hook, raw, headers.get(b"content-type", b"").decode("latin-1"), module.dt.datetime.now(module.dt.UTC)
        )
        return module.Answer(400, "what is this?") if judged.state == "quarantined" else answer

    module.Receiver.keep = keep


def _lease_by_wall_clock(module: Any) -> None:
    """Each process believes its own clock; the laboratory sets them differently."""
    from sqlalchemy import Float, bindparam, func, type_coerce

    from store.types import Instant

    def now(seconds: Any = 0.0) -> Any:
        here = bindparam(None, callable_=time.time, type_=Float(), unique=True)
        return type_coerce(func.to_timestamp(here) + func.make_interval(0, 0, 0, 0, 0, 0, seconds), Instant())

    module.now = now


def _swallow_operational_error(module: Any) -> None:
    from sqlalchemy.exc import OperationalError

    real = module.keep

    def keep(*args: Any) -> Any:
        try:
            return real(*args)
        except OperationalError:
            return []

    module.keep = keep


def _prune_running(module: Any) -> None:
    """A clean-up that asks how old a run is, and not whether it has ended."""
    from sqlalchemy import text

    real = module.Relay.look

    def look(self: Any) -> None:
        real(self)
        with module.writing(self._engine) as db:
            young = (
                "strftime('%Y-%m-%d %H:%M:%f', 'now', '-2 seconds')" if db.dialect.name == "sqlite" else "now() - interval '2s'"
            )
            old = f"SELECT id FROM tieback_runs WHERE created_at < {young} AND id % 7 = 0"
            for table in ("tieback_steps", "tieback_effects"):
                db.execute(text(f"DELETE FROM {table} WHERE run_id IN ({old})"))
            db.execute(text(f"DELETE FROM tieback_runs WHERE id IN ({old})"))

    module.Relay.look = look


def _retry_403(module: Any) -> None:
    real = module.checked

    def checked(who: str, method: str, path: str, reply: Any) -> Any:
        if reply.status == 403:
            raise module.Transient(f"{who}: 403, perhaps it works the next time", kind="http_403")
        return real(who, method, path, reply)

    module.checked = checked


def _plain_comparison(module: Any) -> None:
    module.matches = lambda header, valid: module.digest(header.encode("latin-1", "replace")) in valid


BUGS: dict[str, dict[str, Callable[[ModuleType], None]]] = {
    "ack_before_commit": {"webhook.committer": _ack_before_commit},
    "no_relay": {"workers.relay": _no_relay},
    "no_fence": {"store.leases": _no_fence, "workers.keeper": _calls_without_lease},
    "deferred_begin": {"store.session": _deferred_begin},
    "blind_post_retry": {"automations.effects": _blind_post_retry, "automations.doing": _nothing_is_at_most_once},
    "dedupe_without_enqueue": {"workers.relay": _dedupe_without_enqueue},
    "refuse_poison": {"webhook.procore": _refuse_poison},
    "lease_by_wall_clock": {"store.leases": _lease_by_wall_clock},
    "swallow_operational_error": {"store.deliveries": _swallow_operational_error},
    "prune_running": {"workers.relay": _prune_running},
    "retry_403": {"connectors.http": _retry_403},
    "plain_comparison": {"webhook.auth": _plain_comparison},
}
