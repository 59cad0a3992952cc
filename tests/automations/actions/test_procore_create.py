"""procore.create: the policy by key, the adoption of what is there, and what doubt leads to."""

from __future__ import annotations

from typing import Any

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.errors import Permanent, Transient, Uncertain
from config.problems import Problems
from tests.automations.given import Far, automation, event, scope

PROJECT = "resource: Projects, origin_id: 'deal-7', fields: {name: Harbor}"
FOUND_BY = "resource: RFIs, find_by: {subject: Beam}, fields: {subject: Beam}"
ALONE = "resource: RFIs, fields: {subject: Beam}"
TAKEN = Permanent("acme: 422 on POST /rest/v1.0/projects: origin_id has already been taken.", kind="http_422")


def created(parameters: str, far: Far, journal: MemoryJournal | None = None) -> Outcome:
    rule = automation(f"do:\n  - {{id: a, use: procore.create, with: {{{parameters}}}}}\n")
    return run(rule, scope(), journal or MemoryJournal(), far)


def policies(journal: MemoryJournal) -> list[str]:
    return [one.effect.policy for one in journal.effects.values()]


@pytest.mark.parametrize(
    "parameters, policy", [(PROJECT, "natural_key"), (FOUND_BY, "verify_then_retry"), (ALONE, "at_most_once")]
)
def test_the_policy_follows_the_key(parameters: str, policy: str) -> None:
    journal, far = MemoryJournal(), Far()
    assert created(parameters, far, journal).state == "ok"
    assert policies(journal) == [policy]
    assert journal.results["a"].output["id"] == 91


def test_the_origin_id_goes_out_with_the_fields() -> None:
    far = Far()
    created(PROJECT, far)
    assert far.asked == [
        {
            "create": "Projects",
            "fields": {"name": "Harbor", "origin_id": "deal-7"},
            "project_id": "598134000002001",
            "parent": None,
        }
    ]


def test_a_record_that_has_the_key_already_is_adopted() -> None:
    # Given a project that an earlier attempt, or another program, made under the same key
    journal, far = MemoryJournal(), Far([TAKEN], pages=[[{"id": 1, "origin_id": None}, {"id": 5, "origin_id": "deal-7"}]])
    # When it is created
    assert created(PROJECT, far, journal).state == "ok"
    # Then that one is the output, and known as ours
    assert journal.results["a"].output == {"id": 5, "origin_id": "deal-7"}
    assert ("answered", [{"id": 5, "origin_id": "deal-7"}]) in far.noted


def test_a_refusal_for_another_reason_is_no_adoption() -> None:
    far = Far(
        [Permanent("acme: 422 on POST /x: name can't be blank.", kind="http_422")], pages=[[{"id": 5, "origin_id": "deal-7"}]]
    )
    assert created(PROJECT, far).state == "failed"


def test_the_same_key_from_another_event_makes_no_second_record() -> None:
    rule = automation(f"do:\n  - {{id: a, use: procore.create, with: {{{PROJECT}}}}}\n")
    journal, far = MemoryJournal(), Far()
    run(rule, scope(), journal, far)
    journal.results.clear()
    assert run(rule, scope(event=event(key="another")), journal, far).state == "ok"
    assert len(far.asked) == 1


def test_after_doubt_the_record_is_looked_for_and_adopted() -> None:
    journal, far = MemoryJournal(), Far([Uncertain("cut", kind="connection")])
    assert created(FOUND_BY, far, journal).state == "waiting"
    far.pages = [[{"id": 3, "subject": "Other"}, {"id": 8, "subject": "Beam", "created_at": "2026-03-20T12:00:01Z"}]]
    assert created(FOUND_BY, far, journal).state == "ok"
    assert journal.results["a"].output["id"] == 8
    assert [one for one in far.asked if "create" in one] == [far.asked[0]]


def test_nobody_looks_while_the_call_may_still_be_under_way() -> None:
    assert created(FOUND_BY, Far([Uncertain("cut", kind="timeout")])).wait_s == 30.0


def test_an_older_record_with_the_same_values_is_not_taken_for_ours() -> None:
    journal, far = MemoryJournal(), Far([Uncertain("cut", kind="connection")])
    created(FOUND_BY, far, journal)
    far.pages = [[{"id": 8, "subject": "Beam", "created_at": "2026-01-02T00:00:00Z"}]]
    created(FOUND_BY, far, journal)
    assert journal.results["a"].output["id"] == 91
    assert far.asked[1]["filters"] == {"created_at": "2026-03-20T11:50:00Z...2100-01-01T00:00:00Z"}


