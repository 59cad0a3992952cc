"""Finds the view of a /rest path among hundreds of path templates.

Flask's own map would do, but it takes a quarter of a second to build, which every test would pay.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Response

from simulator.table import Row

View = Callable[..., Response]


@dataclass
class Route:
    """A path template, its views by HTTP method, and the resource it serves, if any."""

    template: str
    views: dict[str, View] = field(default_factory=dict)
    row: Row | None = None


@dataclass
class Found:
    """A route that fits a path, and the ids and the words that the path names."""

    route: Route
    ids: dict[str, int]
    words: dict[str, str]


@dataclass
class _Node:
    by_word: dict[str, _Node] = field(default_factory=dict)
    by_number: _Node | None = None
    by_any: _Node | None = None
    route: Route | None = None


class Router:
    """Templates name ids as `{rfi_id}`, which fits a number, and words as `<field>`, which fits anything."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, template: str, views: dict[str, View], row: Row | None = None) -> None:
        """Views that the template has already got stay."""
        node = self._root
        for word in template.strip("/").split("/"):
            if word.startswith("{"):
                node.by_number = node = node.by_number or _Node()
            elif word.startswith("<"):
                node.by_any = node = node.by_any or _Node()
            else:
                node = node.by_word.setdefault(word, _Node())
        node.route = node.route or Route(template, row=row)
        node.route.views = views | node.route.views

    def find(self, path: str) -> Found | None:
        numbers: list[int] = []
        others: list[str] = []
        node = _walk(self._root, path.strip("/").split("/"), numbers, others)
        if node is None or node.route is None:
            return None
        template = node.route.template
        ids = dict(zip(re.findall(r"{(\w+)}", template), numbers, strict=True))
        return Found(node.route, ids, dict(zip(re.findall(r"<(\w+)>", template), others, strict=True)))


def _walk(node: _Node, words: list[str], numbers: list[int], others: list[str]) -> _Node | None:
    for word in words:
        if (next_node := node.by_word.get(word)) is not None:
            node = next_node
        elif node.by_number is not None and word.isdecimal() and word.isascii():
            node = node.by_number
            numbers.append(int(word))
        elif node.by_any is not None:
            node = node.by_any
            others.append(word)
        else:
            return None
    return node
