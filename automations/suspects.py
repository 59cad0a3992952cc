"""Text in a rule that looks like a secret. Rules live in git; secrets live behind connections, by reference."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from config.problems import Problem, problem
from config.yamlfile import Node

_SHAPES = (
    (re.compile(r"\b(?:Bearer|Basic)\s+[A-Za-z0-9+/._~-]{12,}=*"), "an Authorization value"),
    (re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"), "a Slack token"),
    (re.compile(r"https://hooks\.slack\.com/services/\S+"), "a Slack webhook address"),
    (re.compile(r"\bgh[opsu]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"), "a GitHub token"),
    (re.compile(r"\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|\bsk-[A-Za-z0-9-]{20,}"), "an API key"),
    (re.compile(r"\bAKIA[0-9A-Z]{16}\b"), "an AWS key"),
    (re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"), "a signed token (JWT)"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@$]+@"), "an address with a password"),
)
_KEY = re.compile(
    r"(?:^|_|-)(?:password|passwd|secret|token|api_?key|apikey|authorization|private_?key|access_?key)$", re.IGNORECASE
)
_LONG = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")


def suspects(node: Node, key: str = "") -> Iterator[Problem]:
    """One problem for each value that looks like a secret; the value itself is never shown."""
    if isinstance(node.value, dict):
        for name, child in node.value.items():
            yield from suspects(child, name)
    elif isinstance(node.value, list):
        for child in node.value:
            yield from suspects(child, key)
    elif isinstance(node.value, str) and (what := _suspicion(node.value, key)):
        mend = "put it into a connector or destination, by ${env:NAME} or ${file:PATH}"
        yield problem(node.mark, "TB115", f"this looks like {what}, and rules hold no secrets; {mend}")


def _suspicion(text: str, key: str) -> str | None:
    for shape, what in _SHAPES:
        if shape.search(text):
            return what
    if _KEY.search(key) and len(text) >= 6 and "${" not in text:
        return f'the secret of "{key}"'
    return "a token" if any(_random(word.group()) for word in _LONG.finditer(text)) else None


def _random(word: str) -> bool:
    """Long, of mixed signs, and no repeating pattern of words: measured entropy per character."""
    digits = sum(c.isdigit() for c in word)
    if re.fullmatch(r"[0-9a-fA-F]+", word):
        return digits >= 4 and any(c.isalpha() for c in word)
    mixed = digits >= 3 and any(c.islower() for c in word) and any(c.isupper() for c in word)
    counts = Counter(word)
    bits = -sum(n / len(word) * math.log2(n / len(word)) for n in counts.values())
    return mixed and bits > 4.0
