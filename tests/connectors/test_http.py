import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from config.errors import ConfigError, Permanent, Transient, Uncertain
from connectors import http
from connectors.addresses import Origin, origin
from connectors.ports import Call
from tests.connectors.conftest import Wire, http_answer

MakeWire = Callable[..., Wire]


def client(url: str, **options: Any) -> http.Client:
    return http.Client("acme", origin(url, "connector acme", listed=True)[0], **options)


def call(one: http.Client, method: str = "GET", path: str = "/rest/v1.0/me") -> Any:
    reply = http.checked("acme", method, path, one.send(method, path))
    return http.json_of("acme", method, path, reply)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


# What a status means


@pytest.mark.parametrize(
    "status,error,kind",
    [
        ("400 Bad Request", Permanent, "http_400"),
        ("401 Unauthorized", http.Unauthorized, "unauthorized"),
        ("403 Forbidden", Permanent, "http_403"),
        ("404 Not Found", Permanent, "http_404"),
        ("408 Request Timeout", Transient, "timeout"),
        ("409 Conflict", Permanent, "http_409"),
        ("422 Unprocessable", Permanent, "http_422"),
        ("429 Too Many Requests", Transient, "http_429"),
        ("500 Internal Server Error", http.Strained, "http_5xx"),
        ("502 Bad Gateway", Transient, "http_5xx"),
        ("503 Service Unavailable", Transient, "http_5xx"),
        ("302 Found", Permanent, "redirect"),
    ],
)
def test_each_status_says_what_the_caller_does_next(wire: MakeWire, status: str, error: type, kind: str) -> None:
    one = client(wire(http_answer(b'{"errors":"Nope"}', status, "Location: /elsewhere\r\nx-request-id: r-77\r\n")).url)
    with pytest.raises(error) as raised:
        call(one)
    assert getattr(raised.value, "kind", None) == kind
    assert str(raised.value).startswith(f"acme: {status[:3]} on GET /rest/v1.0/me: Nope (request r-77). ")


def test_a_disconnected_app_is_told_apart_from_a_missing_permission(wire: MakeWire) -> None:
    body = b'{"errors":["App is not connected to this company."]}'
    with pytest.raises(Permanent, match="Company Admin > App Management") as raised:
        call(client(wire(http_answer(body, "403 Forbidden")).url))
    assert raised.value.kind == "disconnected"


def test_a_write_that_a_gateway_lost_is_uncertain(wire: MakeWire) -> None:
    with pytest.raises(Uncertain, match="Whether it was done is not known"):
        call(client(wire(http_answer(b"<html>", "502 Bad Gateway", content_type="text/html")).url), "POST")


def test_retry_after_counts_in_seconds_or_as_a_date_and_else_the_quota_does(wire: MakeWire) -> None:
    def reply(**headers: str) -> http.Reply:
        return http.Reply(429, {name.replace("_", "-"): text for name, text in headers.items()}, b"", 1)

    quota = {"X_Rate_Limit_Limit": "25", "X_Rate_Limit_Remaining": "0", "X_Rate_Limit_Reset": "1007"}
    assert http.pause_s(reply(Retry_After="30", **quota), now=1000) == 30
    assert http.pause_s(reply(Retry_After="Thu, 01 Jan 1970 00:17:20 GMT"), now=1000) == 40
    assert http.pause_s(reply(**quota), now=1000) == 7
    assert http.pause_s(reply(Retry_After="soon"), now=1000) is None
    assert http.pause_s(reply(Retry_After="999999999"), now=1000) == http.LONGEST_PAUSE_S


# What is data and what is not


def test_a_gateways_html_page_with_status_200_is_no_data(wire: MakeWire) -> None:
    page = http_answer(b"<html>maintenance</html>", content_type="text/html")
    with pytest.raises(Transient, match="answered 200 with text/html instead of JSON") as raised:
        call(client(wire(page).url))
    assert raised.value.kind == "unreadable"
    assert not isinstance(raised.value, Uncertain)


