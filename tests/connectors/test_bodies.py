import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from config.errors import Permanent, Transient
from connectors.addresses import origin
from connectors.http import Client, json_of
from tests.connectors.conftest import Wire, http_answer

MakeWire = Callable[..., Wire]


def fetched(one: Wire, cap_bytes: int = 1 << 20) -> Any:
    reply = Client("acme", origin(one.url, "acme", listed=True)[0], cap_bytes=cap_bytes).send("GET", "/x")
    return json_of("acme", "GET", "/x", reply)


def packed(body: bytes, coding: str) -> bytes:
    return http_answer(body, headers=f"Content-Encoding: {coding}\r\n")


def test_gzip_and_deflate_are_unpacked(wire: MakeWire) -> None:
    assert fetched(wire(packed(gzip.compress(b"[1]"), "gzip"))) == [1]
    assert fetched(wire(packed(zlib.compress(b"[2]"), "deflate"))) == [2]


def test_a_gzip_bomb_stops_at_the_cap_after_unpacking(wire: MakeWire) -> None:
    # Given 24 MiB of blanks in 24 kB, under the cap on the wire
    bomb = gzip.compress(b" " * (24 << 20), 9)
    assert len(bomb) < 1 << 20
    # Then it is refused
    with pytest.raises(Permanent, match="unpacks to more than 1024 KiB"):
        fetched(wire(packed(bomb, "gzip")))


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "gzip,deflate,gzip"])
def test_a_chain_of_encodings_or_one_we_did_not_ask_for_is_refused(wire: MakeWire, coding: str) -> None:
    with pytest.raises(Transient, match="which we did not ask for"):
        fetched(wire(packed(gzip.compress(gzip.compress(b"[1]")), coding)))


@pytest.mark.parametrize("body", [b"[1]", gzip.compress(b"[1]" * 100, mtime=0)[:-12]])
def test_a_body_that_is_packed_wrongly_or_cut_is_transient(wire: MakeWire, body: bytes) -> None:
    with pytest.raises(Transient, match="compressed"):
        fetched(wire(packed(body, "gzip")))


def test_a_body_at_the_cap_passes_and_one_byte_more_does_not(wire: MakeWire) -> None:
    body = b'"' + b"x" * 98 + b'"'
    assert fetched(wire(http_answer(body)), cap_bytes=100) == "x" * 98
    assert fetched(wire(packed(gzip.compress(body), "gzip")), cap_bytes=100) == "x" * 98
    with pytest.raises(Permanent):
        fetched(wire(packed(gzip.compress(body), "gzip")), cap_bytes=99)
    with pytest.raises(Permanent):
        fetched(wire(http_answer(body)), cap_bytes=99)
