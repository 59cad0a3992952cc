"""Loading: every mistake is answered once, at its place, with its mend."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.definition import load
from automations.known import Known
from config.problems import Problem, Problems
from tests.automations.given import KNOWN, automation
from tests.automations.mistakes import MISTAKES, RIGHT, Mistake


def problems(text: str, known: Known = KNOWN) -> list[tuple[int, int, str]]:
    with pytest.raises(Problems) as raised:
        load(text, "rule.yaml", known)
    return [(p.line, p.column, p.code) for p in raised.value.found]


def test_the_rule_that_the_mistakes_are_made_in_is_right() -> None:
    rule = load(RIGHT, "rule.yaml", KNOWN)
    assert rule.id == "rfi-watch"
    assert rule.connectors == ("acme-prod",)
    assert rule.needs_record
    assert rule.warnings == ()


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_a_mistake_has_one_answer_with_line_column_and_mend(mistake: Mistake) -> None:
    # Given the right rule with one thing wrong
    assert mistake.old in RIGHT
    text = RIGHT.replace(mistake.old, mistake.new, 1)
    # When it is loaded
    with pytest.raises(Problems) as raised:
        load(text, "rule.yaml", KNOWN)
    # Then one line says where and what to do
    assert [(p.line, p.column, p.code) for p in raised.value.found] == [(mistake.line, mistake.column, mistake.code)]
    for words in mistake.says:
        assert words in raised.value.found[0].message
    assert "\n" not in raised.value.found[0].sentence()


def test_there_are_at_least_thirty_mistakes() -> None:
    assert len(MISTAKES) >= 30


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    text = RIGHT.replace("record.status", "record.stauts").replace("table: rfis", "table: tieback_x").replace("titel", "titel")
    text = (
        text.replace("title: Watch", "titel: Watch").replace("resource: RFIs", "resource: RFIs").replace("acme-prod", "acme-pord")
    )
    assert {code for _, _, code in problems(text)} == {"TB104", "TB120", "TB134", "TB204"}


def test_without_known_connectors_any_is_taken() -> None:
    assert load(RIGHT.replace("acme-prod", "whoever"), "rule.yaml").connectors == ("whoever",)


def test_the_version_is_the_hash_of_the_text() -> None:
    assert load(RIGHT, "a.yaml").version == load(RIGHT, "b.yaml").version
    assert load(RIGHT, "a.yaml").version != load(RIGHT + "# more\n", "a.yaml").version


def test_a_new_rule_is_in_shadow() -> None:
    assert load(RIGHT.replace("stage: live\n", ""), "rule.yaml", KNOWN).stage == "shadow"


def test_cheap_lines_name_only_the_event_the_vars_and_the_trigger() -> None:
    rule = automation(
        'if:\n  - event.action == "create"\n  - record.status == "open"\n  - run.trigger == "webhook"\n  - run.attempt == 1\n'
        "do:\n  - {id: a, use: set, with: {x: 1}}\n"
    )
    assert rule.cheap == (0, 2)
    assert rule.needs_record


def test_a_rule_of_the_event_alone_needs_no_record() -> None:
    rule = automation('do:\n  - {id: a, use: set, with: {x: "${event.resource_id}"}}\n')
    assert not rule.needs_record


@pytest.mark.parametrize("text", ['"${record}"', '"${record.title}"', '"a ${previous.status} b"', '["${changed}"]'])
def test_a_template_of_the_record_needs_it(text: str) -> None:
    assert automation(f"do:\n  - {{id: a, use: set, with: {{x: {text}}}}}\n").needs_record


def test_a_transition_needs_the_record() -> None:
    rule = automation(
        "do:\n  - {id: a, use: set, with: {x: 1}}\n",
        when='webhook: {connector: acme-prod, resource: RFIs, actions: [update]}\n    field: status\n    to: ["closed"]',
    )
    assert rule.needs_record
    assert rule.triggers[0].transition is not None


def test_two_triggers_share_only_the_fields_that_both_records_have() -> None:
    text = RIGHT.replace(
        "actions: [create, update]}\n", "actions: [create, update]}\n  - webhook: {connector: acme-prod, resource: Submittals}\n"
    )
    # Submittals have no status text: it is a map there, so the kinds differ and the field is untyped; assignees are RFIs' alone
    rule = load(text, "rule.yaml", KNOWN)
    assert [t.id for t in rule.triggers] == ["webhook", "webhook_2"]
    assert problems(text.replace('record.status == "open"', "record.assignees.size() > 0"))[0][2] == "TB204"


def test_a_manual_trigger_without_resource_brings_no_record() -> None:
    text = RIGHT.replace("if:\n", "  - manual: {}\nif:\n")
    assert {code for _, _, code in problems(text)} == {"TB207"}
    assert load(text.replace("manual: {}", "manual: {connector: acme-prod, resource: RFIs}"), "rule.yaml", KNOWN).needs_record


def test_a_resource_without_a_known_shape_is_open() -> None:
    from connectors import catalogue

    name = next(n for n in catalogue.names() if catalogue.subscribable(n) and catalogue.resource(n).fields is None)  # type: ignore[union-attr]
    action = catalogue.subscribable(name).actions[0]  # type: ignore[union-attr]
    rule = automation(
        'if:\n  - record.anything.at_all == "x"\ndo:\n  - {id: a, use: set, with: {x: 1}}\n',
        when=f'webhook: {{connector: acme-prod, resource: "{name}", actions: [{action}]}}',
    )
    assert rule.lines[0].kind == "BOOL"


@pytest.mark.parametrize(
    "old, new, code",
    [
        ("stage: live", "stage: off", None),
        ("stage: live", "stage: no", "TB112"),
        ("id: rfi-watch", "id: 010", "TB102"),
        ("timeout: 2m", "timeout: 9:05", "TB113"),
        ("title: Watch RFIs", "title: 1.10", "TB106"),
        ("do:\n", "do: []\nlabels:\n", "TB106"),
        ("vars: {late_after_days: 3}", "vars: {in: 3}", "TB108"),
    ],
)
def test_yaml_traps_are_read_as_written(old: str, new: str, code: str | None) -> None:
    text = RIGHT.replace(old, new, 1)
    if code is None:
        assert load(text, "rule.yaml", KNOWN).stage == "off"
    else:
        assert code in {c for _, _, c in problems(text)}


@pytest.mark.parametrize(
    "text", ["", "[]", "just text", "format: 1", "format: 1\nwhen: 3\ndo: {a: 1}\nid: x", "format: 1\nid: x\nwhen: [3]\ndo: [4]"]
)
def test_what_is_no_rule_at_all_is_a_problem_and_never_a_crash(text: str) -> None:
    assert problems(text)


def test_the_value_of_a_secret_is_not_repeated() -> None:
    with pytest.raises(Problems) as raised:
        load(RIGHT.replace('"${record.title}"', "xoxb-1234567890-abcdefghij"), "rule.yaml", KNOWN)
    assert "xoxb" not in str(raised.value)


@given(st.integers(0, len(RIGHT)), st.integers(0, 12), st.text(alphabet=" \n:-{}[]\"'$|>x1.#,&*!", max_size=4))
@settings(max_examples=150, deadline=None)
def test_whatever_is_done_to_a_rule_it_loads_or_its_problems_have_a_place(at: int, cut: int, put: str) -> None:
    found = _found(RIGHT[:at] + put + RIGHT[at + cut :])
    assert found is None or found
    assert all(p.file == "rule.yaml" and p.line >= 1 and p.column >= 1 for p in found or [])


def _found(text: str) -> list[Problem] | None:
    try:
        load(text, "rule.yaml", KNOWN)
    except Problems as problems_:
        return problems_.found
    return None


def test_a_step_without_an_id_is_called_by_its_action_and_runs() -> None:
    rule = automation("do:\n  - use: set\n    with: {a: 1}\n  - use: set\n    with: {b: '${steps.set.output.a}'}\n")
    assert [step.id for step in rule.steps] == ["set", "set_2"]
