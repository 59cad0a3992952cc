"""The file store behind uploads and attachments: what is there, and the signed addresses to it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlencode

from simulator.records import Ids, Json
from simulator.shapes.setting import FILES
from simulator.stamps import Clock

ADDRESS_LIFETIME_S = 300


@dataclass
class Segment:
    """A part of a file. `etag` is given once its bytes are there."""

    size: int
    sha256: str
    md5: str | None = None
    content: bytes | None = None

    @property
    def etag(self) -> str:
        return '"' + hashlib.md5(self.content or b"", usedforsecurity=False).hexdigest() + '"'


@dataclass
class Upload:
    name: str
    content_type: str
    segments: list[Segment]
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    finished: bool = False

    @property
    def status(self) -> str:
        return "complete" if self.finished else "pending"

    @property
    def content(self) -> bytes:
        return b"".join(segment.content or b"" for segment in self.segments)


class Uploads:
    """Uploads by uuid, and finished ones by the number of their attachment."""

    def __init__(self, ids: Ids, clock: Clock) -> None:
        self._ids, self._clock, self._key = ids, clock, secrets.token_bytes(32)
        self._uploads: dict[str, Upload] = {}
        self._attached: dict[int, Upload] = {}
        self._guard = threading.Lock()

    def begin(self, upload: Upload) -> None:
        with self._guard:
            self._uploads[upload.uuid] = upload

    def find(self, name: str) -> Upload | None:
        return self._uploads.get(name)

    def attachment(self, name: str) -> Json | None:
        """A finished upload as records carry it; None when there is no such upload, or it is not finished."""
        upload = self.find(name)
        if upload is None or not upload.finished:
            return None
        number = self._ids.next("attachment")
        with self._guard:
            self._attached[number] = upload
        address = f"{FILES}/{number}?sig={{{{sig}}}}"
        shown = {"id": number, "name": upload.name, "filename": upload.name, "url": address}
        return shown | {"can_be_viewed": True, "viewable": True, "attached_to_item_id": None, "attached_to_item_type": None}

    def file(self, number: int) -> tuple[bytes, str]:
        """Bytes and content type of an attachment; those of invented records hold a small PDF."""
        if upload := self._attached.get(number):
            return upload.content, upload.content_type
        return f"%PDF-1.4 pretend file {number}\n".encode(), "application/pdf"

    def signed(self, path: str) -> str:
        """The path with an end of its life and a signature over both."""
        expires = int(self._clock()) + ADDRESS_LIFETIME_S
        return f"{path}?{urlencode({'expires': expires, 'signature': self._signature(path, expires)})}"

    def holds(self, path: str, expires: str, signature: str) -> bool:
        """Whether the address was signed here and still lives."""
        fresh = expires.isdecimal() and int(expires) > self._clock()
        return fresh and hmac.compare_digest(signature, self._signature(path, int(expires)))

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._key, f"{path} {expires}".encode(), hashlib.sha256).hexdigest()