@pytest.mark.parametrize("body", [b'[{"id": 1}, {"id"', b"NaN", b"\xff\xfe", b"[" * 100_000])
def test_json_that_is_cut_or_no_json_is_transient(wire: MakeWire, body: bytes) -> None:
    with pytest.raises(Transient, match="no JSON, or only a part of it"):
        call(client(wire(http_answer(body)).url))


WHOLE = http_answer(b'[{"id": 1234567890}]')


@pytest.mark.parametrize("cut_at", range(0, len(WHOLE), 6))
def test_an_answer_that_is_cut_at_any_byte_is_never_taken_for_data(wire: MakeWire, cut_at: int) -> None:
    with pytest.raises(Transient) as read:
        call(client(wire(WHOLE[:cut_at]).url))
    assert not isinstance(read.value, Uncertain)


@pytest.mark.parametrize("cut_at", [0, 10, 80, len(WHOLE) - 1])
def test_a_write_whose_answer_is_cut_is_uncertain(wire: MakeWire, cut_at: int) -> None:
    with pytest.raises(Uncertain, match="Whether it was done is not known"):
        call(client(wire(WHOLE[:cut_at]).url), "POST")


# Time


def test_a_refused_connection_sent_nothing_so_even_a_write_is_only_transient() -> None:
    with pytest.raises(Transient, match=r"Connection refused\)\. Nothing was sent\.") as raised:
        call(client(f"http://127.0.0.1:{closed_port()}"), "POST")
    assert raised.value.kind == "connection"
    assert not isinstance(raised.value, Uncertain)


def test_an_answer_that_never_comes_ends_with_the_read_timeout(wire: MakeWire) -> None:
    one = client(wire(lambda connection: time.sleep(2)).url, read_s=0.2)
    with pytest.raises(Transient, match=r"no whole answer within 0.2 s") as read:
        call(one)
    assert read.value.kind == "timeout"
    with pytest.raises(Uncertain) as write:
        call(one, "POST")
    assert write.value.kind == "timeout"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"])
def test_an_answer_that_drips_ends_with_the_total_timeout(wire: MakeWire, head: bytes) -> None:
    # Given a far end that never trips the read timeout: one byte every 50 ms, in the head or in the body
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(b"H")
            time.sleep(0.05)

    started = time.monotonic()
    with pytest.raises(Transient, match=r"no whole answer within 0.5 s"):
        call(client(wire(drip).url, total_s=0.5))
    assert time.monotonic() - started < 2


# R16: where it may go


def test_a_name_is_resolved_once_and_exactly_that_address_is_connected_to(wire: MakeWire) -> None:
    # Given a name whose second answer would lead to another place (DNS rebinding)
    one = wire(http_answer(b'{"id": 1}'))
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    at = Origin("http", "erp.internal", one.port, True, "http:erp")
    # When it is called
    assert call(http.Client("acme", at, resolver=lambda host, port: next(answers))) == {"id": 1}
    # Then one look-up was made, and the Host header still has the name
    assert next(answers) == ["169.254.169.254"]
    assert f"Host: erp.internal:{one.port}".encode() in one.requests[0]


def test_a_name_that_rebinds_to_metadata_is_refused_and_nothing_is_sent() -> None:
    at = Origin("https", "erp.example.com", 443, True, "http:erp")
    with pytest.raises(Permanent, match=r"169.254.169.254, a link-local address") as raised:
        call(http.Client("acme", at, resolver=lambda host, port: ["169.254.169.254"]))
    assert raised.value.kind == "blocked_address"


def test_a_redirect_to_metadata_is_not_followed(wire: MakeWire) -> None:
    one = wire(http_answer(b"", "302 Found", "Location: http://169.254.169.254/latest/meta-data/\r\n"))
    with pytest.raises(Permanent, match="redirects, which is never followed"):
        call(client(one.url))
    assert len(one.requests) == 1


@pytest.mark.parametrize(
    "path",
    [
        "rest/x",
        "//evil.example/x",
        "https://b.c",
        "/a\r\nHost: evil",
        "/a b",
        "/../x",
        "/a/%2e%2e/x",
        "/a/%2E./x",
        "/a#b",
        "/a\\b",
        "@b/",
    ],
)
def test_a_path_that_could_leave_its_origin_or_forge_a_line_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="is no path"):
        client("http://127.0.0.1:1").send("GET", path)


