"""Reading a marked mapping key by key, collecting every problem instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from config.problems import Mark, Problem, did_you_mean, nearest, problem
from config.secrets import is_reference
from config.yamlfile import Node


class Reader:
    """Takes keys out of one mapping. `prefix` is the family of codes: TB3 for connectors, TB4 for destinations.

    Codes: 00 not a mapping or another format, 01 unknown key, 02 missing key, 03 wrong value, 07 secret in clear.
    """

    def __init__(self, node: Node, known: Sequence[str], prefix: str, found: list[Problem], at: str = ""):
        self.node, self.prefix, self.found, self.at = node, prefix, found, at
        self.values: dict[str, Node] = node.value if isinstance(node.value, dict) else {}
        if not isinstance(node.value, dict):
            self.wrong("00", node.mark, f"{at or 'the file'} is a mapping of keys and values, which this is not.")
        for key in self.values:
            if key not in known:
                self._unknown(key, known)

    def _unknown(self, key: str, known: Sequence[str]) -> None:
        guess = did_you_mean(key, known)
        message = f'there is no key "{self.at}{key}"{guess}' + ("" if guess else f". Keys are {', '.join(known)}.")
        self.found.append(problem(self.node.keys[key], f"{self.prefix}01", message, suggestion=nearest(key, known)))

    def wrong(self, code: str, mark: Mark, message: str, suggestion: str | None = None) -> None:
        self.found.append(problem(mark, self.prefix + code, message, suggestion=suggestion))

    def mark(self, key: str) -> Mark:
        return self.values[key].mark if key in self.values else self.node.mark

    def text(self, key: str, *, required: str | None = None) -> str | None:
        """A scalar as text; numbers become text. `required` is the sentence for a missing key."""
        node = self.values.get(key)
        if node is None or node.value is None or node.value == "":
            if required:
                self.wrong("02", self.mark(key), required)
            return None
        if isinstance(node.value, (dict, list, bool, float)):
            self.wrong("03", node.mark, f"{self.at}{key} is text.")
            return None
        return str(node.value)

    def flag(self, key: str) -> bool:
        node = self.values.get(key)
        if node is not None and not isinstance(node.value, bool):
            self.wrong("03", node.mark, f"{self.at}{key} is true or false.")
        return node is not None and node.value is True

    def choice(self, key: str, known: Sequence[str], default: str | None = None) -> str | None:
        text = self.text(key, required=None if default else f"{self.at}{key} is missing. Write one of {', '.join(known)}.")
        if text is None:
            return default
        if text not in known:
            mend = did_you_mean(text, known) or f". Write one of {', '.join(known)}."
            self.wrong("03", self.mark(key), f'{self.at}{key} "{text[:80]}" is not known{mend}', nearest(text, known))
            return default
        return text

    def reference(self, key: str, *, required: str | None = None) -> str | None:
        """`${env:NAME}` or `${file:PATH}`; a clear text is refused and never quoted."""
        text = self.text(key, required=required)
        if text is not None and not is_reference(text):
            name = key.upper().replace("-", "_")
            self.wrong(
                "07",
                self.mark(key),
                f"{self.at}{key} stands in clear text. Write it as ${{env:NAME}} or ${{file:PATH}}, and change the secret: "
                "what stood in a file has been seen.",
                f"${{env:{name}}}",
            )
            return None
        return text

    def mapping(self, key: str) -> dict[str, Node]:
        node = self.values.get(key)
        if node is not None and node.value is not None and not isinstance(node.value, dict):
            self.wrong("03", node.mark, f"{self.at}{key} is a mapping of names and values.")
        return node.value if node is not None and isinstance(node.value, dict) else {}


def marked(value: Any, name: str) -> Node:
    """A plain value as if it had been read from a file called `name`."""
    mark = Mark(name, 1, 1)
    if isinstance(value, dict):
        return Node({str(k): marked(v, name) for k, v in value.items()}, mark, {str(k): mark for k in value})
    if isinstance(value, (list, tuple)):
        return Node([marked(item, name) for item in value], mark, {})
    return Node(value, mark, {})
