"""What may be subscribed to: Procore's own list of February 2026, and what has changed since."""

from __future__ import annotations

import pytest

from simulator.hooks import Scope, offered
from simulator.table import Subscribable

COMPANY, PROJECT = Scope(1), Scope(1, 2)
NOT_ALL_VERBS = {
    "Bids": "u",
    "Company Users": "cu",
    "Company Vendors": "cu",
    "Projects": "cu",
    "Standard Cost Code Lists": "c",
    "Timecard Time Types": "cd",
    "Trades": "cd",
    "Weather Logs": "cu",
    "Observation Item Response Logs": "c",
    "Inspection Checklists": "cu",
    "Specification Sections": "cu",
    "Markup Layers": "cu",
    "RFQ Quotes": "cu",
    "RFQ Responses": "cu",
    "Budget View Snapshots": "c",
    "Task Items": "cu",
    "Project Users": "cd",
    "Project Vendors": "cd",
}


def letters(one: Subscribable) -> str:
    return "".join(verb[0] for verb in one.verbs)


@pytest.mark.parametrize("version", ["v2.0", "v3.0"])
def test_there_are_25_names_for_a_company_and_96_for_a_project(version: str):
    # The list that was seen counts 88 for a project in its heading; its rows are 96.
    assert [len(offered(scope, version)) for scope in (COMPANY, PROJECT)] == [25, 96]


def test_every_verb_is_offered_but_for_these():
    some = {one.name: letters(one) for scope in (COMPANY, PROJECT) for one in offered(scope, "v2.0") if letters(one) != "cud"}
    assert some == NOT_ALL_VERBS


def test_updates_of_project_users_and_vendors_are_retired():
    ended = [one for one in offered(PROJECT, "v4.0") if one.name in ("Project Users", "Project Vendors")]
    assert [one.verbs for one in ended] == [("create", "delete")] * 2


def test_payload_v4_adds_names_that_no_older_hook_is_offered():
    more = [
        {one.name for one in offered(scope, "v4.0")} - {one.name for one in offered(scope, "v3.0")}
        for scope in (COMPANY, PROJECT)
    ]
    assert more == [{"Equipment"}, {"Prime Change Orders", "Commitment Change Orders", "Action Plans"}]


@pytest.mark.parametrize(
    "missing", ["Requisitions", "Commitments", "Drawing Revisions", "Delay Logs", "Timesheets", "Bid Packages"]
)
def test_some_resources_have_no_webhook(missing: str):
    assert missing not in {one.name for scope in (COMPANY, PROJECT) for one in offered(scope, "v4.0")}
