"""The last long lists that were asked for, so that the next page of one costs no second search."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from simulator.records import Seen

_KEPT = 8


class Recall:
    """Lists by what was asked; what was asked says also how often the shelf had changed, so no entry is ever wrong."""

    def __init__(self) -> None:
        self._lists: OrderedDict[Hashable, list[Seen]] = OrderedDict()
        self._guard = threading.Lock()

    def find(self, asked: Hashable, search: Callable[[], list[Seen]]) -> list[Seen]:
        with self._guard:
            if (known := self._lists.get(asked)) is not None:
                self._lists.move_to_end(asked)
                return known
        found = search()
        with self._guard:
            self._lists[asked] = found
            while len(self._lists) > _KEPT:
                self._lists.popitem(last=False)
        return found
