from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webhook.door import Door, open_door


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A serving door on SQLite with one hook of company 8."""
    opened = open_door(tmp_path)
    yield opened
    opened.stop()
