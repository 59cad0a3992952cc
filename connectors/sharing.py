"""A part of the quota: what one automation may use of a connector's hour, so that it leaves the rest to others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from config.errors import Transient
from connectors.governor import Governor
from connectors.quota import Answer
from connectors.quota_state import current


class Share:
    """A quota that lends no call once less than `1 - part` of the hour is left, whoever used it. `part` is such as 0.6."""

    def __init__(self, of: Governor, part: float):
        self._of, self._part = of, part

    @contextmanager
    def call(self, connector: str, lane: str) -> Iterator[Callable[[Answer], None]]:
        """Raises: Transient(kind="quota") until the hour begins anew."""
        state, now = self._of.state(connector)
        known = current(state, now)
        keep = known.hour.limit * (1 - self._part)
        if known.hour.sure and known.left()["hour"] <= keep:
            wait_s = max(1.0, known.hour.until - now)
            raise Transient(
                f"{connector}: this automation may use {self._part:.0%} of an hour's calls (limits: api_share), and "
                f"{known.left()['hour']} of {known.hour.limit} are left for {math.ceil(wait_s)} s. It goes on by itself.",
                kind="quota",
                retry_after_s=wait_s,
            )
        with self._of.call(connector, lane) as told:
            yield told
