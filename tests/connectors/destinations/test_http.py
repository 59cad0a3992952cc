import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config import yamlfile
from config.errors import ConfigError, Permanent, Transient, Uncertain
from config.problems import Problem, Problems
from connectors import destinations
from connectors.destinations.http import Destination
from connectors.messages import Attachment, Message
from simulator.app import Running
from tests.connectors.conftest import Wire, http_answer

MakeWire = Callable[..., Wire]


def node(text: str) -> yamlfile.Node:
    return yamlfile.parse(text, "destinations/erp.yaml")


def problems(text: str) -> list[Problem]:
    with pytest.raises(Problems) as raised:
        destinations.parse(node(text))
    return raised.value.found


def made(url: str, more: str = "", **env: str) -> Destination:
    found = destinations.load(node(f"kind: http\nname: erp\nurl: {url}\n{more}"), env, Path())
    assert isinstance(found, Destination)
    return found


def test_a_file_is_read_with_its_secrets_by_reference(wire: MakeWire) -> None:
    one = wire(http_answer(b'{"id": 7}'))
    erp = made(
        f"{one.url}/api", 'headers: {Authorization: "Bearer ${env:ERP}", X-Source: tieback}\nmethod: PUT', ERP="s3cret-token"
    )
    reply = erp.send(path="/change-orders", json={"a": 1}, idempotency_key="co-1")
    assert reply.json() == {"id": 7}
    head = one.requests[0].decode()
    assert head.startswith("PUT /api/change-orders HTTP/1.1")
    for line in ("Authorization: Bearer s3cret-token", "X-Source: tieback", "Idempotency-Key: co-1"):
        assert line in head


def test_the_name_of_a_destination_is_kind_and_name() -> None:
    assert destinations.name_of(node("kind: http\nname: erp\n")) == "http:erp"
    assert destinations.name_of(node("- what\n")) == "None:None"


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = problems("""\
kind: http
name: ERP 1
url: http://erp.example.com/api
heders: {}
method: FETCH
timeout: 5m
private: maybe
headers: {X-Api-Key: hunter2, Accept: text/plain}
idempotency_header: "a b"
""")
    assert [(p.line, p.code) for p in found] == [
        (2, "TB408"), (3, "TB406"), (4, "TB401"), (5, "TB403"), (6, "TB403"), (7, "TB403"), (8, "TB407"), (9, "TB403"),
    ]  # fmt: skip
    assert "hunter2" not in str(found)


def test_an_unknown_kind_names_the_known_ones() -> None:
    assert problems("kind: htpp\nname: x\n")[0].suggestion == "http"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "kind: http",
        "kind: {}",
        "kind: http\nname: x\nurl: {}",
        "kind: http\nname: x\nurl: https://a.example\nheaders: 3",
    ],
)
def test_any_other_shape_is_a_problem_and_no_crash(text: str) -> None:
    assert problems(text)


def test_a_url_that_is_a_secret_is_checked_when_it_is_known() -> None:
    with pytest.raises(ConfigError, match=r"http:erp: 169.254.169.254 is a link-local address"):
        made("${env:HOOK_URL}", HOOK_URL="https://169.254.169.254/latest")


@pytest.mark.parametrize(
    "path",
    ["//evil.example/x", "https://evil.example/x", "/../admin", "/a/%2e%2e/b", "..", "/a\r\nX: y", "\\\\evil\\x", "/a/..?x=1"],
)
def test_a_rule_cannot_leave_the_path_of_the_file(wire: MakeWire, path: str) -> None:
    one = wire(http_answer())
    with pytest.raises(ConfigError):
        made(f"{one.url}/api").send(path=path)
    assert one.requests == []


def test_a_path_from_a_title_is_quoted_and_keeps_its_query(wire: MakeWire) -> None:
    one = wire(http_answer())
    made(f"{one.url}/api").send("GET", "items/Béton 4000?next=https://x.example/")
    assert one.requests[0].startswith(b"GET /api/items/B%C3%A9ton%204000?next=https://x.example/ HTTP/1.1")


