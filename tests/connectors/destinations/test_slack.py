"""slack: what is posted, that nothing of a record is markup there, and what each refusal tells a person to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from config import yamlfile
from config.errors import ConfigError, Permanent, TiebackError, Transient, Uncertain
from config.logs import scrub
from config.problems import Problem, Problems
from connectors import destinations
from connectors.destinations.slack import Destination, pieces
from connectors.messages import Attachment, Item, Message
from simulator.app import Running
from tests.connectors.conftest import Wire, http_answer

MakeWire = Callable[..., Wire]
SECRET = "T0ABCDEF12/B0ABCDEF12/x9Yz8Wv7Ut6Sr5Qp4On3"


def made(url: str, more: str = "") -> Destination:
    node = yamlfile.parse(f"format: 1\nkind: slack\nname: ops\nurl: ${{env:HOOK}}\n{more}", "destinations/ops.yaml")
    found = destinations.load(node, {"HOOK": f"{url}/services/{SECRET}"}, Path())
    assert isinstance(found, Destination)
    return found


def problems(text: str) -> list[Problem]:
    with pytest.raises(Problems) as raised:
        destinations.parse(yamlfile.parse(f"format: 1\nkind: slack\nname: ops\n{text}", "destinations/ops.yaml"))
    return raised.value.found


def posted(wire: MakeWire, message: Message) -> dict[str, Any]:
    one = wire(http_answer(b"ok", content_type="text/plain"))
    made(one.url).notify(message)
    body: dict[str, Any] = json.loads(one.requests[0].partition(b"\r\n\r\n")[2])
    return body


def failed(wire: MakeWire, status: str, body: bytes, headers: str = "", kind: str = "text/plain") -> TiebackError:
    with pytest.raises(TiebackError) as raised:
        made(wire(http_answer(body, status, headers, kind)).url).notify(Message("late", "k"))
    assert SECRET not in str(raised.value)
    return raised.value


def texts(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)


def test_a_message_is_posted_once_with_title_text_and_link(wire: MakeWire) -> None:
    one = wire(http_answer(b"ok", content_type="text/plain"))
    sent = Message("Beam late", "k", title="RFI 12", link="https://app.procore.com/7?a=1&b=2", fields={"Due": "Friday"})
    receipt = made(one.url).notify(sent)
    assert receipt.said == "200 ok"
    (request,) = one.requests
    assert request.startswith(f"POST /services/{SECRET} HTTP/1.1".encode())
    body = json.loads(request.partition(b"\r\n\r\n")[2])
    assert body["text"] == "RFI 12: Beam late\nDue: Friday"
    kinds = [(block["type"], (block.get("text") or {}).get("text")) for block in body["blocks"]]
    assert kinds == [
        ("header", "RFI 12"),
        ("section", "Beam late"),
        ("section", None),
        ("section", "<https://app.procore.com/7?a=1&amp;b=2|Open>"),
    ]


@pytest.mark.parametrize(
    "text", ["<!channel> look", "<@U012AB3CD>", "<!subteam^S1|team>", "<https://evil.example|app.procore.com>", "a & b < c > d"]
)
def test_what_a_record_says_calls_nobody_and_links_nowhere(wire: MakeWire, text: str) -> None:
    body = posted(wire, Message(text, "k", title=text, fields={text: text}, items=(Item(text, "https://a.example/1"),)))
    shown = texts(body).replace(" <https://a.example/1|Open>", "")
    header = next(block for block in body["blocks"] if block["type"] == "header")
    assert header["text"]["type"] == "plain_text"
    without_header = shown.replace(json.dumps(header["text"]["text"]), "")
    assert "<" not in without_header
    assert ">" not in without_header


def test_slack_looks_for_no_names_by_itself(wire: MakeWire) -> None:
    body = posted(wire, Message("@everyone @channel #general", "k", fields={"a": "@here"}))
    shown = [block["text"] for block in body["blocks"] if "text" in block]
    shown += [field for block in body["blocks"] for field in block.get("fields", [])]
    assert {text["verbatim"] for text in shown} == {True}
    assert "link_names" not in body


def test_a_huge_message_keeps_to_slacks_limits(wire: MakeWire) -> None:
    many = tuple(Item("x" * 5000, "https://a.example/" + "y" * 1000) for _ in range(100))
    body = posted(wire, Message("&" * 50_000, "k", title="t" * 500, fields={f"f{n}": "v" * 5000 for n in range(40)}, items=many))
    assert len(body["blocks"]) <= 50
    assert len(body["text"]) <= 3000
    assert all(len(block["text"]["text"]) <= 3000 for block in body["blocks"] if "text" in block)
    assert "38000 more characters were left out" in texts(body)


def test_pieces_are_cut_between_words_and_never_inside_an_escape() -> None:
    text = "a & b <c> " * 900
    found = list(pieces(text, 3000))
    assert all(len(piece) <= 3000 for piece in found)
    plain = [piece.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for piece in found]
    assert " ".join(piece.strip() for piece in plain) == text.strip()


def test_files_are_named(wire: MakeWire) -> None:
    body = posted(wire, Message("see", "k", attachments=(Attachment("ageing.csv", b"1"),)))
    assert "Files (not sent to this channel): ageing.csv" in texts(body)


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "https://a.example/|evil>", "https://a b", "//a.example", "https://a.example/\r\n"]
)
def test_a_link_that_is_no_web_address_is_refused(wire: MakeWire, link: str) -> None:
    one = wire(http_answer(b"ok"))
    with pytest.raises(ConfigError, match="is no web address"):
        made(one.url).notify(Message("x", "k", link=link))
    assert one.requests == []


@pytest.mark.parametrize(
    "status, body, text",
    [
        ("404 Not Found", b"no_service", "Make a new webhook for the channel"),
        ("403 Forbidden", b"invalid_token", "Make a new webhook for the channel"),
        ("410 Gone", b"channel_is_archived", "Bring it back in Slack"),
        ("404 Not Found", b"channel_not_found", "The channel is gone"),
        ("403 Forbidden", b"action_prohibited", "An admin of the workspace forbids this"),
        ("400 Bad Request", b"invalid_payload", "does not take the message as it is built"),
        ("400 Bad Request", b"something_new", "something_new. Check that the address"),
    ],
)
def test_a_refusal_says_what_to_do(wire: MakeWire, status: str, body: bytes, text: str) -> None:
    error = failed(wire, status, body)
    assert type(error) is Permanent
    assert error.kind == f"http_{status[:3]}"
    assert text in str(error)


def test_too_many_messages_wait_as_slack_says(wire: MakeWire) -> None:
    error = failed(wire, "429 Too Many Requests", b"rate_limited", "Retry-After: 30\r\n")
    assert type(error) is Transient
    assert (error.kind, error.retry_after_s) == ("http_429", 30.0)


def test_after_a_fault_of_slack_nobody_knows(wire: MakeWire) -> None:
    error = failed(wire, "500 Oops", b"rollup_error")
    assert type(error) is Uncertain
    assert "whether the message was posted is not known" in str(error)
    assert type(failed(wire, "503 Busy", b"", "Retry-After: 20\r\n")) is Transient


def test_a_page_is_no_message_in_a_channel(wire: MakeWire) -> None:
    error = failed(wire, "200 OK", b"<html>Sign in", kind="text/html")
    assert isinstance(error, Permanent)
    assert "a web page came back" in str(error)


def test_a_redirect_is_not_followed(wire: MakeWire) -> None:
    other = wire(http_answer(b"ok"))
    error = failed(wire, "302 Found", b"", f"Location: {other.url}\r\n")
    assert isinstance(error, Permanent)
    assert error.kind == "redirect"
    assert other.requests == []


def test_an_answer_that_never_came_is_doubt(sim: Running) -> None:
    with pytest.raises(Uncertain) as raised:
        made(f"{sim.url}/_sim/sink/slack?mode=apply_then_cut&x=").notify(Message("late", "k"))
    assert len(requests.get(f"{sim.url}/_sim/sink/slack", timeout=5).json()) == 1
    assert SECRET not in str(raised.value)


def test_the_address_is_in_no_error_and_no_log(wire: MakeWire) -> None:
    one = wire(http_answer(f"no_service /services/{SECRET}".encode(), "404 Not Found", content_type="text/plain"))
    with pytest.raises(Permanent) as raised:
        made(one.url).notify(Message("late", "k"))
    assert "x9Yz8Wv7" not in str(raised.value)
    assert "x9Yz8Wv7" not in scrub(f"POST /services/{SECRET}")


def test_the_file_takes_an_address_by_reference_only() -> None:
    found = problems("url: https://hooks.slack.com/services/T0/B0/abc\nchannel: '#general'\ntimeout: 5m")
    assert [p.code for p in found] == ["TB407", "TB401", "TB403"]
    assert "hooks.slack.com" not in str(found)
    assert [p.code for p in problems("")] == ["TB402"]


def test_an_address_inside_is_refused_unless_the_file_says_so() -> None:
    with pytest.raises(ConfigError, match="private"):
        made("https://10.0.0.7")
    assert made("https://10.0.0.7", "private: true").name == "slack:ops"
