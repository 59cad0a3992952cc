"""Files to and from Procore: the upload in three steps, and the way from an attachment's address to its bytes.

The storage is another host than the API. It is told the signature of its address and never our token, and it may
only be where the connector's own hosts may be.
Source: Procore documentation, direct file uploads and secure file access.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from config.errors import ConfigError, Permanent, Transient
from connectors import http
from connectors.addresses import Origin, Resolver, origin
from connectors.definition import Connector
from connectors.remarks import plain

if TYPE_CHECKING:
    from connectors.kinds.procore_dmsa import Procore

SEGMENT_BYTES = 16 * 1024 * 1024  # Procore wants 5 MB at least of each but the last
TOTAL_S = 600.0
MOST_HOPS = 3
_REDIRECTS = (301, 302, 303, 307, 308)

Outside = Callable[[str], tuple[http.Client, str]]


def client(connector: Connector, url: str, record: http.Recorder, resolver: Resolver, cap_bytes: int) -> tuple[http.Client, str]:
    """A client without credentials for the host of this URL, and the path with its query.

    Raises: ConfigError when nothing may connect there.
    """
    custom = connector.environment == "custom"
    parts = urlsplit(url)
    where = f"connector {connector.name}: the storage that Procore names"
    at, _ = origin(f"{parts.scheme}://{parts.netloc}", where, private=custom and connector.private, listed=custom)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return http.Client(
        connector.name, at, record=record, resolver=resolver, cap_bytes=cap_bytes, read_s=60.0, total_s=TOTAL_S
    ), path


def upload(procore: Procore, outside: Outside, name: str, content_type: str, content: BinaryIO, project_id: str | None) -> str:
    """Announce, bring and finish a file; the id of the upload. One that is not finished leaves nothing behind."""
    scope = f"projects/{project_id}" if project_id else f"companies/{procore.connector.company_id}"
    segments = _segments(content)
    path = f"/rest/v1.1/{scope}/uploads"
    wish = {"response_filename": name, "response_content_type": content_type, "segments": segments}
    begun = procore.request("POST", path, json=wish)
    places = begun.get("segments") if isinstance(begun, dict) else None
    if not isinstance(places, list) or len(places) != len(segments) or not begun.get("uuid"):
        raise Transient(f"{procore.connector.name}: POST {path}: answered no places for the file.", kind="unreadable")
    etags = [_bring(outside, place, content, one["size"]) for place, one in zip(places, _rewound(content, segments), strict=True)]
    procore.request("PATCH", f"{path}/{begun['uuid']}", json={"segments": [{"etag": etag} for etag in etags]})
    return str(begun["uuid"])


def _rewound(content: BinaryIO, segments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    content.seek(0)
    return segments


def _segments(content: BinaryIO) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while (part := content.read(SEGMENT_BYTES)) or not found:
        found.append({"size": len(part), "sha256": hashlib.sha256(part).hexdigest()})
        if len(part) < SEGMENT_BYTES:
            break
    return found


def _bring(outside: Outside, place: Mapping[str, Any], content: BinaryIO, size: int) -> str:
    """One segment, with exactly the headers that Procore named; the etag that the storage gives for it."""
    to, path = outside(str(place.get("url")))
    headers = {str(name): str(value) for name, value in (place.get("headers") or {}).items()}
    reply = to.send("PUT", path, body=content.read(size), headers=headers, shown=path.partition("?")[0])
    return str(http.checked(to.who, "PUT", path, reply).headers.get("ETag", ""))


def download(procore: Procore, outside: Outside, url: str, into: BinaryIO) -> None:
    """Write the bytes behind an attachment's address into an open file, from its beginning.

    Raises: Permanent(kind="foreign_url") for an address that is not Procore's: the token would go astray, and a text in
    a record must not make us call whom it likes.
    """
    if not _is_procores(procore.connector, url):
        raise Permanent(
            f"{procore.connector.name}: {plain(url.partition('?')[0], 150)} is no address of Procore's. Give the url of an "
            "attachment as Procore wrote it; other files are fetched with http.call.",
            kind="foreign_url",
        )
    reply, at = procore.signed(lambda token: _get(outside, url, into, {"Authorization": f"Bearer {token}"})), url
    for _ in range(MOST_HOPS):
        if reply.status not in _REDIRECTS:
            break
        at = urljoin(at, str(reply.headers.get("Location", "")))
        reply = _get(outside, at, into, {})
    if reply.status in _REDIRECTS:
        raise Permanent(f"{procore.connector.name}: the file's address leads on and on. Read the record again.", kind="redirect")
    http.checked(procore.connector.name, "GET", urlsplit(at).path or "/", reply)


def _get(outside: Outside, url: str, into: BinaryIO, headers: Mapping[str, str]) -> http.Reply:
    try:
        to, path = outside(url)
    except ConfigError as error:
        raise Permanent(str(error), kind="foreign_url") from None
    into.seek(0)
    into.truncate()
    plain_bytes = {"Accept": "*/*", "Accept-Encoding": "identity", **headers}
    return to.send("GET", path, headers=plain_bytes, shown=path.partition("?")[0], into=into)


def _is_procores(connector: Connector, url: str) -> bool:
    """The API's own origin; and, where that is Procore's, its other hosts over https."""
    try:
        at, api = _origin(url), _origin(connector.api_host)
    except (ConfigError, ValueError):
        return False
    if (at.scheme, at.host, at.port) == (api.scheme, api.host, api.port):
        return True
    return connector.environment != "custom" and at.scheme == "https" and at.port == 443 and at.host.endswith(".procore.com")


def _origin(url: str) -> Origin:
    parts = urlsplit(url)
    return origin(f"{parts.scheme}://{parts.netloc}", "address", private=True, listed=True)[0]
