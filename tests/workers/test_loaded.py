"""Every process sees the same site, notices a change by its generation, and says why it cannot use a connector."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, update

from config.errors import ConfigError, Permanent
from config.settings import Settings
from store import definitions
from store.models import Version
from store.session import reading, writing
from tests.workers.rig import Rig
from tests.workers.test_site import CONNECTOR, RULE, write
from workers.loaded import Loaded
from workers.ports import CallLog


@pytest.fixture
def rig(engine: Engine, settings: Settings) -> Iterator[Rig]:
    write(settings, "connectors/acme.yaml", CONNECTOR.format(name="acme"))
    write(settings, "automations/keep.yaml", RULE.format(id="keep"))
    one = Rig(engine, settings)
    assert one.load_site() == []
    yield one
    one.close()


def loaded(rig: Rig, **env: str) -> Loaded:
    settings = dataclasses.replace(rig.settings, env={**rig.settings.env, **env})
    one = Loaded(rig.engine, rig.box, settings, CallLog())
    refresh(rig, one)
    return one


def refresh(rig: Rig, one: Loaded) -> None:
    with reading(rig.engine) as db:
        one.fresh(db)


def test_a_connector_whose_variable_is_missing_here_is_refused_with_the_reason(rig: Rig) -> None:
    one = loaded(rig)
    assert one.connectors() == {}
    with pytest.raises(Permanent, match="SECRET"):
        one.connector("acme")
    assert loaded(rig, SECRET="s" * 20).connector("acme").company_id == "1"


def test_one_that_does_not_exist_is_another_sentence(rig: Rig) -> None:
    with pytest.raises(Permanent, match='there is no connector "beta"') as told:
        loaded(rig).connector("beta")
    assert told.value.kind == "no_connector"


def test_a_change_is_seen_at_the_next_look_and_not_before(rig: Rig) -> None:
    one = loaded(rig)
    write(rig.settings, "automations/more.yaml", RULE.format(id="more"))
    rig.load_site()
    assert [rule.id for rule in one.automations] == ["keep"]
    refresh(rig, one)
    assert [rule.id for rule in one.automations] == ["keep", "more"]


def test_a_run_keeps_the_version_it_began_with(rig: Rig) -> None:
    one = loaded(rig)
    began_with = one.site.versions["keep"]
    write(rig.settings, "automations/keep.yaml", RULE.format(id="keep").replace("table: rfis", "table: other"))
    rig.load_site()
    refresh(rig, one)
    assert one.site.versions["keep"] != began_with
    assert one.automation(began_with).steps[0].values["table"] == "rfis"


def test_a_version_this_code_no_longer_reads_stops_no_other(rig: Rig) -> None:
    write(rig.settings, "automations/more.yaml", RULE.format(id="more"))
    rig.load_site()
    with writing(rig.engine) as db:
        db.execute(update(Version).where(Version.automation == "keep").values(source="format: 99"))
        definitions.changed(db)
        (old,) = [row.version_id for row in definitions.active(db) if row.name == "keep"]
    one = loaded(rig)
    assert [rule.id for rule in one.automations] == ["more"]
    with pytest.raises(ConfigError):
        one.automation(old)


def test_a_destination_that_is_missing_is_a_sentence(rig: Rig) -> None:
    with pytest.raises(Permanent, match='there is no destination "http:erp"'):
        loaded(rig).destination("http:erp")