def test_a_5xx_may_come_after_the_work_was_done_so_it_is_looked_for() -> None:
    journal, far = MemoryJournal(), Far([Transient("500", kind="http_5xx")], pages=[[{"id": 8, "subject": "Beam"}]])
    assert created(FOUND_BY, far, journal).state == "waiting"
    assert created(FOUND_BY, far, journal).state == "ok"
    assert journal.results["a"].output["id"] == 8


def test_without_a_key_doubt_is_left_to_a_person() -> None:
    journal, far = MemoryJournal(), Far([Uncertain("cut", kind="connection")])
    assert created(ALONE, far, journal).state == "parked"
    assert created(ALONE, far, journal).state == "parked"
    assert len(far.asked) == 1


def test_at_the_cap_nothing_goes_out() -> None:
    far = Far(room=0)
    outcome = created(ALONE, far)
    assert outcome.error is not None
    assert (outcome.error["kind"], far.asked) == ("cap", [])


def test_shadow_creates_nothing() -> None:
    journal, far = MemoryJournal(dry=True), Far()
    assert created(PROJECT, far, journal).state == "ok"
    assert far.asked == []
    assert journal.results["a"].output["would"] == "procore.create: create Projects at acme-prod"


@pytest.mark.parametrize(
    "parameters, code",
    [
        ("resource: RFIs, origin_id: x, fields: {subject: a}", "TB133"),
        ("resource: Budget Line Items, fields: {amount: 1}", "TB133"),
        ("resource: '${event.resource_name}', fields: {a: 1}", "TB133"),
        ("resource: RFIs, fields: {}", "TB133"),
        ("resource: RFI, fields: {a: 1}", "TB121"),
    ],
)
def test_what_cannot_be_created_is_refused_at_load(parameters: str, code: str) -> None:
    with pytest.raises(Problems) as raised:
        created(parameters, Far())
    assert code in {p.code for p in raised.value.found}


HOSTILE: list[Any] = [
    ("connector: other-co", "other_company"),
    ("connector: acme-too", None),
    ("connector: acme-prod", None),
]


@pytest.mark.parametrize("connector, kind", HOSTILE)
@pytest.mark.parametrize(
    "use",
    [
        "procore.create, with: {resource: RFIs, fields: {subject: a}",
        "procore.update, with: {resource: RFIs, id: '7', fields: {subject: a}",
        "procore.sync, with: {resource: Cost Codes, rows: [{origin_id: a}]",
        "procore.list, with: {resource: RFIs",
        "procore.get, with: {resource: RFIs, id: '7'",
    ],
)
def test_one_companys_event_reaches_no_other_company(use: str, connector: str, kind: str | None) -> None:
    far = Far(records={("RFIs", "7"): {}}, pages=[[]])
    outcome = run(automation(f"do:\n  - {{id: a, use: {use}, {connector}}}}}\n"), scope(), MemoryJournal(), far)
    assert (outcome.error or {}).get("kind") == kind
    assert bool(far.asked) == (kind is None)


@pytest.mark.parametrize("source", ["webhook", "sweep", "manual", "run"])
def test_it_does_not_matter_how_the_event_came(source: str) -> None:
    when = "manual: {}" if source in ("manual", "run") else "webhook: {connector: acme-prod, resource: RFIs}"
    rule = automation("do:\n  - {id: a, use: procore.list, with: {resource: Projects, connector: other-co}}\n", when=when)
    outcome = run(rule, scope(event=event(source=source), trigger=rule.triggers[0].id), MemoryJournal(), Far(pages=[[]]))
    assert (outcome.error or {}).get("kind") == "other_company", outcome


def test_a_run_that_nothing_at_procore_set_off_names_its_connector() -> None:
    bound_to_none = event(connector="", company_id="", project_id="", source="config", kind="automations.changed")
    when = "config: {kinds: [automations.changed]}"
    step = "do:\n  - {{id: a, use: procore.list, with: {{resource: Projects{}}}}}\n"
    with pytest.raises(Problems, match="does not say which connector"):
        automation(step.format(""), when=when)
    rule = automation(step.format(", connector: acme-prod"), when=when)
    outcome = run(rule, scope(event=bound_to_none, record=None, previous=None), MemoryJournal(), Far(pages=[[]]))
    assert outcome.state == "ok", outcome
