"""S11: who has access."""

from __future__ import annotations

import pytest

from tests.recipes.stack import Installation

NAME = "people-governance"


def active(here: Installation, id: str) -> bool:
    return not any(str(one["id"]) == id for one in here.listed("inactive users"))


def test_S11_nothing_is_deactivated_without_a_recorded_approval(here: Installation) -> None:
    ids = {}
    for choice in ("approve", "reject"):
        # Given somebody of another company
        ids[choice] = id = here.create(
            "Company Users", name=f"Outsider {choice}", email_address=f"{choice}@elsewhere.example", is_active=True
        )
        here.waits(NAME, id, "ask")
        assert len(here.mails(f"Outsider {choice}")) == 1
        assert active(here, id)
        # When a person answers
        here.answer(NAME, id, choice)
        here.ended(NAME, id)
        # Then it stands in the audit table who decided what
        (row,) = here.table("people_audit", user_id=id)
        assert (row["decision"], row["decided_by"]) == (choice, "cli:ana")
    # And only the approved one is inactive
    assert (active(here, ids["approve"]), active(here, ids["reject"])) == (False, True)
    # And one of ours, or of the list to keep, is asked about by nobody
    for address in ("new@acme.example", "scheduler@partner.example"):
        id = here.create("Company Users", name="Insider", email_address=address, is_active=True)
        here.ended(NAME, id, 1, "skipped")


def test_S11_the_monthly_review_asks_about_who_never_signed_in(here: Installation) -> None:
    id = here.create("Company Users", name="Sleeper", email_address="sleeper@acme.example", is_active=True, last_login_at=None)
    here.ended(NAME, id, 1, "skipped")
    here.its_time_comes(NAME, "idle")
    here.waits(NAME, id, "ask")
    assert len(here.mails("Sleeper has not signed in")) == 1
    here.answer(NAME, id, "approve")
    here.until(lambda: here.table("people_audit", user_id=id), "the audit row")
    assert not active(here, id)


@pytest.mark.parametrize("version", ["v2.0", "v4.0"])
def test_S11_an_event_of_the_company_with_no_project_is_accepted_in_v2_and_v4(here: Installation, version: str) -> None:
    # Given hooks that send this payload
    here.use_payloads(version)
    # When somebody joins the company's directory
    id = here.create("Company Users", name=f"Of {version}", email_address=f"of-{version[:2]}@elsewhere.example", is_active=True)
    # Then the event has no project, and the automation acts on it as ever
    here.waits(NAME, id, "ask")
    (event, *_) = here.rows("SELECT * FROM tieback_events WHERE resource_id = :id AND source = 'webhook'", id=id)
    assert (event["project_id"], event["payload_version"], event["state"]) == ("", version, "matched")


def test_S11_an_announced_colleague_gets_one_account(here: Installation) -> None:
    for _ in range(2):
        here.inbound("hr_joiner", {"employee": 77, "first_name": "Noor", "last_name": "Haddad", "email": "noor@acme.example"})
    here.ended("joiner-from-hr", "", 2)
    assert len([one for one in here.listed("Company Users") if one["email_address"] == "noor@acme.example"]) == 1
