"""Bodies that an authentic sender would never send, or that break a careless reader: kept, put aside, answered 204."""

from __future__ import annotations

import gzip
import json
import time

import pytest

from tests.webhook.door import SECRET, Answer, Door, body, chunked, event, request
from webhook.procore import MAX_BODY

TWICE = b'{"id": "1", "company_id": "8", "company_id": "9"}'

UNFIT = {
    "100 thousand nested arrays": (b"[" * 200_000, "nested deeper than 32"),
    "100 thousand nested objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested deeper than 32"),
    "33 levels": (b"[" * 33 + b"]" * 33, "nested deeper than 32"),
    "two company_id": (TWICE, "the key 'company_id' appears twice"),
    "NaN": (b'{"id": "1", "n": NaN}', "NaN is no JSON"),
    "Infinity": (b'{"id": "1", "n": -Infinity}', "-Infinity is no JSON"),
    "a float beyond all floats": (b'{"id": "1", "n": 1e999}', "too large"),
    "a lone surrogate": (b'{"id": "1", "t": "\\ud800"}', "half a surrogate pair"),
    "a lone surrogate in a key": (b'{"id": "1", "\\udfff": 1}', "half a surrogate pair"),
    "U+0000": (b'{"id": "1", "t": ["\\u0000"]}', "U+0000"),
    "a raw U+0000": (b'{"id": "1", "t": "\x00"}', "not JSON"),
    "bad UTF-8": (b'{"id": "1", "t": "\xff"}', "not UTF-8 (byte 18)"),
    "an encoded surrogate": (b'{"id": "1", "t": "\xed\xa0\x80"}', "not UTF-8"),
    "UTF-16 with a mark": (json.dumps(event()).encode("utf-16"), "not UTF-8"),
    "UTF-16 without a mark": (json.dumps(event()).encode("utf-16-le"), "not JSON"),
    "an int of 5,000 digits": (b'{"id": ' + b"9" * 5000 + b"}", "more than 4,300 digits"),
    "no JSON at all": (b"<html>", "not JSON: Expecting value (character 0)"),
    "an unfinished object": (b'{"id": "1"', "not JSON"),
    "nothing": (b"", "not JSON"),
    "a bare string": (b'"hello"', "neither an object nor an array"),
    "a million quotes and backslashes": (b'[' * 33 + b'"' + b'\\"' * 500_000, "nested deeper than 32"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_an_unfit_body_is_kept_in_quarantine_and_answered_204(door: Door, name: str) -> None:
    payload, reason = UNFIT[name]
    # When an authentic sender brings it
    began = time.monotonic()
    answer = door.post(payload)
    # Then the hook goes on at once, and every byte is there with the reason
    assert answer.status == 204
    assert time.monotonic() - began < 2
    (kept,) = door.kept()
    assert (kept.state, kept.raw) == ("quarantined", payload)
    assert reason in kept.reason


FIT = {
    "32 levels": b"[" * 32 + b"]" * 32,
    "brackets in a string": json.dumps(event(note="[" * 1000 + '\\"' + "{" * 1000)).encode(),
    "many flat objects": json.dumps([event(id=str(n)) for n in range(100)]).encode(),
    "a whole surrogate pair": b'{"id": "1", "t": "\\ud83d\\ude00"}',
    "an escaped backslash before u0000": b'{"id": "1", "t": "\\\\u0000"}',
    "a byte order mark": b"\xef\xbb\xbf" + body(),
    "an id above 2^63": b'{"id": 99999999999999999999}',
    "no company": b'{"id": "1"}',
}


@pytest.mark.parametrize("name", FIT)
def test_an_unusual_body_is_received(door: Door, name: str) -> None:
    assert door.post(FIT[name]).status == 204
    (kept,) = door.kept()
    assert (kept.state, kept.reason) == ("received", None)


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "", None])
def test_another_content_type_is_quarantined(door: Door, kind: str | None) -> None:
    assert door.post(body(), {"Content-Type": kind}).status == 204
    (kept,) = door.kept()
    assert (kept.state, kept.raw[:1]) == ("quarantined", b"{")
    assert "not application/json" in kept.reason


def test_a_multipart_body_with_files_is_stored_and_never_parsed(door: Door) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="files"; filename="../../etc/passwd"\r\n\r\nhello\r\n--x--\r\n'
    assert door.post(form, {"Content-Type": "multipart/form-data; boundary=x"}).status == 204
    assert [(row.state, row.raw) for row in door.kept()] == [("quarantined", form)]


def test_a_compressed_body_is_refused_and_not_unpacked(door: Door) -> None:
    bomb = gzip.compress(b"[" * 50_000_000)
    began = time.monotonic()
    assert door.post(bomb, {"Content-Encoding": "gzip"}).status == 415
    assert time.monotonic() - began < 2
    assert door.kept() == []


def test_the_identity_encoding_is_none(door: Door) -> None:
    assert door.post(body(), {"Content-Encoding": "identity"}).status == 204


def test_a_body_of_exactly_one_mebibyte_is_kept_whole(door: Door) -> None:
    payload = body().ljust(MAX_BODY)
    assert door.post(payload).status == 204
    assert door.kept()[0].raw == payload


def test_a_body_of_one_byte_more_is_refused(door: Door) -> None:
    assert door.post(body().ljust(MAX_BODY + 1)).status == 413
    assert door.kept() == []


def _post_chunked(door: Door, payload: bytes, size: int) -> Answer:
    head = request("POST", f"/webhooks/{door.key}", b"", {"Content-Length": None, "Transfer-Encoding": "chunked"})
    return door.send(head, chunked(payload, size))


def test_a_chunked_body_is_read_whole(door: Door) -> None:
    payload = body().ljust(MAX_BODY)
    assert _post_chunked(door, payload, 50_000).status == 204
    assert door.kept()[0].raw == payload


def test_a_chunked_body_over_the_limit_is_refused_and_not_cut_short(door: Door) -> None:
    assert _post_chunked(door, body().ljust(MAX_BODY + 1), 50_000).status == 413
    assert door.kept() == []


def test_an_endless_chunked_body_is_ended_by_the_door(door: Door) -> None:
    # Given a sender that never stops
    head = request("POST", f"/webhooks/{door.key}", b"", {"Content-Length": None, "Transfer-Encoding": "chunked"})
    with door.connect() as sock:
        sock.sendall(head)
        sent = 0
        # When it has sent far more than the limit
        try:
            while sent < 64 * MAX_BODY:
                sent += sock.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except (ConnectionError, TimeoutError):
            pass
    # Then the door closed long before, nothing is kept, and the next sender is served
    assert sent < 32 * MAX_BODY
    assert door.kept() == []
    assert door.post(body()).status == 204


def test_two_arrays_that_differ_in_a_space_are_two_deliveries(door: Door) -> None:
    assert [door.post(b"[]").status, door.post(b"[ ]").status, door.post(b"[]").status] == [204, 204, 204]
    assert len(door.kept()) == 2


def test_the_secret_is_asked_for_before_the_body_is_judged(door: Door) -> None:
    for headers in ({"Content-Encoding": "gzip"}, {"Content-Type": "text/plain"}):
        assert door.post(b"[" * 1000, {"Authorization": SECRET + "x", **headers}).status == 401
    assert door.post(body().ljust(MAX_BODY + 1), {"Authorization": "wrong"}).status == 401
    assert door.kept() == []
