"""YAML as people mean it: 1.2 scalars, marks on every node, nothing that can surprise or explode.

PyYAML composes the nodes; the values are ours. Refused: tags, anchors, aliases, merge keys,
repeated keys, keys that are not text, several documents, and files over the caps below.
Scalars follow the YAML 1.2 core schema: `NO` and `on` are text, `9:05` is text. A number that begins with a zero is refused:
it is ten here, eight in YAML 1.1, and what was meant is nearly always the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config import yamlmends
from config.errors import ConfigError
from config.problems import Mark, Problem, Problems, problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_NODES = 5000

_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"),
}  # fmt: skip

# libyaml where PyYAML was built with it: five times as fast, the same nodes and marks.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Node:
    """A value with the place it was written at.

    `value` is a scalar, a list of Node, or a dict of str to Node; `keys` holds the marks of a
    mapping's keys; `style` is the sign a scalar was quoted with (None, ', ", | or >).
    """

    value: Any
    mark: Mark
    keys: dict[str, Mark]
    style: str | None = None

    def unmarked(self) -> Any:
        """The same value without marks: dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.unmarked() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.unmarked() for node in self.value]
        return self.value

    def at(self, path: Sequence[str | int]) -> Node:
        """The node at a path of keys and indexes, or the deepest one that exists on the way."""
        node: Node = self
        for part in path:
            child = _child(node, part)
            if child is None:
                return node
            node = child
        return node

    def key_mark(self, path: Sequence[str | int]) -> Mark:
        """Where the last key of `path` was written; the nearest existing parent when it was not."""
        parent = self.at(path[:-1])
        last = path[-1] if path else ""
        return parent.keys.get(str(last)) or self.at(path).mark


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(str(part))
    if isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
        return node.value[part]  # type: ignore[no-any-return]
    return None


def read(path: Path, name: str | None = None) -> Node:
    """Load a file. `name` is how errors call it (default: the path as given).

    Raises: ConfigError when it cannot be read, Problems when it is not what we accept.
    """
    shown = name or str(path)
    return parse(text(path, shown), shown)


def text(path: Path, shown: str) -> str:
    """A file's text. Raises: ConfigError when it cannot be read or is not UTF-8."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read ({error.strerror}). Check that it exists and is readable.") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{shown}:{line}: not UTF-8 text. Save the file as UTF-8.") from error


def parse(text: str, name: str) -> Node:
    """Load one document from text.

    Raises: Problems with code TB101 (not YAML), TB102 (a YAML feature we refuse), TB103 (a cap).
    """
    first = Mark(name, 1, 1)
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise Problems([problem(first, "TB103", f"the file is larger than {MAX_BYTES // 1024} KiB. Split it.")], text)
    try:
        _cap(text, name)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise Problems([yamlmends.not_yaml(error, text, name)], text) from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise Problems([_unreadable(error, text, name)], text) from None
    if root is None:
        return Node({}, first, {})
    found: list[Problem] = []
    node = _convert(root, name, found)
    if found:
        raise Problems(found, text)
    return node


def _cap(text: str, name: str) -> None:
    """Refuse bombs while they are still events: composing an alias bomb is what makes it explode."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_LOADER):
        mark = _mark(event.start_mark, name)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            mend = "write the value out, or put quotes around a text that begins with * or &"
            raise Problems([problem(mark, "TB102", f"anchors and aliases are not accepted; {mend}.")], text)
        if (tag := getattr(event, "tag", None)) is not None:
            raise Problems([problem(mark, "TB102", _tag(tag))], text)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent))
        if depth > MAX_DEPTH:
            raise Problems([problem(mark, "TB103", f"nested deeper than {MAX_DEPTH} levels.")], text)
        if nodes > MAX_NODES:
            raise Problems([problem(mark, "TB103", f"more than {MAX_NODES} values in one file. Split it.")], text)


def _tag(tag: str) -> str:
    if tag.startswith("tag:yaml.org,2002:"):
        return f"the tag !!{tag.rpartition(':')[2]} is not accepted; take it out, and put quotes around what is text."
    return f"a value cannot begin with {tag[:40]}, which is a tag; put quotes around the whole value."


def _mark(at: Any, name: str) -> Mark:
    """PyYAML counts from 0, people from 1."""
    return Mark(name, at.line + 1, at.column + 1) if at else Mark(name, 1, 1)


def _convert(node: yaml.Node, name: str, found: list[Problem]) -> Node:
    mark = _mark(node.start_mark, name)
    if isinstance(node, yaml.ScalarNode):
        if not node.style and _LEADING_ZERO.match(node.value):
            mend = f'"{node.value}" for text, or {int(node.value)} for the number'
            found.append(problem(mark, "TB102", f"{node.value} begins with a zero, which a number would lose; write {mend}."))
        return Node(_scalar(node), mark, {}, node.style or None)
    if isinstance(node, yaml.SequenceNode):
        return Node([_convert(item, name, found) for item in node.value], mark, {})
    values: dict[str, Node] = {}
    keys: dict[str, Mark] = {}
    for key_mark, key, value in _pairs(node, name, found):
        if key in values:
            found.append(
                problem(key_mark, "TB102", f'the key "{key}" is written twice (first on line {keys[key].line}); keep one.')
            )
            continue
        keys[key] = key_mark
        values[key] = _convert(value, name, found)
    return Node(values, mark, keys)


def _pairs(node: yaml.Node, name: str, found: list[Problem]) -> Iterator[tuple[Mark, str, yaml.Node]]:
    for key, value in node.value:
        mark = _mark(key.start_mark, name)
        if not isinstance(key, yaml.ScalarNode):
            found.append(
                problem(mark, "TB102", 'a key must be text; put quotes around what begins with { or [, a template too: "${…}".')
            )
        elif key.value == "<<" and not key.style:
            found.append(problem(mark, "TB102", "merge keys (<<) are not accepted; write the keys out."))
        else:
            yield mark, key.value, value


def _scalar(node: yaml.ScalarNode) -> Any:
    text = node.value
    if node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text) and len(text) <= 40:
        return int(text)
    if _BASED.match(text):
        return int(text, 0)
    if _FLOAT.match(text) and len(text) <= 60:
        return float(text)
    return text


def _unreadable(error: Exception, text: str, name: str) -> Problem:
    position = int(getattr(error, "position", None) or getattr(error, "start", 0) or 0)
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return problem(Mark(name, line, column), "TB101", "a character that YAML does not allow; delete it.")
