"""The site's files may be broken, moved, doubled or gone: what was good stays in force, and the others load."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from store import connectors, definitions
from store.session import reading, writing
from tests.workers.rig import Rig
from workers import site

CONNECTOR = """
format: 1
kind: procore_dmsa
name: {name}
environment: production
client_id: abc
client_secret: ${{env:SECRET}}
company_id: 1
"""
RULE = """
format: 1
id: {id}
stage: live
when:
  - webhook: {{connector: acme, resource: RFIs, actions: [update]}}
do:
  - id: write
    use: db.upsert
    with: {{table: rfis, row: "${{record}}"}}
"""


@pytest.fixture
def rig(engine: Engine, settings: Settings) -> Iterator[Rig]:
    write(settings, "connectors/acme.yaml", CONNECTOR.format(name="acme"))
    write(settings, "automations/keep.yaml", RULE.format(id="keep"))
    one = Rig(engine, settings)
    assert one.load_site() == []
    yield one
    one.close()


def write(settings: Settings, path: str, content: str | bytes) -> Path:
    file = settings.site / path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def names(rig: Rig) -> list[str]:
    with reading(rig.engine) as db:
        return [row.name for row in connectors.every(db)]


def state(rig: Rig, name: str) -> tuple[str, Any]:
    with reading(rig.engine) as db:
        row = connectors.get(db, name)
    assert row is not None
    return row.state, row.config.get("file")


def in_force(rig: Rig) -> list[tuple[str, str]]:
    with reading(rig.engine) as db:
        return [(one.name, one.file) for one in definitions.active(db)]


def generation(rig: Rig) -> int:
    with reading(rig.engine) as db:
        return definitions.generation(db)


def test_loading_the_same_again_changes_nothing(rig: Rig) -> None:
    before = generation(rig)
    assert rig.load_site() == []
    assert generation(rig) == before


def test_a_look_loads_only_what_changed(rig: Rig) -> None:
    before = generation(rig)
    site.look(rig.engine, rig.box, rig.settings)
    assert generation(rig) == before
    write(rig.settings, "automations/more.yaml", RULE.format(id="more"))
    site.look(rig.engine, rig.box, rig.settings)
    assert generation(rig) == before + 1


def test_a_connectors_file_that_is_renamed_takes_the_connector_along(rig: Rig) -> None:
    (rig.settings.site / "connectors/acme.yaml").rename(rig.settings.site / "connectors/zz.yaml")
    assert rig.load_site() == []
    assert state(rig, "acme") == ("active", "connectors/zz.yaml")


def test_a_connector_that_is_renamed_in_its_file_retires_the_old_name(rig: Rig) -> None:
    write(rig.settings, "connectors/acme.yaml", CONNECTOR.format(name="other"))
    rig.load_site()
    assert names(rig) == ["other"]


def test_two_files_may_swap_their_names_at_once(rig: Rig) -> None:
    write(rig.settings, "connectors/b.yaml", CONNECTOR.format(name="beta"))
    rig.load_site()
    write(rig.settings, "connectors/b.yaml", CONNECTOR.format(name="acme"))
    write(rig.settings, "connectors/acme.yaml", CONNECTOR.format(name="beta"))
    assert rig.load_site() == []
    assert [state(rig, name) for name in ("acme", "beta")] == [
        ("active", "connectors/b.yaml"),
        ("active", "connectors/acme.yaml"),
    ]


def test_a_second_file_of_the_same_name_is_refused_and_the_first_stays(rig: Rig) -> None:
    write(rig.settings, "connectors/a.yaml", CONNECTOR.format(name="acme").replace("company_id: 1", "company_id: 2"))
    (message,) = rig.load_site()
    assert message == 'connectors/a.yaml: a connector "acme" exists already. Give this one another name.'
    assert state(rig, "acme") == ("active", "connectors/acme.yaml")


def test_a_connector_whose_file_is_gone_is_removed_and_comes_back_with_it(rig: Rig) -> None:
    file = rig.settings.site / "connectors/acme.yaml"
    text = file.read_text()
    file.unlink()
    rig.load_site()
    assert state(rig, "acme")[0] == "removed"
    file.write_text(text)
    assert rig.load_site() == []
    assert state(rig, "acme")[0] == "active"
    assert rig.rows("SELECT DISTINCT state FROM tieback_timers") == [{"state": "waiting"}]


@pytest.mark.parametrize("text", [b"format: 1\nnonsense", b"\xff\xfe", b"a: \x00", b"", b"[" * 500])
def test_a_broken_connector_file_keeps_its_last_good_text(rig: Rig, text: bytes) -> None:
    write(rig.settings, "connectors/acme.yaml", text)
    (message,) = rig.load_site()
    assert message.startswith("connectors/acme.yaml")
    assert names(rig) == ["acme"]
    with reading(rig.engine) as db:
        (file,) = definitions.site_files(db, "connectors")
    assert file.source == CONNECTOR.format(name="acme")
    assert file.broken


@pytest.mark.parametrize("text", [b"format: 1\nnonsense", b"\xff\xfe", b"a: \x00\x1b[2J", b"", b"[" * 500])
def test_a_broken_rule_keeps_its_last_good_version_and_stops_no_other(rig: Rig, text: bytes) -> None:
    write(rig.settings, "automations/keep.yaml", text)
    write(rig.settings, "automations/more.yaml", RULE.format(id="more"))
    (message,) = rig.load_site()
    assert message.startswith("automations/keep.yaml")
    assert in_force(rig) == [("keep", "automations/keep.yaml"), ("more", "automations/more.yaml")]


def test_a_rule_that_was_renamed_and_broke_later_keeps_its_last_good_version(rig: Rig) -> None:
    file = (rig.settings.site / "automations/keep.yaml").rename(rig.settings.site / "automations/kept.yaml")
    assert rig.load_site() == []
    file.write_text("format: 1\nnonsense")
    rig.load_site()
    assert in_force(rig) == [("keep", "automations/kept.yaml")]


def test_a_second_rule_of_the_same_id_is_refused_by_name(rig: Rig) -> None:
    write(rig.settings, "automations/twin.yaml", RULE.format(id="keep") + "\n# other text\n")
    (message,) = rig.load_site()
    assert 'automations/twin.yaml: the id "keep" is taken by automations/keep.yaml' in message
    assert in_force(rig) == [("keep", "automations/keep.yaml")]


def test_a_broken_file_that_is_called_like_another_rule_does_not_mark_that_one(rig: Rig) -> None:
    write(rig.settings, "automations/zz.yaml", RULE.format(id="late"))
    write(rig.settings, "automations/late.yaml", "nonsense")
    rig.load_site()
    with reading(rig.engine) as db:
        assert [(row.name, row.broken) for row in definitions.every(db)] == [("keep", None), ("late", None)]


def test_a_rule_whose_file_is_gone_is_retired_and_comes_back(rig: Rig) -> None:
    file = rig.settings.site / "automations/keep.yaml"
    file.unlink()
    rig.load_site()
    assert in_force(rig) == []
    file.write_text(RULE.format(id="keep"))
    rig.load_site()
    assert in_force(rig) == [("keep", "automations/keep.yaml")]


def test_a_rule_that_names_a_missing_connector_loads_once_it_is_there(rig: Rig) -> None:
    write(rig.settings, "automations/b.yaml", RULE.format(id="b").replace("connector: acme", "connector: beta"))
    (message,) = rig.load_site()
    assert "beta" in message
    write(rig.settings, "connectors/beta.yaml", CONNECTOR.format(name="beta"))
    assert rig.load_site() == []
    assert [name for name, _ in in_force(rig)] == ["b", "keep"]


def test_a_site_folder_that_is_not_there_takes_nothing_out_of_force(rig: Rig) -> None:
    shutil.move(rig.settings.site, rig.settings.site.with_name("elsewhere"))
    (message,) = rig.load_site()
    assert "is not there" in message
    assert (names(rig), in_force(rig)) == (["acme"], [("keep", "automations/keep.yaml")])


def test_a_folder_or_a_dead_link_called_like_a_file_stops_no_other(rig: Rig) -> None:
    (rig.settings.site / "automations/folder.yaml").mkdir()
    (rig.settings.site / "connectors/link.yaml").symlink_to("nowhere")
    write(rig.settings, "automations/more.yaml", RULE.format(id="more"))
    assert sorted(message.split(":")[0] for message in rig.load_site()) == ["automations/folder.yaml", "connectors/link.yaml"]
    assert len(in_force(rig)) == 2


@pytest.mark.parametrize(("length", "said"), [(70, "automations/xxx"), (240, "too long")])
def test_a_very_long_file_name_stops_no_other(rig: Rig, length: int, said: str) -> None:
    write(rig.settings, f"automations/{'x' * length}.yaml", "nonsense")
    write(rig.settings, "automations/more.yaml", RULE.format(id="more"))
    (message,) = rig.load_site()
    assert said in message
    assert len(in_force(rig)) == 2


def test_a_paused_connector_stays_paused_when_its_file_is_edited(rig: Rig) -> None:
    with writing(rig.engine) as db:
        connectors.set_state(db, "acme", "paused", "by ana")
    write(rig.settings, "connectors/acme.yaml", CONNECTOR.format(name="acme").replace("company_id: 1", "company_id: 2"))
    rig.load_site()
    assert state(rig, "acme")[0] == "paused"


def test_a_rule_that_was_paused_stays_paused_when_its_file_is_edited(rig: Rig) -> None:
    with writing(rig.engine) as db:
        db.exec_driver_sql("UPDATE tieback_automations SET state = 'paused'")
    write(rig.settings, "automations/keep.yaml", RULE.format(id="keep") + "# edited\n")
    rig.load_site()
    assert in_force(rig) == []


def test_every_change_is_in_the_audit(rig: Rig) -> None:
    said = rig.rows("SELECT actor, verb, subject FROM tieback_audit ORDER BY id")
    assert [tuple(row.values()) for row in said] == [
        ("relay", "connector changed", "acme"),
        ("relay", "site file changed", "connectors/acme.yaml"),
        ("relay", "automation activated", "keep"),
    ]
