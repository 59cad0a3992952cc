"""What is wrong with a rule although each part of it is right; and silence about everything that may be right."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations import checks
from automations.definition import load
from automations.facts import Fact, alternatives, clash, facts
from config.problems import Problem, Problems
from tests.automations.given import KNOWN

HEAD = "format: 1\nid: rule\nstage: live\nwhen:\n"
ALL = "  - webhook: {connector: acme-prod, resource: RFIs}\n"
CHANGES = "  - webhook: {connector: acme-prod, resource: RFIs, actions: [create, update]}\n"
DO = "do:\n  - use: set\n    with: {a: 1}\n"
UPSERT = 'use: db.upsert\n    with: {table: rfis, row: "${record}"}\n'


def said(text: str) -> list[Problem]:
    try:
        return list(load(text, "rule.yaml", KNOWN).warnings)
    except Problems as problems:
        return problems.found


def lines(*given: str, when: str = CHANGES, do: str = DO) -> str:
    return HEAD + when + "if:\n" + "".join(f"  - '{one}'\n" for one in given) + do


def step(body: str, when: str = CHANGES, head: str = "") -> str:
    return f"{head}{HEAD}{when}do:\n  - {body}"


UPDATES = "  - webhook: {connector: acme-prod, resource: RFIs, actions: [update]}\n"
MOVED = UPDATES + "    field: status\n    from: [draft]\n    to: [open]\n"
GET = 'use: procore.get\n    with: {resource: Projects, id: "${event.project_id}"}\n'
WRONG: list[tuple[str, str, str, int, str]] = [
    ("two values at once", lines('record.status == "open" && record.status == "closed"'), "TB160", 7, "never fires"),
    ("two lines that exclude each other", lines('record.status == "open"', 'record.status == "draft"'), "TB160", 8, "never hold"),
    ("equal and not", lines('record.status == "open"', 'record.status != "open"'), "TB160", 8, "never hold"),
    ("one of several and none", lines('record.status in ["a", "b"]', '!(record.status in ["b", "a"])'), "TB160", 8, "hold"),
    ("an event that the trigger does not hear", lines('event.action == "delete"'), "TB160", 7, "actions: [create, update]"),
    ("a value that the transition does not end in", lines('record.status == "closed"', when=MOVED), "TB160", 10, "to: [open]"),
    ("a value that it does not come from", lines('previous.status == "open"', when=MOVED), "TB160", 10, "from: [draft]"),
    (
        "dates in the wrong order",
        lines('record.due_date > date("2026-05-01") && record.due_date < date("2026-04-01")'), "TB160", 7, "never hold",
    ),
    ("money in the wrong order", lines('record.due_date == null && record.due_date < date("2026-01-01")'), "TB160", 7, "never"),
    ("something of nothing", lines('record.assignee == null', 'record.assignee.name == "Ana"'), "TB160", 8, "never hold"),
    ("true and false", lines("record.private", "!record.private"), "TB160", 8, "never hold"),
    ("never two values", lines('record.status != "open" || record.status != "draft"'), "TB162", 7, "write && between"),
    ("the same on both sides", lines("record.status == record.status"), "TB163", 7, "compared with itself"),
    ("no name at all", lines("1 == 1"), "TB163", 7, "no name in it"),
    ("from and to are one", HEAD + MOVED.replace("draft", "open") + DO, "TB164", 8, "does not change to itself"),
    ("a new record came from nothing", HEAD + MOVED.replace("update", "create") + DO, "TB164", 7, "listen to"),
    (
        "a step for what is not heard",
        step("if: 'event.action == \"delete\"'\n    use: set\n    with: {a: 1}\n"), "TB161", 7, "the step never runs",
    ),
    ("a deleted record written back", step(UPSERT, when=ALL), "TB165", 8, 'event.action != "delete"'),
    (
        "a call that nobody can repeat",
        step("use: http.call\n    with: {to: http:erp, path: /x}\n"), "TB170", 8, "idempotency_key",
    ),
    (
        "more calls than allowed",
        step('use: procore.update\n    with: {resource: RFIs, id: "1", fields: {a: 1}}\n  - use: procore.update\n'
             '    with: {resource: RFIs, id: "2", fields: {a: 1}}\n').replace("do:", "limits: {api_calls: 1}\ndo:"),
        "TB171", 6, "at least 2 calls",
    ),
    ("a call for nothing", step(GET), "TB172", 7, "costs"),
    ("first above max", step("use: set\n    with: {a: 1}\n    retry: {first: 2h, max: 1h}\n"), "TB173", 9, "exchange"),
    ("an unknown kind of error", step("use: set\n    with: {a: 1}\n    retry: {only: [http_5x]}\n"), "TB112", 9, '"http_5xx"'),
    ("an action that is none", lines('event.action == "deleted"'), "TB221", 7, '"delete"'),
    (
        "a status that no step has",
        step('id: a\n    use: set\n    with: {a: 1}\n  - if: \'steps.a.status == "success"\'\n    use: set\n    with: {a: 1}\n'),
        "TB221", 10, "ok, failed, skipped",
    ),
    ("an item called as the record", lines('record.assignees.exists(record, record.id == "7")'), "TB220", 7, "another name"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "line", "says"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG])
def test_a_rule_that_cannot_mean_what_it_says_is_told_so_in_one_line(text: str, code: str, line: int, says: str) -> None:
    found = said(text)
    assert [(one.code, one.line) for one in found] == [(code, line)], [one.sentence() for one in found]
    assert says in found[0].message


QUIET = [
    lines('record.status == "open" || record.status == "draft"'),
    lines('record.status != "open" && record.status != "draft"'),
    lines('record.status != "open" || record.private'),
    lines('record.status in ["open", "draft"]', 'record.status != "open"'),
    lines('record.due_date != null && record.due_date < run.today', 'record.due_date > date("2020-01-01")'),
    lines('previous == null || previous.status != record.status'),
    lines('event.action == "delete" || record.status == "open"'),
    lines('record.status == "open" ? record.private : record.number == "1"'),
    lines('record.assignee != null', 'record.assignee.name == "Ana"'),
    lines('record.status == "open"', 'previous.status == "draft"', when=MOVED),
    step(f"if: event.action != \"delete\"\n    {UPSERT}", when=ALL),
    step(f"if: record.private == false\n    {UPSERT}", when=ALL),
    lines('event.action != "delete"', when=ALL, do=f"do:\n  - {UPSERT}"),
    step("use: http.call\n    with: {to: http:erp, path: /x, method: PUT}\n"),
    step('use: http.call\n    with: {to: http:erp, path: /x, idempotency_key: "${record.id}"}\n'),
    step(
        'id: p\n    use: procore.get\n    with: {resource: Projects, id: "${event.project_id}"}\n'
        '  - use: set\n    with: {a: "${steps.p.output.name}"}\n'
    ),
    step("use: set\n    with: {a: 1}\n    retry: {only: [timeout, http_503, http_5xx], first: 1m, max: 1m}\n"),
]  # fmt: skip


@pytest.mark.parametrize("text", QUIET)
def test_a_rule_that_may_be_right_is_left_alone(text: str) -> None:
    assert [one.sentence() for one in said(text)] == []


def test_facts_are_read_and_what_is_not_understood_is_none() -> None:
    assert facts('record.status == "open" && (record.due_date != null)') == [
        Fact("record.status", "in", ("open",)), Fact("record.due_date", "not in", (None,)),
    ]  # fmt: skip
    assert facts('"open" == record.status') == facts('record.status == "open"')
    assert facts("3 < record.position")[0] == Fact("record.position", ">", (3.0,))
    assert facts('!(record.status == "x" || record.status == "y")') == []
    assert facts('record.status == "x" || record.status == "y"') == [Fact("record.status", "in", ("x", "y"))]
    assert facts("size(record.title) > 3 && record.private") == [Fact("record.private", "in", (True,))]
    assert facts("record.private ? record.status == 'x' : true") == []
    assert alternatives('a != "x" || a != "y"')[1] == Fact("a", "not in", ("y",))


DOMAIN: list[Any] = ["a", "b", None, 1.0, 2.0, 3.0, True, False]
FACTS = st.builds(
    Fact, st.just("x"), st.sampled_from(["in", "not in"]), st.lists(st.sampled_from(DOMAIN), min_size=1, max_size=3).map(tuple)
) | st.builds(Fact, st.just("x"), st.sampled_from(["<", "<=", ">", ">="]), st.sampled_from([1.0, 2.0, 3.0]).map(lambda v: (v,)))


@given(st.lists(FACTS, min_size=1, max_size=4), FACTS)
def test_what_is_called_impossible_holds_for_no_value(known: list[Fact], fact: Fact) -> None:
    other = clash(known, fact)
    if other is None:
        return
    several = [*known, fact]
    candidates = [*DOMAIN, "other", 0.5, 1.5, 2.5, 99.0]
    assert not any(all(_holds(value, one) for one in several) for value in candidates)


def _holds(value: Any, fact: Fact) -> bool:
    same = [type(value) is type(one) and value == one for one in fact.values]
    if fact.sign in ("in", "not in"):
        return any(same) == (fact.sign == "in")
    if not isinstance(value, float):
        return False
    bound = fact.values[0]
    return {"<": value < bound, "<=": value <= bound, ">": value > bound, ">=": value >= bound}[fact.sign]


def writer(name: str, hears: str, writes: str, more: str = "") -> str:
    fields = '{status: "x"}'
    return (
        f"format: 1\nid: {name}\nwhen:\n  - webhook: {{connector: acme-prod, resource: {hears}, actions: [update]}}\n{more}"
        f'do:\n  - use: procore.update\n    with: {{resource: {writes}, id: "1", fields: {fields}}}\n'
    )


def across(*texts: str) -> list[Problem]:
    return checks.across([load(text, f"{index}.yaml", KNOWN) for index, text in enumerate(texts)], KNOWN)


def test_rules_that_start_each_other_are_told_once_with_the_way_round() -> None:
    found = across(writer("a", "RFIs", "Submittals"), writer("b", "Submittals", "RFIs"))
    assert [(one.file, one.line, one.code, one.severity) for one in found] == [("0.yaml", 6, "TB180", "warning")]
    assert "a updates Submittals and starts b; b updates RFIs and starts a" in found[0].message


def test_a_circle_of_three_is_found_too() -> None:
    found = across(writer("a", "RFIs", "Submittals"), writer("b", "Submittals", "Meetings"), writer("c", "Meetings", "RFIs"))
    assert len(found) == 1


def test_rules_that_write_and_never_hear_each_other_are_no_circle() -> None:
    assert across(writer("a", "RFIs", "Submittals"), writer("b", "Submittals", "Meetings")) == []
    # A trigger on a field that the other one does not write is not woken
    only = "    field: title\n"
    assert across(writer("a", "RFIs", "Submittals", only), writer("b", "Submittals", "RFIs", only)) == []
    # And what a rule writes itself is an echo, which starts nothing
    assert across(writer("a", "RFIs", "RFIs")) == []


def test_the_facts_of_every_order_are_judged_alike() -> None:
    several = [Fact("x", "in", ("a", "b")), Fact("x", "not in", ("a",)), Fact("x", "not in", ("b",))]
    for order in itertools.permutations(several):
        assert clash(order[:2], order[2]) is not None


def after(name: str, other: str, line: str = "") -> str:
    return f"format: 1\nid: {name}\nwhen:\n  - run: {{automation: {other}}}\n{line}do:\n  - use: set\n    with: {{a: 1}}\n"


def test_rules_that_only_run_after_each_other_are_an_error_and_with_a_condition_a_warning() -> None:
    assert [one.severity for one in across(after("a", "b"), after("b", "a"))] == ["error"]
    assert [one.severity for one in across(after("a", "b"), after("b", "a", "if: event.status == 'ok'\n"))] == ["warning"]
    assert across(after("a", "b"), after("b", "c"), after("c", "d")) == []