def test_a_rule_cannot_replace_the_credential_or_the_host(wire: MakeWire) -> None:
    erp = made(wire(http_answer()).url, "headers: {Authorization: '${env:T}'}", T="Bearer token-of-the-file")
    for name in ("authorization", "Host", "Content-Length"):
        with pytest.raises(ConfigError, match="not a rule's to set"):
            erp.send(headers={name: "x"})


def test_a_redirect_is_an_error_and_the_credential_stays(wire: MakeWire) -> None:
    other = wire(http_answer())
    one = wire(http_answer(b"", "301 Moved", f"Location: {other.url}\r\n"))
    with pytest.raises(Permanent) as raised:
        made(one.url, "headers: {Authorization: '${env:T}'}", T="Bearer x").send()
    assert raised.value.kind == "redirect"
    assert other.requests == []


def test_an_answer_need_not_be_json(wire: MakeWire) -> None:
    assert made(wire(http_answer(b"ok", content_type="text/plain")).url).send(json={}).body == b"ok"
    assert made(wire(b"HTTP/1.0 200 OK\r\n\r\n").url).send(json={}).status == 200


def test_errors_are_sorted_as_everywhere(wire: MakeWire) -> None:
    with pytest.raises(Transient) as busy:
        made(wire(http_answer(b"", "429 Too Many", "Retry-After: 7\r\n")).url).send()
    assert (busy.value.kind, busy.value.retry_after_s) == ("http_429", 7.0)
    with pytest.raises(Uncertain):
        made(wire(b"").url).send()
    with pytest.raises(Permanent, match="http:erp: 422 on POST /x: name is taken"):
        made(wire(http_answer(b'{"errors": {"name": ["is taken"]}}', "422 No")).url).send(path="/x")


def test_the_timeout_of_the_file_is_for_the_whole_call(wire: MakeWire) -> None:
    import time

    one = wire(lambda connection: time.sleep(2))
    with pytest.raises(Uncertain, match=r"within 0.3 s"):
        made(one.url, "timeout: 0.3s").send()


def test_a_sink_of_the_simulator_receives_it(sim: Running) -> None:
    made(f"{sim.url}/_sim/sink").send(path="/erp", json={"number": "CO-1"}, idempotency_key="k1")
    kept: list[Any] = made(f"{sim.url}/_sim/sink").send("GET", "/erp").json()
    assert "CO-1" in str(kept)


def test_an_address_that_is_a_secret_is_in_no_error(wire: MakeWire) -> None:
    one = wire(http_answer(b"", "404 Not Found"))
    with pytest.raises(Permanent, match=r"http:erp: 404 on POST /…/x") as raised:
        made("${env:HOOK}", HOOK=f"{one.url}/services/T0/S3CRET").send(path="/x")
    assert one.requests[0].startswith(b"POST /services/T0/S3CRET/x")
    assert "S3CRET" not in str(raised.value)


def test_a_body_that_is_no_json_is_told_before_anything_is_sent(wire: MakeWire) -> None:
    one = wire(http_answer())
    for body in (float("nan"), {"a": object()}):
        with pytest.raises(ConfigError, match="cannot be written as JSON"):
            made(one.url).send(json=body)
    assert one.requests == []


def test_a_message_is_posted_as_json_with_its_key(wire: MakeWire) -> None:
    one = wire(http_answer(b"{}", "202 Accepted"))
    sent = Message(
        "Beam\r\nlate", "k1", title="RFI 12", link="https://a.example/7", fields={"Due": "Friday"},
        attachments=(Attachment("a.csv", b"1"),), about={"automation": "rule", "run": "812"},
    )  # fmt: skip
    assert made(one.url, "method: GET").notify(sent).said == "202"
    head, _, body = one.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1")
    assert b"Idempotency-Key: k1" in head
    assert json.loads(body) == {
        "text": "Beam\nlate", "title": "RFI 12", "link": "https://a.example/7", "fields": {"Due": "Friday"}, "files": ["a.csv"],
        "automation": "rule", "run": "812",
    }  # fmt: skip


def test_a_message_of_a_text_alone_has_no_empty_keys(wire: MakeWire) -> None:
    one = wire(http_answer())
    made(one.url).notify(Message("late", "k"))
    assert json.loads(one.requests[0].partition(b"\r\n\r\n")[2]) == {"text": "late"}
