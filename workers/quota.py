"""The quota of a connector, shared by all processes: in Redis where that is the broker, else as a row in the database.

A place that does not answer is left alone for some seconds and the next one used, with what was known last; so a call
never fails because the quota could not be shared.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from config.errors import ConfigError
from config.logs import about
from config.settings import Settings
from connectors.governor import Change, Governor, MemoryShared, Shared
from connectors.quota_state import State, as_json, from_json, shifted, without
from store import quota
from store.session import reading, writing
from workers import quota_holders

T = TypeVar("T")

REST_S = 5.0
CONTENDED_S = 5.0
KEPT_S = 24 * 3600
SQLITE_AT_ONCE = 4
YOUNGER_S = 1.0

_SWAP = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""

log = logging.getLogger("tieback.quota")


class Away(Exception):
    """This place does not answer."""


class Place(Protocol):
    """As `connectors.governor.Shared`, but it may raise Away."""

    def change(self, connector: str, how: Change[T]) -> T: ...


def governor(engine: Engine, settings: Settings, place_of: Callable[[str], str | None] = lambda _name: None) -> Governor:
    """The quota of this process, shared as the settings allow. `place_of` says where a connector leads to, if it is known."""
    places: list[Place] = [Rows(engine)]
    if settings.broker_url.startswith(("redis:", "rediss:")):
        places.insert(0, InRedis(settings.broker_url))
    # Each look costs a commit, which SQLite makes slow; elsewhere one call at a time wastes nothing.
    at_once = SQLITE_AT_ONCE if len(places) == 1 and engine.dialect.name == "sqlite" else 1
    return Governor(Believed(Chain(places), place_of), at_once=at_once, holder=quota_holders.name_here())


class Believed:
    """A shared state as far as this process believes it: what was learnt of another place says nothing about this one,
    and who has ended on this machine has nothing under way."""

    def __init__(self, shared: Shared, place_of: Callable[[str], str | None]):
        self._shared, self._place_of = shared, place_of

    def change(self, connector: str, how: Change[T]) -> T:
        place = self._place_of(connector)

        def believed(state: State, now: float) -> tuple[State | None, T]:
            if place is not None and state.place != place:
                state = State(place=place)
            return how(without(state, now, filter(quota_holders.has_ended, state.out)), now)

        return self._shared.change(connector, believed)


class Rows:
    """One row per connector, changed by comparing its version."""

    def __init__(self, engine: Engine):
        self._engine = engine

    def change(self, connector: str, how: Change[T]) -> T:
        """Raises: Away when the database does not answer."""
        deadline = time.monotonic() + CONTENDED_S
        try:
            while time.monotonic() < deadline:
                with reading(self._engine) as db:
                    kept, version, now = quota.get(db, connector)
                state, answer = how(from_json(kept), now)
                if state is None or self._put(connector, state, version):
                    return answer
                time.sleep(random.uniform(0.0, 0.005))  # noqa: S311 (jitter, no secret)
        except SQLAlchemyError as error:
            raise Away(f"the database: {str(error)[:200]}") from None
        raise Away("the database: others change the quota all the time")

    def _put(self, connector: str, state: State, version: int) -> bool:
        with writing(self._engine) as db:
            return quota.put(db, connector, as_json(state), version)


class InRedis:
    """One key per connector, changed by comparing its text; the time is that of the Redis server."""

    def __init__(self, url: str):
        # redis-py retries ten times by itself unless told not to; meanwhile a call would stand still.
        self._client: Any = redis.Redis.from_url(
            url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1), protocol=2, decode_responses=True
        )
        self._swap = self._client.register_script(_SWAP)

    def change(self, connector: str, how: Change[T]) -> T:
        """Raises: Away when Redis does not answer."""
        key = _key(connector)
        deadline = time.monotonic() + CONTENDED_S
        try:
            while time.monotonic() < deadline:
                kept, (seconds, micros) = self._client.pipeline(transaction=False).get(key).time().execute()
                state, answer = how(from_json(_read(kept)), seconds + micros / 1_000_000)
                if state is None or self._swap(keys=[key], args=[kept or "", json.dumps(as_json(state)), KEPT_S]):
                    return answer
                time.sleep(random.uniform(0.0, 0.002))  # noqa: S311 (jitter, no secret)
        except (redis.RedisError, OSError) as error:
            raise Away(f"Redis: {' '.join(str(error).split())[:200]}") from None
        raise Away("Redis: others change the quota all the time")

    def forget(self, connectors: Sequence[str]) -> None:
        """Raises: Away when Redis does not answer."""
        try:
            self._client.delete(*map(_key, connectors))
        except (redis.RedisError, OSError) as error:
            raise Away(f"Redis: {' '.join(str(error).split())[:200]}") from None

    def close(self) -> None:
        self._client.close()


def _key(connector: str) -> str:
    return f"tieback:quota:{connector}"


def forget(settings: Settings, connectors: Sequence[str]) -> None:
    """What Redis keeps of connectors that are gone. Raises: ConfigError when it does not answer."""
    if not connectors or not settings.broker_url.startswith(("redis:", "rediss:")):
        return
    place = InRedis(settings.broker_url)
    try:
        place.forget(connectors)
    except Away as error:
        raise ConfigError(f"the quota of {', '.join(connectors)} could not be deleted ({error}). Do the same again.") from None
    finally:
        place.close()


def _read(kept: str | None) -> Any:
    try:
        return json.loads(kept or "null")
    except ValueError:
        return None


@dataclass
class _Last:
    """A state as this process last saw it: the time of the place then, and our own."""

    state: State
    there: float
    here: float

    def moved(self, now: float) -> State:
        """As a place where it is `now` would keep it."""
        return shifted(self.state, now - (self.there + time.monotonic() - self.here))


class Chain:
    """The first place that answers; after the last one, this process's memory. Never raises.

    Whoever changes places takes along what he knew, if it is younger than what he finds there. That also mends a place
    which has lost its memory.
    """

    def __init__(self, places: Sequence[Place]):
        self._places = list(places)
        self._memory = MemoryShared()
        self._resting: dict[int, float] = {}
        self._last: dict[str, _Last] = {}

    def change(self, connector: str, how: Change[T]) -> T:
        def taken_along(state: State, now: float) -> tuple[State | None, T]:
            last = self._last.get(connector)
            mine = last.moved(now) if last is not None else None
            younger = mine is not None and mine.touched > state.touched + YOUNGER_S
            base = mine if younger and mine is not None else state
            after, answer = how(base, now)
            self._last[connector] = _Last(after or base, now, time.monotonic())
            return after or (base if younger else None), answer

        for number, place in enumerate(self._places):
            if time.monotonic() < self._resting.get(number, 0.0):
                continue
            try:
                return place.change(connector, taken_along)
            except Away as error:
                self._resting[number] = time.monotonic() + REST_S
                log.warning("quota.not_shared", extra=about(connector=connector, error=str(error), rest_s=REST_S))
        return self._memory.change(connector, taken_along)
