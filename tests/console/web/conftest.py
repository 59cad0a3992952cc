"""A console on a socket: empty, or over a filled store that tests only look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from tests.console.web import world
from tests.console.web.served import PASSWORD as PASSWORD
from tests.console.web.served import Served, Visitor, over_a_week, served

PEOPLE = {
    "vera": ("viewer", None), "otto": ("operator", None), "ana": ("admin", None),
    "nora": ("viewer", [world.OTHER]), "nick": ("operator", [world.OTHER]), "nadja": ("admin", [world.OTHER]),
}  # fmt: skip


@pytest.fixture
def console(settings: Settings, engine: Engine) -> Iterator[Served]:
    with served(settings, engine) as one:
        yield one


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, Any]]]:
    """With the people of `PEOPLE`. Tests that share it leave it as it is."""
    with over_a_week(tmp_path_factory.mktemp("filled")) as (one, ids):
        for name, (role, companies) in PEOPLE.items():
            one.person(name, role, companies)
        yield one, ids


@pytest.fixture
def ana(console: Served) -> Visitor:
    """An administrator who has signed in to an empty console."""
    console.person("ana", "admin")
    visitor = Visitor(console.url)
    assert visitor.sign_in("ana").status == 303
    return visitor


@pytest.fixture
def otto(console: Served) -> Visitor:
    """An operator who has signed in to an empty console."""
    console.person("otto", "operator")
    visitor = Visitor(console.url)
    assert visitor.sign_in("otto").status == 303
    return visitor
