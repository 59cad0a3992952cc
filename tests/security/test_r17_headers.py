"""R17: a credential goes to the host it was given for, and no text of a rule or an answer becomes a header or a request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config import yamlfile
from config.errors import ConfigError, Permanent
from config.problems import Problems
from config.secrets import Secret
from connectors import definition, destinations, http
from connectors.addresses import origin
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls, MemoryQuota, MemoryTokens
from tests.connectors.conftest import Wire, http_answer
from tests.console.conftest import Pretend, Tieback
from workers.tools import Http

MakeWire = Callable[..., Wire]
TOKEN = b'{"access_token": "the-token-of-procore", "token_type": "Bearer", "expires_in": 5400}'


def client(url: str) -> http.Client:
    return http.Client("acme", origin(url, "connector acme", listed=True)[0])


def erp(url: str, more: str = "", **env: str) -> Any:
    text = f"kind: http\nname: erp\nurl: {url}\n{more}"
    return destinations.load(yamlfile.parse(text, "destinations/erp.yaml"), env, Path())


def procore(api: str, login: str) -> Procore:
    config = {"format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "custom", "api_host": api,
              "login_host": login, "client_id": "id", "company_id": "1"}  # fmt: skip
    connector = definition.from_stored(config, {"client_secret": Secret("the-client-secret-of-acme")})
    return Procore(connector, MemoryTokens(), MemoryCalls(), MemoryQuota())


# The credential stays where it belongs


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_the_bearer_token_does_not_follow_a_redirect_of_the_api(wire: MakeWire, status: str) -> None:
    other = wire(http_answer(b"[]"))
    api = wire(http_answer(b"", f"{status} Moved", f"Location: {other.url}/rest/v1.0/companies\r\n"))
    with pytest.raises(Permanent) as raised:
        procore(api.url, wire(http_answer(TOKEN)).url).companies()
    assert raised.value.kind == "redirect"
    assert b"Bearer the-token-of-procore" in api.requests[0]
    assert other.requests == []


def test_the_client_secret_does_not_follow_a_redirect_of_the_login_host(wire: MakeWire) -> None:
    other = wire(http_answer(TOKEN))
    login = wire(http_answer(b"", "307 Moved", f"Location: {other.url}/oauth/token\r\n"))
    with pytest.raises(Permanent):
        procore(wire(http_answer(b"[]")).url, login.url).companies()
    assert b"the-client-secret-of-acme" in login.requests[0]
    assert other.requests == []


def test_the_client_secret_goes_to_the_login_host_only_and_in_the_body_only(wire: MakeWire) -> None:
    api, login = wire(http_answer(b"[]")), wire(http_answer(TOKEN))
    procore(api.url, login.url).companies()
    head, _, body = login.requests[0].partition(b"\r\n\r\n")
    assert b"the-client-secret-of-acme" in body
    assert b"the-client-secret-of-acme" not in head
    assert b"the-client-secret-of-acme" not in b"".join(api.requests)


def test_what_one_host_set_is_sent_to_no_host(wire: MakeWire) -> None:
    # Given a host that sets cookies in every way it can
    cookies = "Set-Cookie: a=1; Domain=127.0.0.1; Path=/\r\nSet-Cookie: b=2\r\nSet-Cookie2: c=3\r\n"
    setter, other = wire(http_answer(b"{}", headers=cookies)), wire(http_answer(b"{}"))
    # When it is called again, and another port of the same address after it
    for one in (setter, setter, other):
        client(one.url).send("GET", "/")
    # Then no cookie and no referrer went out
    sent = b"".join(setter.requests + other.requests).lower()
    assert b"cookie" not in sent
    assert b"referer" not in sent


def test_two_connectors_of_the_same_host_share_no_connection(far: Any) -> None:
    made: list[int] = []

    def resolver(host: str, port: int) -> list[str]:
        made.append(port)
        return ["127.0.0.1"]

    for who in ("connector one", "connector two"):
        http.Client(who, origin(far.url, who, listed=True)[0], resolver=resolver).send("GET", "/rest/v1.0/me")
    assert len(made) == 2


# Nothing that a rule gives becomes a header of its own


@pytest.mark.parametrize("name", ["X-A\r\nX-Evil", "X-A: 1", "X A", " X-A", "X-A ", "", "X-É", "X-A\x00", "X-A\n", "(X)"])
def test_a_header_name_that_is_none_is_refused(wire: MakeWire, name: str) -> None:
    one = wire(http_answer())
    with pytest.raises(ConfigError, match="the header"):
        client(one.url).send("GET", "/", headers={name: "v"})
    assert one.requests == []


@pytest.mark.parametrize(
    "value",
    ["a\r\nX-Evil: 1", "a\nb", "a\rb", "\x00", " leading", "trailing ", "\ttab", "a\x0bb", "a\x85b", "a\u2028b", "a\ud800", "漢"],
)
def test_a_header_value_that_could_break_its_line_is_refused(wire: MakeWire, value: str) -> None:
    one = wire(http_answer())
    with pytest.raises(ConfigError, match="the header 'X-Note'"):
        client(one.url).send("GET", "/", headers={"X-Note": value})
    assert one.requests == []


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "authorization", "Cookie", "Host", "host ", "Content-Length", "content_length", "Transfer-Encoding",
        "transfer_encoding", "Connection", "Upgrade", "TE", "Trailer", "Expect", "Keep-Alive", "Proxy-Authorization",
        "HTTP2-Settings", "X-Api-Key", "x_api_key", "X_API-Key",
    ],
)  # fmt: skip
def test_a_rule_sets_neither_a_credential_nor_a_header_of_the_connection(wire: MakeWire, name: str) -> None:
    one = wire(http_answer())
    with pytest.raises(ConfigError, match="not a rule's to set"):
        erp(one.url, "headers: {X-Api-Key: '${env:K}'}\n", K="the-key-of-the-file").send(headers={name: "x"})
    assert one.requests == []


@pytest.mark.parametrize(
    "header", ["Host: evil.example", "Content-Length: '0'", "transfer_encoding: chunked", "Connection: close"]
)
def test_a_file_sets_no_header_of_the_connection(header: str) -> None:
    with pytest.raises(Problems, match="belongs to the connection"):
        erp("https://erp.example.com", f"headers: {{{header}}}\n")


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Authorization", "Cookie", "Transfer-Encoding"])
def test_the_idempotency_key_is_put_into_no_header_of_the_connection(name: str) -> None:
    with pytest.raises(Problems, match="idempotency_header"):
        erp("https://erp.example.com", f"idempotency_header: {name}\n")


def test_a_request_stays_one_request_whatever_a_rule_puts_into_it(wire: MakeWire) -> None:
    # Given a record whose fields are written to split a request, in every place where a rule can put them
    evil = "x\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\nGET /admin HTTP/1.1\r\nX: "
    one = wire(http_answer())
    service = Http(erp(f"{one.url}/api"))
    # When they stand in query, JSON and body
    service.send("POST", "/x", query={"q": evil, evil: "v"}, json={"title": evil, evil: 1})
    service.send("POST", "/x", body=evil)
    # Then each was one request with one Host and one Content-Length, and its body the whole of the rest
    for request in one.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0].startswith(b"POST /api/x")
        assert [line for line in lines if line.lower().startswith(b"host:")] == [f"Host: 127.0.0.1:{one.port}".encode()]
        assert [line for line in lines if line.lower().startswith(b"content-length:")] == [
            f"Content-Length: {len(body)}".encode()
        ]
    # And in the path, a header and the idempotency key they are refused
    for wrong in ({"path": f"/{evil}"}, {"path": "/x", "headers": {"X-Note": evil}}, {"path": "/x", "idempotency_key": evil}):
        with pytest.raises(Permanent) as raised:
            service.send("POST", **wrong)
        assert raised.value.kind == "request"
    assert len(one.requests) == 2


def test_half_a_character_in_a_record_is_sent_as_a_question_mark(wire: MakeWire) -> None:
    one = wire(http_answer())
    service = Http(erp(one.url))
    service.send("POST", "/x", query={"q": "a\ud800b"}, json={"title": "a\ud800b"})
    service.send("POST", "/x", body="a\ud800b")
    assert b"q=a%3Fb" in one.requests[0]
    assert one.requests[0].endswith(b'{"title":"a?b"}')
    assert one.requests[1].endswith(b"a?b")
    with pytest.raises(ConfigError, match="lone surrogate"):
        client(one.url).send("GET", "/x", query={"q": "\ud800"})


# Nothing that a far end answers becomes a header either


def test_a_token_that_carries_a_line_break_is_refused_and_not_sent(wire: MakeWire) -> None:
    api = wire(http_answer(b"[]"))
    login = wire(http_answer(rb'{"access_token": "abc\r\nX-Evil: 1", "expires_in": 5400}'))
    with pytest.raises(ConfigError, match="the header 'Authorization'") as raised:
        procore(api.url, login.url).companies()
    assert "X-Evil" not in str(raised.value)
    assert api.requests == []


@pytest.mark.parametrize("wrong", ["a\r\nX-Evil: 1", "1; x", "../2"])
def test_the_fields_of_a_connector_cannot_break_a_request(wire: MakeWire, wrong: str) -> None:
    # The client id is sent as a form field; whatever is in it stays one
    api, login = wire(http_answer(b"[]")), wire(http_answer(TOKEN))
    config = {"format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "custom", "api_host": api.url,
              "login_host": login.url, "client_id": wrong, "company_id": "1"}  # fmt: skip
    connector = definition.from_stored(config, {"client_secret": Secret("the-client-secret-of-acme")})
    Procore(connector, MemoryTokens(), MemoryCalls(), MemoryQuota()).companies()
    assert b"\r\nX-Evil" not in login.requests[0]
    # The company stands in a header, and is a number or nothing
    with pytest.raises(Problems, match="is no id"):
        definition.from_stored({**config, "company_id": wrong}, {"client_secret": Secret("the-client-secret-of-acme")})
    # An id of a record stands in the path
    with pytest.raises(ConfigError):
        Procore(connector, MemoryTokens(), MemoryCalls(), MemoryQuota()).get("RFIs", wrong, "1")


# Who may change where a connector leads has not thereby read its secret


@pytest.mark.parametrize("options", [("--api-host",), ("--login-host",), ("--api-host", "--login-host")])
def test_a_kept_secret_is_not_sent_to_a_host_that_an_update_names(
    tieback: Tieback, procore: Pretend, secret_file: Path, wire: MakeWire, options: tuple[str, ...]
) -> None:
    # Given a connector whose secret was entered by one person
    assert tieback(*procore.words("acme", secret_file)).code == 0
    # When another, who does not know it, points the connector at a host of his own
    evil = wire(http_answer(TOKEN))
    refused = tieback("connector", "update", "acme", *(word for option in options for word in (option, evil.url)))
    # Then nothing was sent there, and nothing changed
    assert refused.code == 2
    assert "give it again with --client-secret-file" in refused.sentence()
    assert evil.requests == []
    assert evil.url not in tieback("connector", "show", "acme").out
