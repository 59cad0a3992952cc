"""What a broken link leaves of a request is not taken for a wish."""

from __future__ import annotations

import socket

import pytest
import requests

from simulator.app import serve

WHOLE = (
    b"POST /_sim/sink/erp HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k-1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 12\r\n\r\n{"event": 1}'
)


@pytest.mark.parametrize("cut", [40, 66, 110, len(WHOLE) - 1])
def test_a_request_that_is_cut_anywhere_is_not_applied_and_its_key_is_not_used_up(cut: int) -> None:
    with serve(seed=7) as far:
        port = int(far.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(WHOLE[:cut])
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(1000):
                pass
        headers = {"Idempotency-Key": "k-1"}
        assert requests.post(f"{far.url}/_sim/sink/erp", json={"event": 1}, headers=headers, timeout=10).status_code == 200
        kept = requests.get(f"{far.url}/_sim/sink/erp", timeout=10).json()
    assert [(one["applied"], one["body"]) for one in kept if one["applied"]] == [(True, {"event": 1})]
