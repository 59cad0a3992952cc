"""One installation for all scenarios; each test makes records of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recipes.stack import Installation, installation

# What takes hours in life; times are moved where even seconds would be too long.
CHANGES = {
    "quiet: 30s, max_wait: 5m, keep: all": "quiet: 2s, max_wait: 15s, keep: all",
    "quiet: 30s, max_wait: 5m": "quiet: 1s, max_wait: 5s",
    'every: "${vars.look_every}"': "every: 10s",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test starts three programs, and a scenario goes through hours: on a busy machine that takes its time."""
    for item in items:
        if "tests/recipes/" in item.nodeid:
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("recipes") / "demo", CHANGES) as one:
        yield one
