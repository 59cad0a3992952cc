"""R18: whatever a far end answers, it costs bounded memory and time and is never taken for something it is not."""

from __future__ import annotations

import gzip
import json
import socket
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from config.errors import Permanent, TiebackError, Transient
from connectors import bodies, http
from connectors.addresses import origin
from tests.connectors.conftest import Wire, http_answer

MakeWire = Callable[..., Wire]
CAP = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def client(url: str, **options: Any) -> http.Client:
    return http.Client("acme", origin(url, "connector acme", listed=True)[0], **options)


def read(one: http.Client) -> Any:
    return http.json_of("acme", "GET", "/x", one.send("GET", "/x"))


def packed(*layers: Callable[[bytes], bytes], size: int = 200 << 20) -> bytes:
    """So many zeros, packed again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
    for layer in layers:
        body = layer(body)
    return body


def test_a_bomb_is_given_up_at_the_cap_and_never_unpacked_whole(wire: MakeWire) -> None:
    # Given 200 MB that travel as 200 kB
    one = wire(http_answer(packed(), headers="Content-Encoding: gzip\r\n"))
    # When it is read with a cap of 1 MiB
    tracemalloc.start()
    with pytest.raises(Permanent, match="unpacks to more than 1024 KiB") as raised:
        client(one.url, cap_bytes=CAP).send("GET", "/x")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Then it was no more than a few times the cap at any moment
    assert raised.value.kind == "too_large"
    assert most < 8 * CAP


@pytest.mark.parametrize("coding", ["gzip, gzip", "deflate, gzip", "br", "zstd", "x-evil", "gzip;q=1", "identity, gzip"])
def test_a_chain_of_packings_is_not_unpacked(wire: MakeWire, coding: str) -> None:
    one = wire(http_answer(gzip.compress(gzip.compress(b"{}")), headers=f"Content-Encoding: {coding}\r\n"))
    with pytest.raises(Transient, match="which we did not ask for"):
        client(one.url).send("GET", "/x")


def test_only_gzip_is_asked_for(wire: MakeWire) -> None:
    one = wire(http_answer())
    client(one.url).send("GET", "/x")
    assert b"accept-encoding: gzip\r\n" in one.requests[0].lower()


def test_what_follows_a_packed_body_is_not_dropped_in_silence(wire: MakeWire) -> None:
    # An answer of two members would otherwise be read as its first part, a whole list that is not whole.
    body = gzip.compress(b"[1]") + gzip.compress(b"[2]")
    with pytest.raises(Transient, match="goes on after its end"):
        read(client(wire(http_answer(body, headers="Content-Encoding: gzip\r\n")).url))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"NaN", b"-Infinity", b'{"a": 1' + b"0" * 5000 + b"}",
        b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"{} {}", b'"\xed\xa0\x80"',
    ],
)  # fmt: skip
def test_json_made_to_hurt_is_no_data(wire: MakeWire, body: bytes) -> None:
    with pytest.raises(Transient, match="no JSON"):
        read(client(wire(http_answer(body)).url))


def test_a_length_that_is_not_kept_is_no_data(wire: MakeWire) -> None:
    with pytest.raises(Transient):
        read(client(wire(HEAD + b"Content-Length: 100\r\n\r\n[]").url))


def endless(first: bytes, again: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(again)

    return answer


@pytest.mark.parametrize(
    "first,again",
    [
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="100 Continue without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", id="headers without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 1000, id="one header without end"),
        pytest.param(b"", b"a" * 1000, id="a status line without end"),
        pytest.param(HEAD + b"\r\n", b"a" * 1000, id="a body without length or end"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1", id="a chunk size without end"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n", id="trailers without end"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", id="tiny chunks without end"),
        pytest.param(HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b""), id="empty packings without end"),
    ],
)
def test_an_answer_without_end_ends_here(wire: MakeWire, first: bytes, again: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(TiebackError):
        read(client(wire(endless(first, again)).url, cap_bytes=CAP, total_s=1.0))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 32 * CAP


def test_an_answer_that_was_sent_ahead_is_not_taken_for_the_next_one(wire: MakeWire) -> None:
    """Response splitting: the far end, or who writes into its answers, adds a second answer to the first."""

    def whole(body: bytes) -> bytes:
        return HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body

    def twice(connection: socket.socket) -> None:
        connection.sendall(whole(b'{"id": 1}') + whole(b'{"id": 666}'))
        while connection.recv(65536):
            connection.sendall(whole(b'{"id": 1}'))

    one = client(wire(twice).url)
    assert [read(one) for _ in range(5)] == [{"id": 1}] * 5


def test_a_header_of_the_answer_cannot_forge_a_line_of_ours(wire: MakeWire) -> None:
    kept: list[Any] = []
    evil = "x-request-id: r\x1b[31m1\u0085{}\r\n".encode("latin-1")
    one = wire(HEAD + evil + b"Content-Length: 2\r\n\r\n{}")
    client(one.url, record=kept.append).send("GET", "/x")
    assert kept[0].request_id.isprintable()


def test_the_cap_holds_for_what_is_read_of_an_error_too(wire: MakeWire) -> None:
    body = json.dumps({"errors": "x" * 5_000_000}).encode()
    with pytest.raises(Permanent) as raised:
        http.checked("acme", "GET", "/x", client(wire(http_answer(body, "400 Bad")).url).send("GET", "/x"))
    assert len(str(raised.value)) < 1000
    assert bodies.CAP_BYTES <= 16 << 20
