"""Files to and from the pretend Procore, whose storage is another host; and addresses that must not be followed."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import requests

from config.errors import Permanent, Transient
from connectors.kinds.procore_dmsa import Procore
from connectors.transfers import SEGMENT_BYTES
from simulator.app import Running
from tests.connectors.conftest import Wire, connector_to, http_answer, procore_of


def uploaded(sim: Running, procore: Procore, content: bytes) -> dict[str, Any]:
    """An RFI with this file; its attachment."""
    upload = procore.upload("plan.pdf", "application/pdf", io.BytesIO(content), str(sim.project_id))
    made = procore.create("RFIs", {"subject": "With a file", "upload_ids": [upload]}, str(sim.project_id))
    (attachment,) = made["attachments"]
    return dict(attachment)


def fetched(procore: Procore, url: str, most: int = 100_000_000) -> bytes:
    into = io.BytesIO()
    procore.download(url, into, most)
    return into.getvalue()


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4 small", b"x" * (SEGMENT_BYTES + 5)])
def test_a_file_goes_up_and_comes_back_as_it_was(sim: Running, procore: Procore, content: bytes) -> None:
    assert fetched(procore, uploaded(sim, procore, content)["url"]) == content


def test_the_storage_is_never_told_our_token(sim: Running, procore: Procore) -> None:
    # The pretend storage answers 400 to whoever brings one; it is another origin than the API
    url = uploaded(sim, procore, b"abc")["url"]
    assert fetched(procore, url) == b"abc"


def test_a_token_that_was_revoked_is_renewed_once(sim: Running, procore: Procore) -> None:
    url = uploaded(sim, procore, b"abc")["url"]
    requests.post(f"{sim.url}/_sim/faults", json={"name": "token_revoked"}, timeout=10)
    assert fetched(procore, url) == b"abc"


def test_a_file_that_is_too_large_is_refused(sim: Running, procore: Procore) -> None:
    url = uploaded(sim, procore, b"x" * 2000)["url"]
    with pytest.raises(Permanent) as raised:
        fetched(procore, url, most=1000)
    assert raised.value.kind == "too_large"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/api/v5/files/7?sig=x",
        "http://169.254.169.254/latest/meta-data",
        "https://storage.procore.com.evil.example/x",
        "https://evilprocore.com/x",
        "http://user@127.0.0.1:1/x",
        "file:///etc/passwd",
        "//evil.example/x",
        "/api/v5/files/7",
        "",
        "https://api.procore.com\\@evil.example/",
    ],
)
def test_only_procores_own_addresses_are_fetched(sim: Running, url: str) -> None:
    hosts = {"environment": "production", "api_host": "https://api.procore.com", "login_host": "https://login.procore.com"}
    for connector in (connector_to(sim), connector_to(sim, **hosts)):
        with pytest.raises(Permanent) as raised:
            fetched(procore_of(connector), url)
        assert raised.value.kind == "foreign_url"


def test_a_redirect_takes_no_token_along_and_has_an_end(sim: Running, wire: Callable[..., Wire]) -> None:
    # Given an API host that redirects to itself for ever
    far = wire(http_answer(b"", "302 Found", "Location: /again\r\n"))
    procore = procore_of(connector_to(sim, api_host=far.url, private=True))
    # When a file is fetched there
    with pytest.raises(Permanent) as raised:
        fetched(procore, f"{far.url}/api/v5/files/7")
    # Then it is followed a few times, and only the first call had the token
    assert raised.value.kind == "redirect"
    told = [b"authorization" in one.lower() for one in far.requests]
    assert told == [True, False, False, False]


@pytest.mark.parametrize("location", ["http://169.254.169.254/x", "ftp://a/b", "http://10.0.0.1/x", "file:///etc/passwd", ""])
def test_a_redirect_to_where_nothing_may_go_is_not_followed(sim: Running, wire: Callable[..., Wire], location: str) -> None:
    far = wire(http_answer(b"", "302 Found", f"Location: {location}\r\n"))
    procore = procore_of(connector_to(sim, api_host=far.url))
    with pytest.raises(Permanent):
        fetched(procore, f"{far.url}/api/v5/files/7")


def test_half_a_file_is_no_file(sim: Running, wire: Callable[..., Wire]) -> None:
    far = wire(b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf")
    procore = procore_of(connector_to(sim, api_host=far.url))
    with pytest.raises(Transient):
        fetched(procore, f"{far.url}/api/v5/files/7")
