"""S1: RFIs go to the consultant of their discipline, and are escalated when nobody answers."""

from __future__ import annotations

from tests.recipes.stack import Installation


def test_S1_an_answer_during_the_wait_cancels_the_escalation(here: Installation) -> None:
    # Given an RFI that the consultant of its discipline was told of, and that waits
    asked = here.create("RFIs", subject="Slab edge", status="open", specification_section={"id": 1, "number": "03 30 00"})
    here.waits("rfi-escalation", asked, "wait")
    (mail,) = here.mails("Slab edge", "ana.ruiz@trades.example")
    assert "Concrete" in str(mail)
    assert len(here.sink("site-ops", "Slab edge", "Ana Ruiz")) == 1
    # When it is answered and the wait is over
    here.update("RFIs", asked, questions=[{"id": 1, "answers": [{"id": 2, "plain_text_body": "600 mm"}]}])
    here.pass_time("rfi-escalation", asked)
    here.ended("rfi-escalation", asked)
    # Then nobody else hears of it
    assert here.sink("pm-office", "Slab edge") == []
    assert here.mails("Slab edge", "superintendent@acme.example") == []
    assert [row["outcome"] for row in here.table("rfi_escalations", rfi_id=asked)] == ["answered"]
    # And one that nobody answers is told to project manager and superintendent
    silent = here.create("RFIs", subject="Beam pocket", status="open", specification_section={"id": 1, "number": "05 12 00"})
    here.waits("rfi-escalation", silent, "wait")
    here.pass_time("rfi-escalation", silent)
    here.ended("rfi-escalation", silent)
    assert len(here.sink("pm-office", "Beam pocket")) == 1
    assert len(here.mails("Beam pocket", "superintendent@acme.example")) == 1
    assert [row["outcome"] for row in here.table("rfi_escalations", rfi_id=silent)] == ["escalated"]


def test_S1_a_duplicate_create_sends_one_message(here: Installation) -> None:
    # Given a sender that sends the create three times, as three events
    here.simulator(
        "POST",
        "/_sim/faults",
        {"name": "duplicate", "resource": "RFIs", "verb": "create", "times": 3, "same_id": False, "count": 1},
    )
    asked = here.create("RFIs", subject="Twice asked", status="open")
    # When all of them are done
    here.until(lambda: len(here.rows("SELECT 1 FROM tieback_events WHERE resource_id = :id", id=asked)) == 3, "three events")
    here.waits("rfi-escalation", asked, "wait")
    here.settled()
    # Then each destination has one message
    assert len(here.sink("site-ops", "Twice asked")) == 1
    assert len(here.mails("Twice asked")) == 1


def test_S1_an_unknown_discipline_goes_to_a_named_fallback(here: Installation) -> None:
    asked = here.create("RFIs", subject="Whose is this", status="open", specification_section={"id": 1, "number": "99 00 00"})
    here.waits("rfi-escalation", asked, "wait")
    (mail,) = here.mails("Whose is this")
    assert mail["To"] == "engineer@acme.example"
    assert len(here.sink("site-ops", "Whose is this", "Not known: Project engineer")) == 1
