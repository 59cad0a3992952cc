"""A connector's file is moved to another company: its hooks there are neither forgotten nor in the way."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from config.secrets import Box
from config.settings import Settings
from store import hooks
from store.session import reading
from tests.workers.conftest import KEEP
from tests.workers.rig import Rig, rig
from workers import left_hooks
from workers.hooks import Hooks

URL = "https://tieback.example"


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    """Hooks are in place at the first company."""
    with rig(engine, dataclasses.replace(settings, public_url=URL), far, keep=KEEP) as one:
        apply(one)
        yield one


def apply(site: Rig) -> None:
    with reading(site.engine) as db:
        site.desk.loaded.fresh(db)
    mine = Hooks(site.engine, site.box, site.settings, site.desk.loaded, "acme")
    assert all(one.error is None for one in mine.apply(mine.plan(deletions=True).changes, "cli:ana"))


def move(site: Rig, **to: Any) -> None:
    file = site.settings.site / "connectors/acme.yaml"
    text = file.read_text()
    for key, value in to.items():
        text = re.sub(f"{key}: .*", f"{key}: {value}", text)
    file.write_text(text)
    assert site.load_site() == []
    with reading(site.engine) as db:
        site.desk.loaded.fresh(db)


def left(site: Rig) -> list[Any]:
    with reading(site.engine) as db:
        return hooks.left(db, "acme")


def at_procore(far: Any) -> list[str]:
    return [str(hook.id) for hook in far.world.hooks.all()]


def take_away(site: Rig) -> list[str | None]:
    return [one.error for one in left_hooks.take_away(site.engine, site.desk.loaded, "acme", "cli:ana")]


def test_hooks_of_the_company_that_a_file_left_are_listed_and_taken_away(site: Rig, far: Any) -> None:
    old = at_procore(far)
    other = next(number for number in far.world.companies if number != far.company_id)
    # When the file names another company
    move(site, company_id=other)
    # Then the hooks of the first are listed with where they are, and their addresses answer for a day
    assert sorted(row.procore_id for row in left(site)) == sorted(old)
    assert {row.company_id for row in left(site)} == {str(far.company_id)}
    with reading(site.engine) as db:
        assert all(hook.removed for hook in hooks.open_hooks(db, Box(site.settings.secret_keys)))
        assert hooks.of_connector(db, "acme") == []
    assert [one.kind for one in left_hooks.changes(site.engine, "acme")] == ["delete_hook"] * len(old)
    # And they can be taken away, whatever is made at the new place
    assert take_away(site) == [None] * len(old)
    assert left(site) == []
    assert set(at_procore(far)) & set(old) == set()


def test_hooks_at_another_procore_are_named_with_who_can_delete_them_until_somebody_has(site: Rig, far: Any) -> None:
    old = at_procore(far)
    move(site, api_host="http://127.0.0.1:9", login_host="http://127.0.0.1:9")
    assert all("is at another Procore" in str(error) and "tieback hooks forget acme" in str(error) for error in take_away(site))
    assert len(left(site)) == len(old)
    assert left_hooks.forget(site.engine, "acme", "cli:ana") == len(old)
    assert left(site) == []
    assert left_hooks.forget(site.engine, "acme", "cli:ana") == 0


def test_a_hook_that_may_not_be_deleted_stays_listed(site: Rig, far: Any) -> None:
    move(site, company_id=next(number for number in far.world.companies if number != far.company_id))
    far.world.faults.add({"name": "app_uninstalled"})
    assert all("could not be deleted" in str(error) for error in take_away(site))
    assert left(site)


def test_moving_back_makes_hooks_of_their_own(site: Rig, far: Any) -> None:
    other = next(number for number in far.world.companies if number != far.company_id)
    move(site, company_id=other)
    move(site, company_id=far.company_id)
    apply(site)
    with reading(site.engine) as db:
        assert {row.status for row in hooks.of_connector(db, "acme")} == {"active"}
    take_away(site)
    with reading(site.engine) as db:
        assert {row.procore_id for row in hooks.of_connector(db, "acme")} <= set(at_procore(far))
