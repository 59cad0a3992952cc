"""procore.update: what goes out, and a record that somebody changed meanwhile."""

from __future__ import annotations

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.errors import Uncertain
from config.problems import Problems
from tests.automations.given import Far, automation, rfi, scope

VERSIONED = "resource: RFIs, id: '${record.id}', fields: {status: closed}, version: '${record.updated_at}'"
PLAIN = "resource: RFIs, id: '${record.id}', fields: {status: closed, due_date: '${record.due_date}'}"


def updated(parameters: str, far: Far, journal: MemoryJournal | None = None) -> Outcome:
    rule = automation(f"do:\n  - {{id: a, use: procore.update, with: {{{parameters}}}}}\n")
    return run(rule, scope(), journal or MemoryJournal(), far)


def test_the_fields_go_out_as_they_are_given_and_the_record_comes_back() -> None:
    journal, far = MemoryJournal(), Far()
    assert updated(PLAIN, far, journal).state == "ok"
    fields = {"status": "closed", "due_date": "2026-03-13"}
    assert far.asked == [
        {"update": "RFIs", "id": "22564874", "fields": fields, "project_id": "598134000002001", "parent": None}
    ]  # fmt: skip
    assert journal.results["a"].output == {"id": 22564874, **fields}
    assert [one.effect.policy for one in journal.effects.values()] == ["idempotent"]


def test_a_doubtful_update_is_sent_again() -> None:
    journal, far = MemoryJournal(), Far([Uncertain("cut")])
    assert updated(PLAIN, far, journal).state == "waiting"
    assert updated(PLAIN, far, journal).state == "ok"
    assert len(far.asked) == 2


def test_what_is_written_is_known_as_ours_before_and_after() -> None:
    far = Far()
    updated(PLAIN, far)
    assert [what for what, _ in far.noted] == ["begin", "answered"]
    assert far.noted[0][1] == ("acme-prod", "RFIs", "22564874")


def test_a_record_that_changed_since_the_rule_saw_it_is_left_alone() -> None:
    far = Far(records={("RFIs", "22564874"): rfi(updated_at="2026-03-20T11:59:59Z")})
    outcome = updated(VERSIONED, far)
    assert outcome.error is not None
    assert outcome.error["kind"] == "conflict"
    assert not [one for one in far.asked if "update" in one]


def test_a_record_that_is_as_the_rule_saw_it_is_written() -> None:
    far = Far(records={("RFIs", "22564874"): rfi()})
    assert updated(VERSIONED, far).state == "ok"
    assert len([one for one in far.asked if "update" in one]) == 1


def test_our_own_doubtful_write_is_no_conflict() -> None:
    # Given an update that reached Procore and whose answer did not come back
    journal = MemoryJournal()
    far = Far([Uncertain("cut")], records={("RFIs", "22564874"): rfi()})
    assert updated(VERSIONED, far, journal).state == "waiting"
    far.records["RFIs", "22564874"] = rfi(status="closed", updated_at="2026-03-20T12:00:01Z")
    # When it is tried again, the fields are found there
    assert updated(VERSIONED, far, journal).state == "ok"
    assert journal.results["a"].output["updated_at"] == "2026-03-20T12:00:01Z"
    assert len([one for one in far.asked if "update" in one]) == 1


def test_what_has_no_path_of_its_own_is_refused_at_load() -> None:
    with pytest.raises(Problems, match="cannot be changed"):
        updated("resource: Drawings, id: '7', fields: {a: 1}", Far())
