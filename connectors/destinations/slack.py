"""`kind: slack`: a channel's incoming webhook. The address fixes the channel; Slack lets no message choose another.

What a message says is shown as mrkdwn with `&`, `<` and `>` escaped, which is all that Slack reads as markup beyond
emphasis: a `<!channel>` or `<@U123>` from a record stays text and calls nobody.
Source: docs.slack.dev, "Sending messages using incoming webhooks" and "Formatting message text".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.destinations import _incoming
from connectors.destinations._incoming import Webhook, Written
from connectors.http import Reply
from connectors.messages import MOST_ITEMS, Item, Message, Receipt, checked_link, clean, cut, lines_of, named_files, one_line
from connectors.reader import Reader
from connectors.remarks import plain

KEYS = _incoming.KEYS
# Slack takes 3,000 signs per section and 150 per header, at most 50 blocks and 10 fields.
SECTION, HEADER, FALLBACK, LONGEST, MOST_FIELDS = 3000, 150, 3000, 12_000, 10
_GONE = (
    "Make a new webhook for the channel (api.slack.com/apps > your app > Incoming Webhooks) and write its address "
    "into the secret."
)
_OTHERWISE = "Check that the address is that of an incoming webhook and that its app is still installed."
MENDS = {
    "no_service": f"The webhook was removed or switched off. {_GONE}",
    "no_active_hooks": f"The webhook was removed or switched off. {_GONE}",
    "invalid_token": f"The address is not that of a webhook any more. {_GONE}",
    "no_team": f"The address does not lead to a workspace. {_GONE}",
    "team_disabled": "The workspace is switched off. Ask its owner, or use a webhook of another one.",
    "channel_is_archived": "The channel is archived. Bring it back in Slack, or make a webhook for another channel.",
    "channel_not_found": f"The channel is gone. {_GONE}",
    "user_not_found": f"The person whom this webhook writes to is gone. {_GONE}",
    "posting_to_general_channel_denied": "Only some people may post to #general. Ask an admin, or use another channel.",
    "action_prohibited": "An admin of the workspace forbids this. Ask one to allow the app to post there.",
    "invalid_blocks": "Slack does not take the message as it is built. Shorten its texts and link; please report it.",
    "invalid_payload": "Slack does not take the message as it is built. Shorten its texts and link; please report it.",
    "no_text": "The message has no text. Write text: in the step.",
}


@dataclass(frozen=True)
class Definition:
    written: Written

    @property
    def name(self) -> str:
        return self.written.name

    def load(self, env: Mapping[str, str], folder: Path) -> Destination:
        return Destination(Webhook("slack", self.written, env, folder))


class Destination:
    def __init__(self, webhook: Webhook):
        self.name = webhook.name
        self._webhook = webhook

    def notify(self, message: Message) -> Receipt:
        """Raises: Transient, Uncertain (it may stand there already), Permanent with the mend, ConfigError for a wrong link."""
        reply = self._webhook.post(rendered(self.name, message))
        if not _taken(reply):
            raise self._webhook.refused(reply, MENDS, _OTHERWISE)
        return Receipt(f"{reply.status} {plain(reply.body[:2000].decode('utf-8', 'replace'), 80)}".strip())


def _taken(reply: Reply) -> bool:
    """A page with status 200 is a proxy's or a sign-in's, and no channel has seen the message."""
    return 200 <= reply.status < 300 and not reply.body.lstrip().startswith(b"<")


def rendered(who: str, message: Message) -> dict[str, Any]:
    link = checked_link(who, message.link)
    whole = ": ".join(part for part in (one_line(message.title, HEADER), lines_of(message)) if part)
    return {"text": next(pieces(whole, FALLBACK), ""), "blocks": list(_blocks(who, message, link)), "unfurl_links": False}


def _blocks(who: str, message: Message, link: str) -> Iterator[dict[str, Any]]:
    if title := one_line(message.title, HEADER):
        yield {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}
    for piece in pieces(cut(clean(message.text), LONGEST), SECTION):
        yield _section(piece)
    if message.fields:
        shown = [f"*{escaped(one_line(name, 80))}*\n{escaped(one_line(value, 300))}" for name, value in message.fields.items()]
        yield {"type": "section", "fields": [_mrkdwn(text) for text in shown[:MOST_FIELDS]]}
    for item in message.items[:MOST_ITEMS]:
        yield _section(f"• {_linked(item, checked_link(who, item.link))}")
    if link:
        yield _section(f"<{link.replace('&', '&amp;')}|Open>")
    if files := named_files(message):
        yield {"type": "context", "elements": [_mrkdwn(escaped(files))]}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    # Verbatim: Slack looks for no names, channels or addresses in it by itself.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _linked(item: Item, link: str) -> str:
    text = escaped(one_line(item.text, 300))
    return f"{text} <{link.replace('&', '&amp;')}|Open>" if link else text


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def pieces(text: str, most: int) -> Iterator[str]:
    """Escaped parts of at most so many signs, cut at the end of a line or a word where there is one."""
    text = text.strip("\n")
    while text.strip():
        length = most
        while len(escaped(text[:length])) > most:
            length -= max(1, (len(escaped(text[:length])) - most) // 5)
        if length < len(text):
            end = max(text.rfind("\n", 0, length), text.rfind(" ", length // 2, length))
            length = end if end > length // 2 else length
        yield escaped(text[:length])
        text = text[length:].lstrip("\n ")


def parse(top: Reader, name: str) -> Definition:
    return Definition(_incoming.parse(top, name, "SLACK_WEBHOOK"))
