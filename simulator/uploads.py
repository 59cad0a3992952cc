"""Files over HTTP: the upload in three steps, and the way from an attachment's address to its bytes.

The storage is another host than the API, as at Procore: it wants the signature of its address and no Bearer.
Source: Procore documentation, direct file uploads and secure file access.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from simulator.answers import Refused, answer, body_of_call
from simulator.endpoint import NOT_FOUND, missing
from simulator.records import Json
from simulator.routing import Router
from simulator.uploaded import Segment, Upload
from simulator.world import World

LEAST_BYTES = 5 * 1024 * 1024
_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>'


def install(router: Router, world: World) -> None:
    """The API's side of uploads."""
    pages = _Api(world)
    for scope in ("projects/{project_id}", "companies/{company_id}"):
        for version in ("v1.0", "v1.1"):
            path = f"/rest/{version}/{scope}/uploads"
            router.add(path, {"POST": pages.begin})
            router.add(path + "/<upload>", {"GET": pages.show, "PATCH": pages.finish})


def install_storage(app: Flask, world: World) -> None:
    """The storage's side, and the address of an attachment, which leads there."""
    pages = _Storage(world)
    app.add_url_rule("/api/v5/files/<int:number>", view_func=pages.lead)
    app.add_url_rule("/storage/files/<int:number>", view_func=pages.get)
    app.add_url_rule("/storage/uploads/<upload>/<int:part>", view_func=pages.put, methods=["PUT"])


class _Api:
    def __init__(self, world: World) -> None:
        self.world = world

    def begin(self, **ids: int) -> Response:
        """Step one: what will come, and where each segment goes."""
        wish = body_of_call()
        if not wish.get("response_filename"):
            raise missing("response_filename")
        segments = _segments(wish.get("segments"))
        kind = str(wish.get("response_content_type") or "application/octet-stream")
        upload = Upload(str(wish["response_filename"]), kind, segments)
        self.world.uploads.begin(upload)
        return answer(self._shown(upload), 201)

    def show(self, upload: str, **ids: int) -> Response:
        return answer(self._shown(self._found(upload)))

    def finish(self, upload: str, **ids: int) -> Response:
        """Step three: the etags that the storage gave, in the order of the segments."""
        found, wish = self._found(upload), body_of_call().get("segments")
        given = [str(one.get("etag", "")) if isinstance(one, dict) else "" for one in wish] if isinstance(wish, list) else []
        stored = [one.etag.strip('"') if one.content is not None else None for one in found.segments]
        if [one.strip('"') for one in given] != stored:
            raise Refused(422, {"errors": {"segments": ["do not have the etags of the stored segments, in their order"]}})
        found.finished = True
        return answer(self._shown(found))

    def _found(self, name: str) -> Upload:
        upload = self.world.uploads.find(name)
        if upload is None:
            raise Refused(404, NOT_FOUND)
        return upload

    def _shown(self, upload: Upload) -> Json:
        paths = [f"/storage/uploads/{upload.uuid}/{part}" for part in range(len(upload.segments))]
        segments = [
            {
                "size": one.size,
                "sha256": one.sha256,
                "url": _storage_host() + self.world.uploads.signed(path),
                "headers": _headers_of(one),
            }
            for one, path in zip(upload.segments, paths, strict=True)
        ]
        return {"uuid": upload.uuid, "status": upload.status, "segments": segments}


class _Storage:
    def __init__(self, world: World) -> None:
        self.world = world

    def lead(self, number: int) -> AnyResponse:
        """Where an attachment's address leads: on Procore's host it wants the Bearer, and redirects to the storage."""
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not self.world.tokens.valid(text.strip()):
            raise Refused(401, {"errors": "The access token is invalid"})
        if not request.args.get("sig"):
            raise Refused(403, {"errors": ["Forbidden"]})
        return redirect(_storage_host() + self.world.uploads.signed(f"/storage/files/{number}"))

    def get(self, number: int) -> Response:
        if problem := self._unsigned():
            return problem
        content, kind = self.world.uploads.file(number)
        return Response(content, 200, content_type=kind)

    def put(self, upload: str, part: int) -> Response:
        """Step two: the bytes of a segment, with exactly the headers that step one named."""
        if problem := self._unsigned():
            return problem
        found = self.world.uploads.find(upload)
        if found is None or part >= len(found.segments):
            return _no(404, "NoSuchUpload", "The specified upload does not exist.")
        segment, content = found.segments[part], request.get_data()
        sent = {name: request.headers.get(name) for name in _headers_of(segment)}
        if sent != _headers_of(segment):
            return _no(403, "SignatureDoesNotMatch", "The request's headers are not the signed ones.")
        if len(content) != segment.size or hashlib.sha256(content).hexdigest() != segment.sha256.lower():
            return _no(400, "BadDigest", "The content is not the announced one.")
        segment.content = content
        return Response(status=200, headers={"ETag": segment.etag})

    def _unsigned(self) -> Response | None:
        if "Authorization" in request.headers:
            return _no(400, "InvalidArgument", "Only one auth mechanism allowed.")
        expires, signature = request.args.get("expires", ""), request.args.get("signature", "")
        if not self.world.uploads.holds(request.path, expires, signature):
            return _no(403, "AccessDenied", "Request has expired, or is not signed.")
        return None


def _segments(wish: Any) -> list[Segment]:
    if not isinstance(wish, list) or not wish:
        raise missing("segments")
    for place, one in enumerate(wish):
        size = one.get("size") if isinstance(one, dict) else None
        if not isinstance(size, int) or isinstance(size, bool) or size < 0 or not one.get("sha256"):
            raise Refused(422, {"errors": {"segments": [f"segment {place + 1} needs size and sha256"]}})
        if size < LEAST_BYTES and place < len(wish) - 1:
            raise Refused(422, {"errors": {"segments": [f"segment {place + 1} is smaller than 5 MB and not the last"]}})
    return [Segment(one["size"], str(one["sha256"]), one.get("md5")) for one in wish]


def _headers_of(segment: Segment) -> dict[str, str]:
    return {"x-amz-content-sha256": segment.sha256}


def _storage_host() -> str:
    """The same server under its other name, so that clients see a change of host; where it has none, the same."""
    here = urlsplit(request.host_url)
    others = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}
    name = others.get(here.hostname or "", here.hostname)
    return f"{here.scheme}://{name}" + (f":{here.port}" if here.port else "")


def _no(status: int, code: str, message: str) -> Response:
    return Response(_ERROR.format(code, message), status, content_type="application/xml")
