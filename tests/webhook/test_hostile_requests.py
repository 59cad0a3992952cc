"""Requests that two servers could read differently, and senders that never finish."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest

from tests.webhook.door import SECRET, Door, body, read_answer, request
from webhook.front import THREADS

HEAD = f"Host: door\r\nAuthorization: {SECRET}\r\nContent-Type: application/json\r\n".encode()
ONE = body(id="one")
LENGTH = b"Content-Length: %d\r\n" % len(ONE)
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(ONE), ONE)
CHUNKED = b"Transfer-Encoding: chunked\r\n"

# name -> (headers that tell the length, what follows them)
VARIANTS = {
    "CL.TE": (LENGTH + CHUNKED, CHUNKS),
    "TE.CL": (CHUNKED + b"Content-Length: 4\r\n", CHUNKS),
    "two different Content-Length": (LENGTH + b"Content-Length: 0\r\n", ONE),
    "twice the same Content-Length": (LENGTH + LENGTH, ONE),
    "a list of Content-Length": (b"Content-Length: %d, %d\r\n" % (len(ONE), len(ONE)), ONE),
    "a plus sign": (LENGTH.replace(b": ", b": +"), ONE),
    "a minus sign": (b"Content-Length: -1\r\n", ONE),
    "an underscore": (b"Content-Length: 1_0\r\n", ONE),
    "hexadecimal": (b"Content-Length: 0x10\r\n", ONE),
    "a folded length": (LENGTH.replace(b": ", b":\r\n "), ONE),
    "a folded encoding": (b"Transfer-Encoding:\r\n\tchunked\r\n", CHUNKS),
    "a bare line feed": (LENGTH.replace(b"\r\n", b"\n") + b"X: y\r\n", ONE),
    "a bare carriage return": (LENGTH.replace(b"\r\n", b"\r") + b"X: y\r\n", ONE),
    "xchunked": (b"Transfer-Encoding: xchunked\r\n" + LENGTH, ONE),
    "chunked twice": (CHUNKED + CHUNKED + LENGTH, CHUNKS),
    "identity, chunked": (b"Transfer-Encoding: identity, chunked\r\n", CHUNKS),
    "chunked with a vertical tab": (b"Transfer-Encoding: \x0bchunked\r\n" + LENGTH, CHUNKS),
    "a space before the colon": (LENGTH.replace(b":", b" :") + CHUNKED, CHUNKS),
    "a tab before the colon": (LENGTH.replace(b":", b"\t:"), ONE),
    "a chunk size with 0x": (CHUNKED, b"0x" + CHUNKS),
    "a chunk size with a sign": (CHUNKED, b"+" + CHUNKS),
    "a chunk without its end": (CHUNKED, CHUNKS.replace(b"}\r\n", b"}xx")),
    "a control sign in a name": (b"Content-Length\x00: 1\r\n", ONE),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_an_ambiguous_request_is_refused_and_the_connection_closed(door: Door, name: str) -> None:
    # Given a request with a second one hidden behind it
    lengths, rest = VARIANTS[name]
    hidden = request("POST", f"/webhooks/{door.key}", body(id="hidden"))
    # When both are sent in one piece
    with door.connect() as sock:
        sock.sendall(b"POST /webhooks/" + door.key.encode() + b" HTTP/1.1\r\n" + HEAD + lengths + b"\r\n" + rest + hidden)
        first = read_answer(sock)
        left = _rest(sock)
    # Then the first is refused, no second is read, and nothing is kept
    assert first.status in (400, 501)
    assert left == b""
    assert door.kept() == []


def test_an_underscore_header_is_no_length(door: Door) -> None:
    # Given a header that CGI would confuse with Content-Length
    raw = request("POST", f"/webhooks/{door.key}", ONE).replace(b"Content-Length", b"Content_Length: 0\r\nContent-Length")
    assert door.send(raw).status == 204
    assert [row.raw for row in door.kept()] == [ONE]


def test_http_1_0_with_chunks_is_refused(door: Door) -> None:
    raw = b"POST /webhooks/" + door.key.encode() + b" HTTP/1.0\r\n" + HEAD + CHUNKED + LENGTH + b"\r\n" + CHUNKS
    assert door.send(raw).status == 400
    assert door.kept() == []


def test_two_requests_in_one_piece_are_two_requests(door: Door) -> None:
    both = request("POST", f"/webhooks/{door.key}", ONE) + request("POST", f"/webhooks/{door.key}", body(id="two"))
    with door.connect() as sock:
        sock.sendall(both)
        assert [read_answer(sock).status, read_answer(sock).status] == [204, 204]
    assert [row.delivery_key for row in door.kept()] == ["one", "two"]


def test_headers_over_16_kib_are_refused(door: Door) -> None:
    assert door.send(request("POST", f"/webhooks/{door.key}", ONE, {"X": "y" * 16 * 1024})).status == 431


def test_a_sender_that_waits_for_continue_is_told_to_go_on(door: Door) -> None:
    raw = request("POST", f"/webhooks/{door.key}", ONE, {"Expect": "100-continue"})
    with door.connect() as sock:
        sock.sendall(raw[: -len(ONE)])
        assert read_answer(sock).status == 100
        sock.sendall(ONE)
        assert read_answer(sock).status == 204


def test_25_half_sent_bodies_and_475_half_sent_heads_do_not_delay_a_good_sender(door: Door) -> None:
    # Given 500 connections that stop in the middle
    half_body = request("POST", f"/webhooks/{door.key}", ONE)[:-10]
    with ExitStack() as stuck:
        for n in range(500):
            stuck.enter_context(_begin(door, half_body if n < 25 else half_body[:60]))
        # When a good sender comes
        took = []
        for n in range(20):
            began = time.monotonic()
            assert door.post(body(id=str(n))).status == 204
            took.append(time.monotonic() - began)
    # Then it is served at once
    assert max(took) < 1


def test_half_sent_bodies_hold_no_thread_of_flask_either(door: Door) -> None:
    # Given twice as many half-sent bodies for Flask's views as there are threads
    half = request("POST", "/inbound/erp", ONE)[:-1]
    with ExitStack() as stuck:
        for _ in range(2 * THREADS):
            stuck.enter_context(_begin(door, half))
        # When somebody asks for another view
        with door.connect(timeout_s=2) as sock:
            sock.sendall(request("GET", "/healthz"))
            # Then it answers
            assert read_answer(sock).status == 200


@pytest.mark.parametrize(
    "path", ["/inbound/\xff?q=\xff", "/inbound/%ff?q=%ff", "/webhooks/%00", "/webhooks/%2e%2e/x", "/webhooks//"]
)
def test_a_strange_address_gets_a_plain_refusal(door: Door, path: str) -> None:
    assert door.send(request("POST", path, ONE, {"Connection": "close"})).status in (400, 401, 404)
    assert door.post(body(id="after")).status == 204


def test_a_request_that_drips_is_ended_after_ten_seconds_in_all(door: Door) -> None:
    # Given a sender of headers, one of a body, and one that says nothing
    raw = request("POST", f"/webhooks/{door.key}", ONE)
    dripping = {"head": raw[:100], "body": raw[-len(ONE) :], "silence": b""}
    before = {"head": b"", "body": raw[: -len(ONE)], "silence": b""}
    socks = {name: _begin(door, before[name]) for name in dripping}
    began = time.monotonic()
    closed: dict[str, float] = {}
    # When each sends a byte now and then, so that it is never inactive for long
    step = 0
    while len(closed) < 3 and time.monotonic() - began < 14:
        for name, sock in socks.items():
            if name not in closed and not _drip(sock, dripping[name][step : step + 1]):
                closed[name] = time.monotonic() - began
        step += 1
        time.sleep(0.25)
    # Then all are closed soon after ten seconds, and nothing was kept
    assert all(9 < at < 13 for at in closed.values())
    assert set(closed) == set(dripping)
    assert door.kept() == []
    for sock in socks.values():
        sock.close()


def _begin(door: Door, part: bytes) -> socket.socket:
    sock = door.connect()
    sock.sendall(part)
    return sock


def _drip(sock: socket.socket, part: bytes) -> bool:
    """Send a byte; False when the door has closed."""
    sock.settimeout(0.01)
    try:
        sock.sendall(part)
        return sock.recv(1024) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def _rest(sock: socket.socket) -> bytes:
    seen = b""
    try:
        while part := sock.recv(65536):
            seen += part
    except ConnectionError:  # closed with our bytes unread
        pass
    return seen
