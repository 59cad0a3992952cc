"""A small load generator: one thread, many kept-alive connections on the loopback, one request on each at a time."""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """What one round gave. Latencies are in milliseconds; `wrong` counts answers other than `expected`."""

    rate: float
    p50_ms: float
    p99_ms: float
    count: int
    wrong: int


def run(
    port: int,
    make: Callable[[int], bytes],
    *,
    connections: int,
    seconds: float,
    expected: int = 204,
    most: float = math.inf,
) -> Result:
    """POST `make(n)` for n = 0, 1, … for that long, or until `most` were answered. Answers must have no body."""
    pool = selectors.DefaultSelector()
    sent_at: dict[socket.socket, float] = {}
    took: list[float] = []
    number = wrong = 0
    begun = time.perf_counter()
    for _ in range(int(min(connections, most))):
        sock = socket.create_connection(("127.0.0.1", port))
        pool.register(sock, selectors.EVENT_READ)
        sent_at[sock] = time.perf_counter()
        sock.sendall(make(number))
        number += 1
    want = b"HTTP/1.1 %d" % expected
    while (now := time.perf_counter()) - begun < seconds and len(took) < most:
        for key, _ in pool.select(timeout=1):
            sock = key.fileobj  # type: ignore[assignment]
            answer = sock.recv(4096)
            now = time.perf_counter()
            took.append(now - sent_at[sock])
            wrong += not answer.startswith(want)
            if not answer:
                raise ConnectionError("the server closed a connection")
            if number < most:
                sent_at[sock] = now
                sock.sendall(make(number))
                number += 1
    elapsed = now - begun
    for sock in sent_at:
        sock.close()
    pool.close()
    took.sort()
    return Result(len(took) / elapsed, _at(took, 0.5), _at(took, 0.99), len(took), wrong)


def _at(took: list[float], share: float) -> float:
    return round(1000 * took[min(len(took) - 1, int(share * len(took)))], 2) if took else 0.0
