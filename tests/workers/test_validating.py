"""The verdict on a connector: kept, acted upon, and made known when it changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from connectors.validation import Check
from store import connectors, definitions
from store.session import reading, writing
from tests.workers.conftest import KEEP
from tests.workers.rig import Rig, rig
from workers import validating
from workers.ports import CallLog
from workers.validating import check, run_validation

FINE = [Check("hosts", "ok", "both answer"), Check("projects", "ok", "3 permitted")]
NONE_PERMITTED = [FINE[0], Check("projects", "wrong", "no project is permitted.", "Permit one.")]
UNREACHABLE = [Check("hosts", "wrong", "no connection", "Look."), Check("projects", "not yet", "needs hosts.")]


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    with rig(engine, settings, far, keep=KEEP) as one:
        with reading(one.engine) as db:
            one.desk.loaded.fresh(db)
        yield one


def row_of(site: Rig) -> Any:
    with reading(site.engine) as db:
        return connectors.get(db, "acme")


def kept(site: Rig, checks: list[Check]) -> None:
    with writing(site.engine) as db:
        validating.keep(db, "acme", checks, "relay")


def news(site: Rig) -> list[dict[str, Any]]:
    said = site.rows("SELECT body FROM tieback_events WHERE source = 'config' ORDER BY id")
    bodies = [json.loads(row["body"]) if isinstance(row["body"], str) else row["body"] for row in said]
    return [body["detail"] for body in bodies if body["kind"] == "connector.validated"]


def test_a_wrong_secret_shows_in_the_connectors_state_although_its_token_still_works(site: Rig) -> None:
    # Given a connector that is fine, with a token in use
    site.desk.loaded.procore("acme").companies()
    assert {one.state for one in check(site.engine, site.box, site.settings, site.desk.loaded, "acme")} <= {"ok", "not yet"}
    # When its secret becomes another one than Procore's
    (site.settings.site / "secrets/acme").write_text("nonsense-nonsense-nonsense")
    with writing(site.engine) as db:
        definitions.changed(db)
        site.desk.loaded.fresh(db)
    check(site.engine, site.box, site.settings, site.desk.loaded, "acme")
    # Then that is noticed at once, not when the token ends
    row = row_of(site)
    assert (row.state, row.verdict["ok"]) == ("needs attention", False)
    assert row.reason.startswith("credentials: 401 on POST /oauth/token: invalid_client")
    assert "nonsense-nonsense" not in str(row)


def test_only_a_change_of_what_is_wrong_is_news(site: Rig) -> None:
    kept(site, FINE)
    kept(site, FINE)
    assert news(site) == []
    for checks in (NONE_PERMITTED, NONE_PERMITTED, UNREACHABLE, FINE):
        kept(site, checks)
    assert [(one["ok"], [wrong["name"] for wrong in one["wrong"]], one["before"]) for one in news(site)] == [
        (False, ["projects"], []),
        (False, ["hosts"], ["projects"]),
        (True, [], ["hosts"]),
    ]


def test_the_verdict_says_since_when_and_what_was_before(site: Rig) -> None:
    kept(site, FINE)
    kept(site, NONE_PERMITTED)
    first = row_of(site).verdict
    kept(site, NONE_PERMITTED)
    again = row_of(site).verdict
    assert (first["since"], first["before"], first["ok"]) == (again["since"], again["before"], again["ok"])
    assert (first["before"], first["ok"]) == ([], False)


def test_a_pause_outlives_a_verdict(site: Rig) -> None:
    with writing(site.engine) as db:
        connectors.set_state(db, "acme", "paused", "audit")
    kept(site, UNREACHABLE)
    assert (row_of(site).state, row_of(site).reason) == ("paused", "audit")


def test_a_connector_that_is_gone_meanwhile_gets_no_verdict(site: Rig) -> None:
    with writing(site.engine) as db:
        connectors.set_state(db, "acme", "removed", None)
        before = row_of(site).verdict
        validating.keep(db, "acme", UNREACHABLE, "relay")
    assert (row_of(site).state, row_of(site).verdict) == ("removed", before)


def test_the_timers_calls_are_logged_and_it_looks_at_what_the_automations_read(site: Rig) -> None:
    run_validation(site.desk, "acme")
    assert {row["path"] for row in site.desk.call_log.take()} >= {"/oauth/token", "/rest/v1.0/companies"}
    tools = {one["name"]: one for one in row_of(site).verdict["checks"]}["tools"]
    assert tools["seen"].startswith("RFIs can be read")


def test_a_quota_that_is_used_up_makes_nothing_wrong(site: Rig, far: Any) -> None:
    far.world.faults.add({"name": "rate_limit_429", "retry_after": 3600})
    found = {one.name: one for one in check(site.engine, site.box, site.settings, site.desk.loaded, "acme", log=CallLog())}
    assert (found["company"].state, found["company"].seen) == ("not yet", "the quota is used up for the moment.")
    assert row_of(site).verdict["ok"] is True
    far.world.faults.clear()


def test_a_token_of_the_place_before_is_not_remembered_by_a_worker(site: Rig) -> None:
    site.desk.loaded.procore("acme").companies()
    assert site.desk.loaded.tokens.current("acme")
    with writing(site.engine) as db:
        connectors.forget_place(db, "acme")
        definitions.changed(db)
    with reading(site.engine) as db:
        site.desk.loaded.fresh(db)
    assert site.desk.loaded.tokens.current("acme") is None


def test_a_file_that_leads_elsewhere_now_forgets_what_was_learnt_before(site: Rig) -> None:
    site.desk.loaded.procore("acme").companies()
    file = site.settings.site / "connectors/acme.yaml"
    # A change that has nothing to do with the place forgets nothing
    file.write_text(file.read_text() + "projects: all\nwebhooks: {namespace: acme-two}\n")
    assert site.load_site() == []
    assert len(site.rows("SELECT * FROM tieback_tokens")) == 1
    file.write_text(re.sub("company_id: .*", "company_id: 4711", file.read_text()))
    assert site.load_site() == []
    assert site.rows("SELECT * FROM tieback_tokens") == []
