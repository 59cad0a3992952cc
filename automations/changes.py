"""Which paths of a record differ from the copy before.

Signed addresses differ at every read without meaning anything, so addresses are compared without
their query. Lists are compared as a whole: `assignees`, not `assignees[1].name`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

VOLATILE = frozenset({"url", "thumbnail_url", "signed_url", "download_url", "expires_at"})


def changed_paths(previous: Mapping[str, Any] | None, record: Mapping[str, Any] | None, *, created: bool = False) -> list[str]:
    """Dotted paths, sorted. A record just created differs in all that it has; without an earlier copy nobody knows: []."""
    if record is None or (previous is None and not created):
        return []
    return sorted(_paths(previous or {}, record, ""))


def _paths(was: Mapping[str, Any], now: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name in sorted(was.keys() | now.keys()):
        before, after = was.get(name), now.get(name)
        if name in VOLATILE or _same(before, after):
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _paths(before, after, f"{prefix}{name}.")
        else:
            yield prefix + name


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, str) and isinstance(after, str):
        return before == after or ("?" in before + after and _address(before) == _address(after))
    if isinstance(before, dict) and isinstance(after, dict):
        names = (before.keys() | after.keys()) - VOLATILE
        return all(name in before and name in after and _same(before[name], after[name]) for name in names)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    # 1 and True are equal to Python, not to Procore.
    return isinstance(before, bool) == isinstance(after, bool) and bool(before == after)


def _address(value: str) -> str:
    return value.split("?", 1)[0] if value.startswith(("https://", "http://")) else value