def test_a_header_that_could_forge_a_line_is_refused() -> None:
    with pytest.raises(ConfigError, match="line break"):
        client("http://127.0.0.1:6379").send("POST", "/", headers={"X-Note": "a\r\nSET evil 1\r\n"})


def test_proxies_and_netrc_of_the_environment_are_ignored(wire: MakeWire, monkeypatch: Any, tmp_path: Any) -> None:
    one = wire(http_answer(b"{}"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret")
    for name, value in {"NETRC": str(netrc), "HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    call(client(one.url))
    assert b"authorization" not in one.requests[0].lower()


# R17: the credential stays with its origin


def test_the_authorization_header_does_not_follow_a_redirect_to_another_host(wire: MakeWire) -> None:
    other = wire(http_answer(b"{}"))
    one = wire(http_answer(b"", "307 Temporary Redirect", f"Location: {other.url}/steal\r\n"))
    with pytest.raises(Permanent):
        http.checked("acme", "GET", "/x", client(one.url).send("GET", "/x", headers={"Authorization": "Bearer t"}))
    assert b"Bearer t" in one.requests[0]
    assert other.requests == []


def test_a_cookie_that_was_set_is_not_sent_back(wire: MakeWire) -> None:
    one = wire(http_answer(b"{}", headers="Set-Cookie: session=abc\r\n"))
    talk = client(one.url)
    for _ in range(2):
        call(talk)
    assert b"cookie" not in one.requests[1].lower()


# R18: how much may come back


def test_an_endless_chunked_answer_stops_at_the_cap(wire: MakeWire) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    with pytest.raises(Permanent, match=r"larger than 1024 KiB. Ask for less") as raised:
        call(client(wire(endless).url, cap_bytes=1 << 20))
    assert raised.value.kind == "too_large"


def test_a_truncated_chunked_answer_is_transient(wire: MakeWire) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n"
    with pytest.raises(Transient):
        call(client(wire(answer).url))


# What is told about a call


def test_every_call_is_recorded_without_its_query_or_any_secret(wire: MakeWire) -> None:
    quota = "X-Rate-Limit-Limit: 25\r\nX-Rate-Limit-Remaining: 24\r\nX-Rate-Limit-Reset: 1700000000\r\nx-request-id: r-1\r\n"
    kept: list[Call] = []
    one = client(wire(http_answer(b"{}", headers=quota)).url, record=kept.append)
    one.send("GET", "/rest/v1.0/me", query={"token": "s3cret"}, headers={"Authorization": "Bearer s3cret"})
    assert (kept[0].method, kept[0].path, kept[0].status, kept[0].request_id, kept[0].quota_left) == (
        "GET",
        "/rest/v1.0/me",
        200,
        "r-1",
        24,
    )
    assert "s3cret" not in repr(kept)


def test_a_call_that_failed_is_recorded_with_its_reason() -> None:
    kept: list[Call] = []
    with pytest.raises(Transient):
        client(f"http://127.0.0.1:{closed_port()}", record=kept.append).send("GET", "/x")
    assert kept[0].status is None
    assert "Connection refused" in str(kept[0].error)


def test_a_connection_is_used_again_by_the_next_call_of_the_same_thread(sim: Any) -> None:
    made: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        made.append(host)
        return [host]

    for _ in range(3):
        client(sim.url, resolver=resolver).send("GET", "/rest/v1.0/me")
    assert made == ["127.0.0.1"]


def test_a_body_is_sent_as_utf8_json(wire: MakeWire) -> None:
    one = wire(http_answer(b"{}"))
    client(one.url).send("POST", "/x", json={"title": "Bétón"})
    head, _, body = one.requests[0].partition(b"\r\n\r\n")
    assert json.loads(body) == {"title": "Bétón"}
    assert b"content-type: application/json" in head.lower()
