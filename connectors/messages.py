"""What is said to people, whatever the channel: one message in, one receipt out.

A destination that takes messages has `notify(message)`. Slack, Teams, e-mail and plain HTTP render the same
message each in their own way; text from records never becomes markup, a mention or a header there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from config.errors import ConfigError

MOST_ITEMS = 20
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LINK = re.compile(r"https?://[^\s\x00-\x20\x7f\"<>\\^`{|}]+\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Attachment:
    """A file with its content. Only e-mail sends it; chats name it."""

    name: str
    content: bytes = b""


@dataclass(frozen=True)
class Item:
    """One of several things that a message lists, such as a line of a digest."""

    text: str
    link: str = ""


@dataclass(frozen=True)
class Message:
    """`key` names the effect: the same message has the same key however often it is tried.

    `fields` are short facts beside the text, `recipients` addresses for e-mail, `about` what programs want to know
    (automation, run, event).
    """

    text: str
    key: str
    title: str = ""
    link: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    items: tuple[Item, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    recipients: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Receipt:
    """What the far end said. `refused` are addresses that it did not take while it took others, each with its reason."""

    said: str
    refused: Mapping[str, str] = field(default_factory=dict)


class Notifier(Protocol):
    def notify(self, message: Message) -> Receipt:
        """Say it once.

        Raises: Transient (nothing was said; later it may go), Uncertain (it may have been said), Permanent.
        """


def clean(text: str) -> str:
    """Without control and direction signs; line ends are \\n."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, longest: int) -> str:
    return shortened(" ".join(clean(text).split()), longest)


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def cut(text: str, longest: int) -> str:
    """The text, or its beginning and how much is missing."""
    if len(text) <= longest:
        return text
    return f"{text[:longest].rstrip()}\n… ({len(text) - longest} more characters were left out)"


def checked_link(who: str, link: str) -> str:
    """The link, or an empty text when there is none. Raises: ConfigError for what no browser should be sent to."""
    if link and (len(link) > 2000 or not _LINK.match(link)):
        raise ConfigError(
            f"{who}: the link {shortened(clean(link), 80)!r} is no web address. "
            "Begin it with https:// and leave out spaces and quotes."
        )
    return link


def lines_of(message: Message) -> str:
    """The whole message as plain text: what a chat shows in a notification, and the plain part of a mail."""
    parts = [clean(message.text)]
    parts += [f"{one_line(name, 80)}: {one_line(value, 500)}" for name, value in message.fields.items()]
    parts += [f"- {one_line(item.text, 300)}" + (f" {item.link}" if item.link else "") for item in message.items]
    return "\n".join(part for part in parts if part)


def named_files(message: Message) -> str:
    """A sentence about files that this channel does not carry; empty when there are none."""
    if not message.attachments:
        return ""
    names = ", ".join(one_line(file.name, 100) for file in message.attachments)
    return shortened(f"Files (not sent to this channel): {names}", 1000)
