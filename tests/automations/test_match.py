"""Matching: by key, with a reason for what does not match."""

from __future__ import annotations

from typing import Any

import pytest

from automations import match as matching
from automations.match import Index
from automations.parts import Automation
from config.kinds import KINDS
from config.problems import Problems
from tests.automations.given import automation, event

ONE = "webhook: {connector: acme-prod, resource: RFIs}"
DO = "do:\n  - {id: a, use: set, with: {n: 1}}\n"


def rule(name: str, resource: str = "RFIs", action: str = "update", head: str = "", body: str = DO) -> Automation:
    from dataclasses import replace

    made = automation(body, when=f"webhook: {{connector: acme-prod, resource: {resource}, actions: [{action}]}}", head=head)
    return replace(made, id=name, stage="off" if name == "off" else "live")


def test_an_event_finds_the_automations_that_listen_to_it_in_any_case() -> None:
    index = Index([rule("a"), rule("b", "Submittals"), rule("c", action="delete")])
    found = index.match(event(resource_name="rfis"))
    assert [(m.automation.id, m.trigger_id) for m in found.matches] == [("a", "webhook")]
    assert found.reason == ""


def test_nobody_listens_says_to_what() -> None:
    found = Index([rule("a")]).match(event(action="delete"))
    assert (found.matches, found.reason) == ((), "no automation listens to RFIs delete of acme-prod")


def test_an_automation_that_is_off_is_named_in_the_reason() -> None:
    assert Index([rule("off")]).match(event()).reason == "no automation listens to RFIs update of acme-prod (off is off)"


def test_a_false_cheap_line_is_a_near_miss_with_the_values_seen() -> None:
    found = Index([rule("a", body='if: event.project_id == "9"\n' + DO), rule("b")]).match(event())
    assert [m.automation.id for m in found.matches] == ["b"]
    assert found.reasons == {"a": 'if[0] is false: event.project_id = "598134000002001"'}


def test_our_own_change_is_ignored() -> None:
    found = Index([rule("a")]).match(event(app_id="ours"), {"acme-prod": "ours"})
    assert (found.matches, found.reason) == ((), "our own change")
    assert Index([rule("a")]).match(event(app_id="theirs"), {"acme-prod": "ours"}).matches
    assert Index([rule("a")]).match(event(app_id=""), {"acme-prod": ""}).matches


def test_an_automation_with_two_triggers_for_one_event_matches_once() -> None:
    two = "id: one\n    webhook: {connector: acme-prod, resource: RFIs}\n  - id: two\n    " + ONE
    made = automation('if: run.trigger == "two"\n' + DO, when=two)
    assert [(m.automation.id, m.trigger_id) for m in Index([made]).match(event()).matches] == [("rule", "two")]


def test_a_thousand_automations_cost_what_ten_do(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given one automation for our event among many for others, counting how many are judged
    def judged(others: int) -> int:
        count = 0
        real = matching._cheaply

        def counting(*given: Any) -> Any:
            nonlocal count
            count += 1
            return real(*given)

        index = Index([rule("a"), *[_other(n) for n in range(others)]])
        with monkeypatch.context() as patch:
            patch.setattr(matching, "_cheaply", counting)
            assert len(index.match(event()).matches) == 1
        return count

    assert judged(1000) == judged(10) == 1


def _other(number: int, made: list[Automation] = []) -> Automation:  # noqa: B006
    from dataclasses import replace

    if not made:
        made.append(rule("other", "Submittals"))
    return replace(made[0], id=f"other-{number}")


def test_a_config_rule_hears_the_kinds_it_names_and_the_patterns() -> None:
    rule = automation("do:\n  - use: set\n    with: {a: 1}\n", when="config: {kinds: [connector.*, hooks.changed]}")
    index = Index([rule])
    heard = {kind for kind in KINDS if index.match(event(source="config", kind=kind, name="acme-prod")).matches}
    assert heard == {kind for kind in KINDS if kind.startswith("connector.")} | {"hooks.changed"}


def test_an_inbound_rule_hears_its_source_only() -> None:
    rule = automation("do:\n  - use: set\n    with: {a: 1}\n", when="inbound: {source: erp}")
    index = Index([rule])
    assert index.match(event(source="inbound", name="erp", body={})).matches
    assert index.match(event(source="inbound", name="payroll")).reason == "no automation listens to inbound payroll"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("config: {kinds: [connector.exploded]}", 'TB126: there is no kind of configuration event "connector.exploded"'),
        ("config: {kinds: []}", "kinds"),
        ("inbound: {source: Erp-1}", "TB108"),
        ("inbound: {source: erp}\n    field: status", '"field:" works with webhook: and sweep: only'),
        ("config: {kinds: [connector.*]}\n    inbound: {source: erp}", "of two kinds"),
    ],
)
def test_a_trigger_that_could_never_fire_is_refused_by_name(when: str, said: str) -> None:
    with pytest.raises(Problems) as told:
        automation("do:\n  - use: set\n    with: {a: 1}\n", when=when)
    assert said in str(told.value)


@pytest.mark.parametrize("line", ["event.body == null", "record.status == 'open'", "event.kinds == 'a'"])
def test_a_config_rule_has_neither_record_nor_body(line: str) -> None:
    with pytest.raises(Problems):
        automation(f'if: "{line}"\ndo:\n  - use: set\n    with: {{a: 1}}\n', when="config: {kinds: [connector.*]}")
