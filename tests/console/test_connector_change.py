"""Changing, moving, exporting and removing a connector, on the command line."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from config import yamlfile
from config.errors import ConfigError
from connectors import definition
from console.verbs import changing, connecting
from console.verbs.at_hand import at_hand
from tests.console.conftest import Pretend, Said, Tieback

RULE = """format: 1
id: keep-rfis
title: Keep RFIs
when:
  - webhook: {connector: acme, resource: RFIs, actions: [update]}
do:
  - id: write
    use: db.upsert
    with: {table: rfis, row: "${record}"}
"""
URL = {"TIEBACK_PUBLIC_URL": "http://127.0.0.1:9"}


@pytest.fixture
def acme(tieback: Tieback, procore: Pretend, secret_file: Path) -> str:
    said = tieback(*procore.words("acme", secret_file))
    assert said.code == 0, said.err
    return "acme"


@pytest.fixture
def listening(tieback: Tieback, acme: str, tmp_path: Path) -> str:
    """The connector, an automation that names it, and its hooks at Procore."""
    (tmp_path / "site/automations").mkdir(parents=True)
    (tmp_path / "site/automations/rfis.yaml").write_text(RULE)
    assert tieback("rules", "apply").code == 0
    assert tieback("hooks", "apply", acme, **URL).code == 0
    return acme


def shown(tieback: Tieback, name: str = "acme") -> Any:
    return tieback("connector", "show", name, "--json").json()


def told(tieback: Tieback) -> list[str]:
    """What configuration events there are, oldest first."""
    rows = tieback("events", "list", "--json").json()
    return [row["action"] for row in reversed(rows) if row.get("source") == "config" and row["resource_name"] == "connector"]


def audit(tieback: Tieback) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tieback("audit", "list", "--json").json()
    return [row for row in reversed(rows) if row["verb"].startswith("connector")]


def hooks_at(procore: Pretend, namespace: str = "tieback-acme") -> list[Any]:
    return [hook for hook in procore.world.hooks.all() if hook.namespace == namespace]


def moved(tieback: Tieback, to: Pretend, tmp_path: Path, *more: str, **settings: str) -> Said:
    """Point the connector at another pretend Procore."""
    (tmp_path / "other").write_text(to.secret)
    return tieback(
        "connector", "update", "acme", "--api-host", to.url, "--login-host", to.url, "--client-id", to.client_id,
        "--client-secret-file", str(tmp_path / "other"), "--company", to.company_id, *more, **settings,
    )  # fmt: skip


def test_a_new_secret_is_known_to_work_before_the_old_one_is_dropped(
    tieback: Tieback, procore: Pretend, acme: str, tmp_path: Path
) -> None:
    before = shown(tieback)
    (tmp_path / "wrong").write_text("not-the-secret-of-this-app")
    refused = tieback("connector", "update", acme, "--client-secret-file", str(tmp_path / "wrong"))
    assert (refused.code, shown(tieback)) == (1, before)
    assert refused.sentence().startswith("tieback: credentials: 401 on POST /oauth/token: invalid_client")
    assert tieback("connector", "validate", acme).code == 0
    # When Procore's secret is reset, and the new one is given
    old, new = procore.world.tokens.client_secret, "b" * 64
    procore.world.tokens.client_secret = new
    try:
        assert tieback("connector", "validate", acme).code == 1
        (tmp_path / "new").write_text(new)
        assert tieback("connector", "update", acme, "--client-secret-file", str(tmp_path / "new")).code == 0
        assert tieback("connector", "validate", acme).code == 0
    finally:
        procore.world.tokens.client_secret = old
    assert audit(tieback)[-1]["detail"]["changed"] == ["client_secret"]
    assert new not in json.dumps([shown(tieback), audit(tieback)])


def test_every_change_is_in_the_audit_and_an_event_and_a_new_version(tieback: Tieback, acme: str) -> None:
    assert shown(tieback)["version"] == 1
    assert tieback("connector", "update", acme, "--namespace", "acme-two").code == 0
    assert (shown(tieback)["version"], shown(tieback)["config"]["webhooks"]["namespace"]) == (2, "acme-two")
    assert tieback("connector", "remove", acme).code == 0
    assert [row["verb"] for row in audit(tieback)] == ["connector added", "connector updated", "connector removed"]
    assert audit(tieback)[1]["detail"]["changed"] == ["webhooks"]
    assert told(tieback) == ["create", "update", "delete"]


def test_whoever_looked_at_an_older_version_is_refused_with_the_difference(tieback: Tieback, acme: str) -> None:
    assert tieback("connector", "update", acme, "--namespace", "by-ben", "--if-version", "1").code == 0
    late = tieback("connector", "update", acme, "--namespace", "by-ana", "--if-version", "1")
    assert late.code == 1
    assert 'connector "acme" was changed by somebody else: it is at version 2, this began at 1.' in late.sentence()
    assert "webhooks.namespace is by-ben there and by-ana here." in late.sentence()
    assert shown(tieback)["config"]["webhooks"]["namespace"] == "by-ben"
    assert tieback("connector", "update", acme, "--namespace", "by-ana", "--if-version", "2").code == 0


def test_of_two_who_edit_at_once_the_second_is_refused_and_told_both_values(
    tieback: Tieback, acme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with at_hand(actor="cli:ana") as here:
        # Given two who began with the same version
        ana = changing.edit(here, acme, {"projects": "all", "webhooks": {"namespace": "by-ana"}}, None)
        ben = changing.edit(here, acme, {"webhooks": {"namespace": "by-ben"}}, None)
        checks = connecting.validated(ana.draft)
        changing.replace(here, ana, ana.draft, checks)
        # When the second comes to its end
        with pytest.raises(changing.Conflict) as raised:
            changing.replace(here, ben, ben.draft, checks)
    assert (raised.value.version, raised.value.theirs["webhooks"]["namespace"]) == (2, "by-ana")
    assert raised.value.ours["webhooks"]["namespace"] == "by-ben"
    assert shown(tieback)["config"]["webhooks"]["namespace"] == "by-ana"


def test_one_that_is_removed_during_an_edit_does_not_come_back(
    tieback: Tieback, acme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with at_hand(actor="cli:ana") as here:
        editing = changing.edit(here, acme, {"webhooks": {"namespace": "late"}}, None)
        checks = connecting.validated(editing.draft)
        assert tieback("connector", "remove", acme).code == 0
        with pytest.raises(ConfigError, match="was removed by somebody else"):
            changing.replace(here, editing, editing.draft, checks)
    assert tieback("connector", "list", "--json").json() == []


def test_at_another_place_the_old_ones_hooks_are_gone_and_nothing_of_it_is_remembered(
    tieback: Tieback, procore: Pretend, other_procore: Pretend, listening: str, tmp_path: Path
) -> None:
    assert hooks_at(procore)
    said = moved(tieback, other_procore, tmp_path, **URL)
    # Then it leads there under the same name, and its automation still listens
    assert said.code == 0, said.out + said.err
    assert shown(tieback)["config"]["api_host"] == other_procore.url
    assert tieback("connector", "validate", listening, **URL).code == 0
    assert [row["name"] for row in tieback("rules", "list", "--json").json()] == ["keep-rfis"]
    # And no hook of ours is left at the old place; the new one's are made when asked for
    assert hooks_at(procore) == []
    assert tieback("hooks", "list", "--json").json() == []
    assert tieback("hooks", "apply", listening, **URL).code == 0
    assert hooks_at(other_procore)
    assert tieback("connector", "remove", listening, "--yes", **URL).code == 0


def test_what_could_not_be_taken_away_at_the_old_place_is_listed(
    tieback: Tieback, procore: Pretend, other_procore: Pretend, listening: str, tmp_path: Path
) -> None:
    procore.world.faults.add({"name": "webhooks_forbidden"})
    try:
        said = moved(tieback, other_procore, tmp_path, **URL)
    finally:
        procore.world.faults.clear()
    assert said.code == 0, said.err
    left = [line for line in said.out.splitlines() if "may be left at Procore, delete it there" in line]
    assert {str(hook.id) for hook in hooks_at(procore)} == {line.split("hook ")[1].split(" ")[0] for line in left}
    for hook in hooks_at(procore):
        procore.world.drop_hook(hook)


def test_under_another_namespace_the_hooks_of_the_old_one_are_gone(tieback: Tieback, procore: Pretend, listening: str) -> None:
    assert hooks_at(procore)
    said = tieback("connector", "update", listening, "--namespace", "acme-two", **URL)
    assert said.code == 0, said.err
    assert (hooks_at(procore), tieback("hooks", "apply", listening, **URL).code) == ([], 0)
    assert hooks_at(procore, "acme-two")
    # And a change that has nothing to do with hooks leaves them alone
    there = [hook.id for hook in hooks_at(procore, "acme-two")]
    assert tieback("connector", "update", listening, "--projects", "all", **URL).code == 0
    assert [hook.id for hook in hooks_at(procore, "acme-two")] == there
    assert tieback("connector", "remove", listening, "--yes", **URL).code == 0


def test_work_that_waits_at_a_move_is_counted(tieback: Tieback, other_procore: Pretend, acme: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "var/tieback.db")) as db, db:
        db.execute(
            "INSERT INTO tieback_imports "
            "(connector, resources, mode, requested_by, created_at, state, attempt, fence, lost, lane) "
            "VALUES ('acme', '[]', 'full', 'cli:ana', '2026-03-01 10:00:00.000000', 'waiting', 0, 0, 0, 'backfill')"
        )
    said = moved(tieback, other_procore, tmp_path)
    assert "acme: 1 waiting imports began at the old place and go on at the new one; cancel those that should not" in said.out
    assert tieback("connector", "remove", acme).code == 2


def test_a_move_that_does_not_validate_leaves_the_old_place_as_it_is(
    tieback: Tieback, procore: Pretend, other_procore: Pretend, listening: str, tmp_path: Path
) -> None:
    before, there = shown(tieback), len(hooks_at(procore))
    said = moved(tieback, other_procore, tmp_path, "--projects", "4711", **URL)
    assert (said.code, shown(tieback), len(hooks_at(procore))) == (1, before, there)
    assert tieback("connector", "remove", listening, "--yes", **URL).code == 0


def test_what_refers_to_a_connector_is_named_before_it_goes(tieback: Tieback, procore: Pretend, listening: str) -> None:
    refused = tieback("connector", "remove", listening, **URL)
    assert refused.code == 2
    assert (
        'connector "acme" is referred to by automations keep-rfis (automations/rfis.yaml). To remove it all the same: --yes'
        in (refused.err.splitlines()[-1])
    )
    assert hooks_at(procore)
    # When it is meant
    assert tieback("connector", "remove", listening, "--yes", **URL).code == 0
    assert hooks_at(procore) == []
    assert tieback("connector", "list", "--json").json() == []


def test_hooks_that_cannot_be_deleted_do_not_keep_a_connector_alive_and_are_listed(
    tieback: Tieback, procore: Pretend, listening: str
) -> None:
    procore.world.faults.add({"name": "outage"})
    try:
        said = tieback("connector", "remove", listening, "--yes", **URL)
    finally:
        procore.world.faults.clear()
    assert said.code == 0, said.err
    assert said.out.count("may be left at Procore, delete it there") == len(hooks_at(procore)) > 0
    for hook in hooks_at(procore):
        procore.world.drop_hook(hook)


def test_an_export_is_a_file_that_loads_and_holds_no_secret(tieback: Tieback, procore: Pretend, acme: str) -> None:
    said = tieback("connector", "export", acme)
    assert procore.secret not in said.out
    one = definition.parse(yamlfile.parse(said.out, "connectors/acme.yaml"))
    assert one.client_secret == "${env:ACME_CLIENT_SECRET}"
    assert definition.as_config(one) == shown(tieback)["config"]


def test_an_export_of_a_file_is_the_file(tieback: Tieback, tmp_path: Path) -> None:
    tieback("init", "site")
    tieback("rules", "apply")
    (file,) = (tmp_path / "site/connectors").glob("*.yaml")
    assert tieback("connector", "export", "acme-prod").out.strip() == file.read_text().strip()


def test_a_connector_of_a_file_cannot_be_updated(tieback: Tieback) -> None:
    tieback("init", "site")
    tieback("rules", "apply")
    said = tieback("connector", "update", "acme-prod", "--projects", "all")
    assert said.code == 2
    assert 'connector "acme-prod" is defined by the file connectors/acme-prod.yaml. Change the file' in said.sentence()


def test_an_update_of_nothing_is_wrong_usage(tieback: Tieback, acme: str) -> None:
    assert "nothing to change was given" in tieback("connector", "update", acme).sentence()


def test_the_history_of_a_connector_says_who_changed_what(tieback: Tieback, acme: str) -> None:
    assert tieback("connector", "update", acme, "--namespace", "tieback-new").code == 0
    assert tieback("connector", "pause", acme, "--reason", "moving").code == 0
    rows = tieback("connector", "history", acme, "--json").json()
    assert [(row["kind"], row["changed"], row["reason"]) for row in rows] == [
        ("paused", [], "moving"), ("updated", ["webhooks"], None), ("created", [], None),
    ]  # fmt: skip
    assert "webhooks" in tieback("connector", "history", acme).out
    assert "no connector" in tieback("connector", "history", "nobody").err
