"""`kind: teams`: a flow of Teams' Workflows that begins "When a Teams webhook request is received".

The message is an adaptive card whose texts stand in text runs, which know neither Markdown nor mentions: what a record
holds is shown as it is. The flow answers 202 before it posts, so a receipt says that the flow took the message.
Source: learn.microsoft.com, "Create incoming webhooks with Workflows" and "Adaptive Cards in Teams" (28 KB per message).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import ConfigError, Permanent, Transient
from connectors.destinations import _incoming
from connectors.destinations._incoming import Webhook, Written
from connectors.http import Reply
from connectors.messages import MOST_ITEMS, Message, Receipt, checked_link, clean, cut, named_files, one_line
from connectors.reader import Reader

KEYS = _incoming.KEYS
MOST_BYTES, MOST_FIELDS, MOST_LINES = 27 * 1024, 20, 60
RETIRED = (".webhook.office.com", "outlook.office.com", "outlook.office365.com")
_NEW = 'In Teams: the channel\'s menu > Workflows > "Send webhook alerts to a channel"; write the new address into the secret.'
MENDS = {
    "WorkflowTriggerIsNotEnabled": "The flow is switched off. Switch it on in Power Automate (My flows > the flow > Turn on).",
    "Disabled": "The flow is switched off. Switch it on in Power Automate (My flows > the flow > Turn on).",
    "Suspended": "The flow is suspended. Open it in Power Automate: it names the reason, often a licence or a policy.",
    "WorkflowNotFound": f"The flow was deleted, or its owner has left. {_NEW}",
    "WorkflowTriggerNotFound": f"The flow no longer begins with a webhook. {_NEW}",
    "DirectApiAuthorizationRequired": 'The address lacks its signature, or the flow asks for a sign-in. Set "Who can trigger '
    'the flow" to Anyone and copy the whole address again.',
    "DirectApiRequestHasMoreThanOneAuthorization": "The address holds two signatures. Copy the whole address again.",
    "MisMatchingOAuthClaims": 'The flow asks for a sign-in. Set "Who can trigger the flow" to Anyone.',
    "TriggerInputSchemaMismatch": f"The flow expects another message than a card. {_NEW}",
    "InvalidSignature": "The signature in the address is wrong. Copy the whole address again.",
    "WorkflowTriggerThrottled": "The flow gets more messages than it may. Gather them (flow: throttle: over: digest).",
}
_OTHERWISE = "Open the flow's run history in Power Automate: it says what it did not take."
# The connectors' service said 200 to everything and wrote the failure into the body; some relays still do.
_FAILED = b"Webhook message delivery failed"


@dataclass(frozen=True)
class Definition:
    written: Written

    @property
    def name(self) -> str:
        return self.written.name

    def load(self, env: Mapping[str, str], folder: Path) -> Destination:
        webhook = Webhook("teams", self.written, env, folder)
        if webhook.at.host.endswith(RETIRED):
            raise ConfigError(
                f"{webhook.name}: the address is that of an Office 365 connector, which Microsoft has retired. {_NEW}"
            )
        return Destination(webhook)


class Destination:
    def __init__(self, webhook: Webhook):
        self.name = webhook.name
        self._webhook = webhook

    def notify(self, message: Message) -> Receipt:
        """Raises: Transient, Uncertain (it may stand there already), Permanent with the mend, ConfigError for a wrong link."""
        reply = self._webhook.post(rendered(self.name, message))
        if reply.status == 200 and _FAILED in reply.body:
            raise self._in_the_body(reply)
        if not 200 <= reply.status < 300 or reply.body.lstrip().startswith(b"<"):
            raise self._webhook.refused(reply, MENDS, _OTHERWISE)
        return Receipt(f"{reply.status}, the flow took it")

    def _in_the_body(self, reply: Reply) -> Transient | Permanent:
        said = one_line(reply.body[:400].decode("utf-8", "replace"), 200)
        if "429" in said:
            return Transient(f"{self.name}: {said}. It is tried again later.", kind="http_429", retry_after_s=30.0)
        return Permanent(f"{self.name}: {said}. {_NEW}", kind="refused")


def rendered(who: str, message: Message) -> dict[str, Any]:
    """The card, with the text cut until it is small enough for Teams."""
    link, longest = checked_link(who, message.link), 20_000
    card = _card(who, message, link, longest)
    while longest > 200 and len(json.dumps(card, ensure_ascii=False).encode("utf-8", "replace")) > MOST_BYTES:
        longest = longest * 2 // 3
        card = _card(who, message, link, longest)
    return card


def _card(who: str, message: Message, link: str, longest: int) -> dict[str, Any]:
    content: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": list(_body(who, message, longest)),
        "msteams": {"width": "Full"},
    }
    if link:
        content["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _body(who: str, message: Message, longest: int) -> Iterator[dict[str, Any]]:
    if title := one_line(message.title, 200):
        yield _rich(_run(title, weight="Bolder", size="Large"))
    yield from _paragraphs(cut(clean(message.text), longest))
    for name, value in list(message.fields.items())[:MOST_FIELDS]:
        yield _rich(_run(f"{one_line(name, 80)}: ", weight="Bolder"), _run(one_line(value, 300)))
    for item in message.items[:MOST_ITEMS]:
        yield _rich(_run("• "), _run(one_line(item.text, min(300, longest)), link=checked_link(who, item.link)))
    if files := named_files(message):
        yield _rich(_run(files, isSubtle=True, size="Small"))


def _paragraphs(text: str) -> Iterator[dict[str, Any]]:
    """A block per line: text runs do not break lines by themselves."""
    lines = [line for line in text.split("\n") if line.strip()]
    head, rest = lines[:MOST_LINES], lines[MOST_LINES:]
    for line in [*head, *([" / ".join(rest)] if rest else [])]:
        yield _rich(_run(line))


def _rich(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, *, link: str = "", **style: Any) -> dict[str, Any]:
    action = {"selectAction": {"type": "Action.OpenUrl", "url": link}} if link else {}
    # {{DATE(…)}} is the one thing that a card works out inside a text.
    return {"type": "TextRun", "text": text.replace("{{", "{\N{WORD JOINER}{"), **style, **action}


def parse(top: Reader, name: str) -> Definition:
    return Definition(_incoming.parse(top, name, "TEAMS_WEBHOOK"))
