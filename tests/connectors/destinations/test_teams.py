"""teams: the card, that its texts are text only, its size, and what each refusal tells a person to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from config import yamlfile
from config.errors import ConfigError, Permanent, TiebackError, Transient, Uncertain
from config.logs import scrub
from connectors import destinations
from connectors.destinations.teams import MOST_BYTES, Destination, rendered
from connectors.messages import Attachment, Item, Message
from simulator.app import Running
from tests.connectors.conftest import Wire, http_answer

MakeWire = Callable[..., Wire]
PATH = "/powerautomate/automations/direct/workflows/0a1b2c3d4e5f60718293a4b5c6d7e8f9/triggers/manual/paths/invoke"
SIGNATURE = "qS9xYz8Wv7Ut6Sr5Qp4On3Ml2Kj1Ih0"
QUERY = f"api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={SIGNATURE}"


def loaded(address: str) -> Destination:
    node = yamlfile.parse("format: 1\nkind: teams\nname: pm\nurl: ${env:HOOK}\n", "destinations/pm.yaml")
    found = destinations.load(node, {"HOOK": address}, Path())
    assert isinstance(found, Destination)
    return found


def made(url: str) -> Destination:
    return loaded(f"{url}{PATH}?{QUERY}")


def failed(wire: MakeWire, status: str, body: bytes, headers: str = "") -> TiebackError:
    with pytest.raises(TiebackError) as raised:
        made(wire(http_answer(body, status, headers)).url).notify(Message("late", "k"))
    assert SIGNATURE not in str(raised.value)
    return raised.value


def refusal(code: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": f"The request failed. {SIGNATURE}"}}).encode()


def inside(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(one)


def test_a_card_goes_to_the_whole_address_with_its_signature(wire: MakeWire) -> None:
    one = wire(http_answer(b"", "202 Accepted"))
    link = "https://app.procore.com/7?a=1&b=2"
    sent = Message("Beam late\nsince Friday", "k", title="RFI 12", link=link, fields={"Due": "Friday"})
    assert made(one.url).notify(sent).said == "202, the flow took it"
    (request,) = one.requests
    assert request.startswith(f"POST {PATH}?{QUERY} HTTP/1.1".encode())
    body = json.loads(request.partition(b"\r\n\r\n")[2])
    (attachment,) = body["attachments"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    shown = ["".join(run["text"] for run in block["inlines"]) for block in card["body"]]
    assert shown == ["RFI 12", "Beam late", "since Friday", "Due: Friday"]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": link}]


@pytest.mark.parametrize(
    "text", ["<at>everyone</at>", "@everyone", "**[x](https://evil.example)**", "{{DATE(2026-01-01T00:00:00Z)}}"]
)
def test_what_a_record_says_stands_in_text_runs_only(text: str) -> None:
    body = rendered("teams:pm", Message(text, "k", title=text, fields={text: text}, items=(Item(text, "https://a.example"),)))
    holders = [one for one in inside(body) if isinstance(one.get("text"), str)]
    assert {one["type"] for one in holders} == {"TextRun"}
    assert "entities" not in json.dumps(body)
    assert "{{" not in json.dumps(body, ensure_ascii=False)


def test_only_what_the_rule_gives_as_a_link_can_be_clicked() -> None:
    body = rendered("teams:pm", Message("https://evil.example", "k", items=(Item("one", "https://a.example/1"), Item("two"))))
    assert [one["url"] for one in inside(body) if "url" in one] == ["https://a.example/1"]
    with pytest.raises(ConfigError, match="is no web address"):
        rendered("teams:pm", Message("x", "k", link="javascript:alert(1)"))


def test_a_huge_message_keeps_to_the_limit_of_teams() -> None:
    many = tuple(Item("ä" * 5000, "https://a.example/" + "y" * 1500) for _ in range(100))
    sent = Message("é\n" * 100_000, "k", title="t" * 5000, fields={f"f{n}": "ü" * 5000 for n in range(9)}, items=many[:3])
    assert len(json.dumps(rendered("teams:pm", sent), ensure_ascii=False).encode()) <= MOST_BYTES
    assert "more characters were left out" in json.dumps(rendered("teams:pm", sent))


def test_files_are_named() -> None:
    shown = json.dumps(rendered("teams:pm", Message("see", "k", attachments=(Attachment("ageing.csv", b"1"),))))
    assert "Files (not sent to this channel): ageing.csv" in shown


@pytest.mark.parametrize(
    "status, code, text",
    [
        ("400 Bad Request", "WorkflowTriggerIsNotEnabled", "The flow is switched off"),
        ("401 Unauthorized", "DirectApiAuthorizationRequired", 'Set "Who can trigger the flow" to Anyone'),
        ("404 Not Found", "WorkflowNotFound", "Send webhook alerts to a channel"),
        ("400 Bad Request", "TriggerInputSchemaMismatch", "expects another message than a card"),
        ("403 Forbidden", "SomethingElse", "Open the flow's run history"),
    ],
)
def test_a_refusal_says_what_to_do(wire: MakeWire, status: str, code: str, text: str) -> None:
    error = failed(wire, status, refusal(code))
    assert type(error) is Permanent
    assert text in str(error)


def test_too_many_messages_wait(wire: MakeWire) -> None:
    error = failed(wire, "429 Too Many Requests", refusal("WorkflowTriggerThrottled"), "Retry-After: 12\r\n")
    assert type(error) is Transient
    assert error.retry_after_s == 12.0


def test_a_gateway_that_lost_the_flow_leaves_doubt(wire: MakeWire) -> None:
    assert type(failed(wire, "502 Bad Gateway", refusal("NoResponse"))) is Uncertain


def test_a_failure_inside_a_200_is_a_failure(wire: MakeWire) -> None:
    seen = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error %d with ContextId x"
    assert type(failed(wire, "200 OK", seen % 429)) is Transient
    assert type(failed(wire, "200 OK", seen % 413)) is Permanent


def test_an_answer_that_never_came_is_doubt(sim: Running) -> None:
    with pytest.raises(Uncertain):
        loaded(f"{sim.url}/_sim/sink/teams?mode=apply_then_cut&sig={SIGNATURE}").notify(Message("late", "k"))
    assert len(requests.get(f"{sim.url}/_sim/sink/teams", timeout=5).json()) == 1


def test_a_redirect_is_not_followed(wire: MakeWire) -> None:
    other = wire(http_answer(b""))
    assert failed(wire, "307 Moved", b"", f"Location: {other.url}\r\n").kind == "redirect"  # type: ignore[attr-defined]
    assert other.requests == []


def test_a_retired_connector_is_told_apart_before_anything_is_sent() -> None:
    with pytest.raises(ConfigError, match=r"Office 365 connector, which Microsoft has retired.*Workflows"):
        loaded("https://acme.webhook.office.com/webhookb2/1234567890abcdef/IncomingWebhook/abcdef1234567890/x")


@pytest.mark.parametrize("query", ["a=b#c", "a=b c", "a=ä"])
def test_an_address_that_was_copied_badly_is_said(query: str) -> None:
    with pytest.raises(ConfigError, match="Copy it again"):
        loaded(f"https://x.api.powerplatform.com/workflows?{query}")


def test_the_signature_is_hidden_from_logs() -> None:
    made("https://acme.eu.environment.api.powerplatform.com:443")
    assert SIGNATURE not in scrub(f"POST {PATH}?{QUERY}")
