"""Direct file uploads in three steps, and secure file access, as Procore's documentation has them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import requests

from simulator.uploads import LEAST_BYTES
from tests.simulator.conftest import Caller

UPLOADS = "/rest/v1.1/projects/{p}/uploads"


def announced(*parts: bytes) -> dict[str, Any]:
    segments = [{"size": len(part), "sha256": hashlib.sha256(part).hexdigest()} for part in parts]
    return {"response_filename": "plan.txt", "response_content_type": "text/plain", "segments": segments}


def put(segment: dict[str, Any], content: bytes, **headers: str) -> requests.Response:
    return requests.put(segment["url"], data=content, headers=segment["headers"] | headers, timeout=10)


def uploaded(caller: Caller, *parts: bytes) -> str:
    upload = caller.post(UPLOADS, json=announced(*parts)).json()
    etags = [put(segment, part).headers["ETag"] for segment, part in zip(upload["segments"], parts, strict=True)]
    done = caller.patch(f"{UPLOADS}/{upload['uuid']}", json={"segments": [{"etag": etag} for etag in etags]})
    assert (done.status_code, done.json()["status"]) == (200, "complete")
    return str(upload["uuid"])


def test_a_file_goes_up_in_three_steps_and_hangs_on_a_record(fresh: Caller):
    first, last = b"a" * LEAST_BYTES, b"the end"
    name = uploaded(fresh, first, last)
    item = fresh.post(
        "/rest/v1.1/punch_items", json={"project_id": fresh.project, "punch_item": {"name": "x", "upload_ids": [name]}}
    )

    attachment = item.json()["attachments"][0]
    assert attachment["filename"] == "plan.txt"
    answer = fresh.get(attachment["url"].removeprefix(fresh.sim.url))
    assert (answer.content, answer.headers["Content-Type"]) == (first + last, "text/plain")


def test_the_first_step_answers_where_each_segment_goes(shared: Caller):
    answer = shared.post(UPLOADS, json=announced(b"hello"))

    assert answer.status_code == 201
    assert sorted(answer.json()) == ["segments", "status", "uuid"]
    assert {"url", "headers"} <= set(answer.json()["segments"][0])


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"response_filename": ""}, 400),
        ({"segments": []}, 400),
        ({"segments": [{"size": 5}]}, 422),
        ({"segments": [{"size": 5, "sha256": "x"}, {"size": 5, "sha256": "x"}]}, 422),
    ],
)
def test_an_upload_that_lacks_something_is_refused(shared: Caller, change: dict[str, Any], status: int):
    assert shared.post(UPLOADS, json=announced(b"hello") | change).status_code == status


def test_the_storage_wants_the_bytes_that_were_announced_and_no_bearer(shared: Caller):
    segment = shared.post(UPLOADS, json=announced(b"hello")).json()["segments"][0]
    other = segment | {"headers": {}}

    assert put(segment, b"HELLO").status_code == 400
    assert put(segment, b"hello", Authorization="Bearer x").status_code == 400
    assert put(other, b"hello").status_code == 403
    assert (
        requests.put(segment["url"].partition("?")[0], data=b"hello", headers=segment["headers"], timeout=10).status_code == 403
    )
    assert put(segment, b"hello").status_code == 200


def test_the_last_step_needs_every_etag_in_its_order(shared: Caller):
    upload = shared.post(UPLOADS, json=announced(b"hello")).json()
    path = f"{UPLOADS}/{upload['uuid']}"

    assert shared.patch(path, json={"segments": []}).status_code == 422
    assert shared.patch(path, json={"segments": [{"etag": "x"}]}).status_code == 422
    assert shared.get(path).json()["status"] == "pending"
    assert shared.patch(f"{UPLOADS}/no-such-upload", json={"segments": []}).status_code == 404


def test_an_unfinished_upload_cannot_be_used(shared: Caller):
    upload = shared.post(UPLOADS, json=announced(b"hello")).json()["uuid"]
    answer = shared.post("/rest/v1.0/projects/{p}/rfis", json={"rfi": {"subject": "x", "upload_ids": [upload]}})

    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["upload_ids"])


# Downloading: the address is signed anew at each read; behind it is another host, which wants no Bearer.


def address(caller: Caller) -> str:
    rfi = caller.get("/rest/v1.0/projects/{p}/rfis").json()[0]
    url: str = rfi["questions"][0]["attachments"][0]["url"]
    return url


def test_an_attachment_redirects_to_the_storage_for_a_caller_who_is_signed_in(shared: Caller):
    path = address(shared).removeprefix(shared.sim.url)
    answer = shared.get(path, allow_redirects=False)

    assert shared.get(path, headers={"Authorization": ""}).status_code == 401
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(shared.sim.url.replace("127.0.0.1", "localhost") + "/storage/files/")


def test_the_storage_refuses_a_bearer_and_an_address_that_nobody_signed(shared: Caller):
    storage = shared.get(address(shared).removeprefix(shared.sim.url), allow_redirects=False).headers["Location"]

    assert requests.get(storage, timeout=10).content.startswith(b"%PDF")
    assert requests.get(storage, headers={"Authorization": "Bearer x"}, timeout=10).status_code == 400
    assert requests.get(storage[:-1], timeout=10).status_code == 403


def test_a_signed_address_dies(start):
    now = [1_800_000_000.0]
    caller = start(clock=lambda: now[0])
    storage = caller.get(address(caller).removeprefix(caller.sim.url), allow_redirects=False).headers["Location"]

    now[0] += 301
    assert requests.get(storage, timeout=10).status_code == 403
