"""A console on a socket: empty, or over a filled store that tests only look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from config.secrets import Box
from config.settings import Settings, load
from store import migrate
from store.session import open_engine
from tests.conftest import KEY
from tests.console.web import world
from tests.console.web.served import PASSWORD as PASSWORD
from tests.console.web.served import Served, Visitor, served

PEOPLE = {
    "vera": ("viewer", None), "otto": ("operator", None), "ana": ("admin", None),
    "nora": ("viewer", [world.OTHER]), "nick": ("operator", [world.OTHER]), "nadja": ("admin", [world.OTHER]),
}  # fmt: skip


@pytest.fixture
def console(settings: Settings, engine: Engine) -> Iterator[Served]:
    with served(settings, engine) as one:
        yield one


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, object]]]:
    """Over a week of work, with the people of `PEOPLE`. Tests that share it leave it as it is."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "site").mkdir()
    given = load({"TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": str(folder / "site")}, folder)
    engine = open_engine(given)
    migrate.upgrade(engine)
    ids = world.fill(engine, Box(given.secret_keys))
    with served(given, engine) as one:
        for name, (role, companies) in PEOPLE.items():
            one.person(name, role, companies)
        yield one, ids
    engine.dispose()


@pytest.fixture
def ana(console: Served) -> Visitor:
    """An administrator who has signed in to an empty console."""
    console.person("ana", "admin")
    visitor = Visitor(console.url)
    assert visitor.sign_in("ana").status == 303
    return visitor
