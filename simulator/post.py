"""One POST to a receiver, and what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http.client import HTTPException

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util import SKIP_HEADER

from simulator.records import Json

Answer = tuple[int | None, str, dict[str, str], str | None]
"""Status (None when there was none), the start of the body, headers, and what went wrong."""

_KEPT_BODY = 4096


class Post:
    """Keeps connections for the next delivery. Safe to use from several threads."""

    def __init__(self, connections: int) -> None:
        self._pool = PoolManager(num_pools=100, maxsize=connections)

    def send(self, url: str, payload: Json, headers: Mapping[str, str], timeout_s: float) -> Answer:
        # No header of a delivery is documented but its type and those that the hook asks for.
        told = {"Accept": "*/*", "User-Agent": SKIP_HEADER, "Content-Type": "application/json", **headers}
        begin = time.monotonic()
        try:
            answer = self._pool.request(
                "POST",
                url,
                body=json.dumps(payload).encode(),
                headers=told,
                timeout=Timeout(connect=timeout_s, read=timeout_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                late = time.monotonic() - begin > timeout_s  # it dripped in, each drop in time
                text = answer.read1(_KEPT_BODY, decode_content=True).decode("utf-8", "replace")
            finally:
                # A connection whose answer was read to its end serves the next event of a burst.
                answer.release_conn() if answer.length_remaining == 0 else answer.close()
            return (None, "", {}, "ReadTimeoutError") if late else (answer.status, text, dict(answer.headers), None)
        except (HTTPError, HTTPException, OSError, ValueError) as problem:
            return None, "", {}, type(problem).__name__

    @staticmethod
    def refused() -> Answer:
        return None, "", {}, "NewConnectionError"

    def close(self) -> None:
        self._pool.clear()
