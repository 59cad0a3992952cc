"""Pages and their headers. Source: Procore documentation, pagination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from flask import request

from simulator.answers import Refused

T = TypeVar("T")


@dataclass(frozen=True)
class Page:
    number: int
    size: int
    total: int

    def cut(self, found: list[T]) -> list[T]:
        """Past the end there is nothing, and that is no error."""
        return found[(self.number - 1) * self.size : self.number * self.size]

    def headers(self) -> dict[str, str]:
        last = max(1, -(-self.total // self.size))
        links = []
        if self.number > 1:
            links += [("first", 1), ("prev", min(self.number - 1, last))]
        if self.number < last:
            links += [("last", last), ("next", self.number + 1)]
        found = {"Total": str(self.total), "Per-Page": str(self.size)}
        if links:
            found["Link"] = ", ".join(f'<{_address(number, self.size)}>; rel="{name}"' for name, number in links)
        return found


def page_of(total: int, default: int, most: int) -> Page:
    """The page that the call asks for; a size over the maximum becomes the maximum."""
    number, size = _whole("page", 1), _whole("per_page", default)
    return Page(max(1, number), min(most, size) if size > 0 else default, total)


def _whole(name: str, default: int) -> int:
    text = request.args.get(name) or str(default)
    try:
        return int(text)
    except ValueError:
        raise Refused(400, {"errors": [f"{name} is invalid"]}) from None


def _address(number: int, size: int) -> str:
    others = [(k, v) for k, v in request.args.items(multi=True) if k not in ("page", "per_page")]
    query = urlencode([*others, ("page", number), ("per_page", size)], safe="[]")
    return f"{request.host_url.rstrip('/')}{request.path}?{query}"
