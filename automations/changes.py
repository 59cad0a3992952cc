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
        if name in VOLATILE or _steady(before) == _steady(after):
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _paths(before, after, f"{prefix}{name}.")
        else:
            yield prefix + name


def _steady(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _steady(v) for k, v in value.items() if k not in VOLATILE}
    if isinstance(value, list):
        return [_steady(v) for v in value]
    if isinstance(value, str) and value.startswith(("https://", "http://")):
        return value.split("?", 1)[0]
    # 1 and True are equal to Python, not to Procore.
    return (type(value).__name__, value) if isinstance(value, bool) else value
