from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webhook.door import Door, open_door
from webhook.hooks import HookTable


@pytest.fixture(params=["direct", "asgi"])
def door(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A serving door on SQLite with one hook of company 8, that knows it already, or that takes the long way each time."""
    opened = open_door(tmp_path)
    if request.param == "direct":
        opened.know_hooks()
    else:
        monkeypatch.setattr(HookTable, "at_hand", lambda *_: None)
    yield opened
    opened.stop()
