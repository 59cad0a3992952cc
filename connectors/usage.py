"""How much the files below a folder take, for quotas. Looked at anew after half a minute, counted on in between."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from config.errors import Permanent
from connectors import walking
from connectors.walking import Told

_LOOK_AGAIN_S = 30.0
_known: dict[Path, tuple[float, int]] = {}
_lock = threading.Lock()


def room(root: Path, below: Sequence[str], quota: int) -> int:
    """Bytes that may still be written; negative when there is more already."""
    place = root.joinpath(*below)
    with _lock:
        at, used = _known.get(place, (-_LOOK_AGAIN_S, 0))
        if time.monotonic() - at >= _LOOK_AGAIN_S:
            used = _used(root, below)
            _known[place] = time.monotonic(), used
    return quota - used


def count(root: Path, below: Sequence[str], more: int) -> None:
    """A file of this folder grew by so many bytes."""
    place = root.joinpath(*below)
    with _lock:
        if place in _known:
            at, used = _known[place]
            _known[place] = at, used + more


def _used(root: Path, below: Sequence[str]) -> int:
    total = 0
    try:
        with Told(root), walking.folder(root, below, make=False) as top:
            for _, _, names, here in os.fwalk(".", dir_fd=top):
                for name in names:
                    total += walking.size(here, name) or 0
    except Permanent as error:
        if error.kind != "absent":
            raise
    return total
