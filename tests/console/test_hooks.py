from __future__ import annotations

from pathlib import Path

import pytest

from automations import recipes
from tests.console.conftest import Pretend, Tieback

URL = {"TIEBACK_PUBLIC_URL": "http://127.0.0.1:9"}


@pytest.fixture
def listening(tieback: Tieback, procore: Pretend, secret_file: Path, tmp_path: Path) -> str:
    """A connector with an automation that listens to RFIs; its name."""
    name = f"acme-{tmp_path.name[-8:].lower().strip('_')}"  # the simulator is shared, a namespace belongs to one test
    assert tieback(*procore.words(name, secret_file)).code == 0
    (tmp_path / "site/automations").mkdir(parents=True)
    (tmp_path / "site/automations/rfis.yaml").write_text(recipes.instantiate("rfi-to-database", name))
    assert tieback("rules", "apply").code == 0
    return name


def test_without_a_public_url_nothing_is_asked_for(tieback: Tieback, listening: str) -> None:
    said = tieback("hooks", "plan", listening)
    assert said.code == 2
    assert "TIEBACK_PUBLIC_URL is not set" in said.sentence()


def test_apply_does_what_plan_says_and_repeating_it_does_nothing(tieback: Tieback, listening: str) -> None:
    # Given a plan for each permitted project
    planned = tieback("hooks", "plan", listening, "--json", **URL).json()
    assert {row["change"] for row in planned} == {"create hook", "add trigger x3"}
    # When it is applied
    applied = tieback("hooks", "apply", listening, **URL)
    assert applied.code == 0, applied.err
    # Then our list has an active hook per project, with the address that Procore calls
    rows = tieback("hooks", "list", listening, "--json", **URL).json()
    assert len(rows) == len(planned) / 2
    assert {row["status"] for row in rows} == {"active"}
    assert all(row["url"].startswith("http://127.0.0.1:9/webhooks/") and row["scope"].startswith("project ") for row in rows)
    # And there is nothing left to do
    assert tieback("hooks", "apply", listening, "--json", **URL).json() == []
    # Until the connector is removed, with its hooks at Procore
    assert tieback("connector", "remove", listening, "--yes", **URL).out == f"{listening}: removed\n"
    assert tieback("hooks", "list", "--json", **URL).json() == []


def test_a_connector_that_cannot_be_asked_is_not_told_as_nothing_to_do(tieback: Tieback, tmp_path: Path) -> None:
    # Given a connector whose secret is not there
    for folder in ("connectors", "automations"):
        (tmp_path / "site" / folder).mkdir(parents=True)
    (tmp_path / "site/connectors/acme.yaml").write_text(
        "format: 1\nkind: procore_dmsa\nname: acme\nenvironment: production\n"
        "client_id: abc\nclient_secret: ${file:secrets/acme}\ncompany_id: 1\n"
    )
    (tmp_path / "site/automations/rfis.yaml").write_text(recipes.instantiate("rfi-to-database", "acme"))
    assert tieback("db", "upgrade").code == 0
    assert tieback("rules", "apply").code == 0
    # When its hooks are planned or applied, then only the trouble is said, once
    for words in (("hooks", "plan"), ("hooks", "apply")):
        said = tieback(*words, **URL)
        assert said.code == 1
        assert "Nothing to do" not in said.err + said.out
        assert said.sentence().count("acme, client_secret") == 1
