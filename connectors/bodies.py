"""Reading an answer's body: never more than the cap, neither on the wire nor after unpacking."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import requests

CAP_BYTES = 16 * 1024 * 1024
_CHUNK = 64 * 1024


class Unreadable(ValueError):
    """The body cannot be used; `str()` says what was seen."""


def read(response: requests.Response, cap_bytes: int = CAP_BYTES, into: BinaryIO | None = None) -> bytes:
    """The unpacked body. gzip and deflate only, and only one of them: we ask for nothing else.

    With `into` it is written there piece by piece, and must not be packed.
    Raises: Unreadable when it is too large or packed wrongly; errors of the connection as urllib3 has them.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding in ("", "identity") and into is not None:
        for chunk in _wire(response, cap_bytes):
            into.write(chunk)
        return b""
    if coding in ("", "identity"):
        return b"".join(_wire(response, cap_bytes))
    if coding not in ("gzip", "x-gzip", "deflate") or into is not None:
        raise Unreadable(f"the body is packed as {coding[:40]!r}, which we did not ask for")
    return _unpacked(_wire(response, cap_bytes), cap_bytes)


def _wire(response: requests.Response, cap_bytes: int) -> Iterator[bytes]:
    seen = 0
    while chunk := response.raw.read(_CHUNK, decode_content=False):
        seen += len(chunk)
        if seen > cap_bytes:
            raise Unreadable(f"the body is larger than {cap_bytes // 1024} KiB")
        yield chunk


def _unpacked(chunks: Iterator[bytes], cap_bytes: int) -> bytes:
    # 32 + MAX_WBITS: zlib finds out by itself whether it is gzip or zlib.
    packer = zlib.decompressobj(32 + zlib.MAX_WBITS)
    parts, seen = [], 0
    try:
        for chunk in chunks:
            # One byte more than what is left tells a full body from a bomb.
            part = packer.decompress(chunk, cap_bytes - seen + 1)
            if packer.unused_data:
                raise Unreadable("the compressed body goes on after its end")
            seen += len(part)
            if seen > cap_bytes:
                raise Unreadable(f"the body unpacks to more than {cap_bytes // 1024} KiB")
            parts.append(part)
    except zlib.error:
        raise Unreadable("the body says it is compressed and is not") from None
    if not packer.eof:
        raise Unreadable("the compressed body ends too early")
    return b"".join(parts)


def is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def decoded(body: bytes) -> Any:
    """Raises: Unreadable for anything but UTF-8 JSON without NaN and Infinity."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Unreadable("the body is no JSON, or only a part of it") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)
