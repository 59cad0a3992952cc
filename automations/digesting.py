"""One message for many that came faster than their rate allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.messages import Item, Message, one_line

LINES = 10


def message_of(automation: str, key: str, said: Sequence[Mapping[str, Any]]) -> Message:
    """How many, the first lines each with its link, and how many more. `said` have title, text, link and recipients."""
    count = len(said)
    many = f"{count} message{'' if count == 1 else 's'}"
    more = f"\n… and {count - LINES} more" if count > LINES else ""
    return Message(
        text=f"{many} of {automation} came faster than its rate allows:{more}",
        key=key, title=f"{automation}: {many}", items=tuple(_item(one) for one in said[:LINES]),
        recipients=tuple(said[0].get("recipients", ())), about={"automation": automation, "digest": True, "count": count},
    )  # fmt: skip


def _item(said: Mapping[str, Any]) -> Item:
    return Item(one_line(": ".join(part for part in (said["title"], said["text"]) if part), 200), said["link"])
