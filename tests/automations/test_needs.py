"""What an automation reads of its record decides how the record has to be read."""

from __future__ import annotations

import pytest

from automations import needs
from connectors import catalogue
from tests.automations.given import automation


def rule(text: str, when: str | None = None) -> needs.Paths | None:
    return needs.paths_of(automation(text, when=when))


SET = "do:\n  - id: a\n    use: set\n    with: "


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('if: record.status == "open"\n' + SET + "{x: 1}", {"status"}),
        (SET + '{x: "${record.assignee.name}", y: ["v${record.revision}"]}', {"assignee.name", "revision"}),
        (SET + '{x: "${record.assignee}"}', {"assignee"}),
        (SET + '{x: "${record.questions.exists(q, q.plain_text_body != null)}"}', {"questions"}),
        (SET + '{x: "${previous.status}"}', {"status"}),
        (SET + '{x: "${event.key}"}', set()),
        (SET + '{x: "${record}"}', None),
        (SET + '{x: "${changed}"}', None),
    ],
)  # fmt: skip
def test_it_names_each_path_and_everything_when_the_whole_is_used(text: str, paths: set[str] | None) -> None:
    assert rule(text) == paths


def test_a_trigger_on_a_field_and_a_line_of_a_step_count_as_well() -> None:
    when = "webhook: {connector: acme-prod, resource: RFIs, actions: [update]}\n    field: status\n    to: closed"
    body = "do:\n  - id: a\n    if: record.private\n    use: set\n    with: {x: 1}"
    assert rule(body, when) == frozenset({"status", "private"})


def suffices(resource: str, text: str) -> bool:
    row = catalogue.resource(resource)
    assert row is not None
    return needs.list_suffices(row, [automation(text)])


def test_a_list_that_lacks_fields_serves_the_rules_that_do_not_name_them() -> None:
    assert suffices("RFIs", SET + '{x: "${record.status}"}')
    assert not suffices("RFIs", SET + '{x: "${record.drawing_ids}"}')
    assert not suffices("RFIs", SET + '{x: "${record.custom_textfield_1.value}"}')
    assert not suffices("RFIs", SET + '{x: "${record}"}')


def test_a_list_as_full_as_show_serves_every_rule() -> None:
    assert suffices("Punch Items", SET + '{x: "${record}"}')


@pytest.mark.parametrize("resource", ["Change Events", "Incidents", "RFI Replies", "Manpower Logs", "ToDos"])
def test_without_an_id_filter_or_known_fields_nothing_is_read_by_the_list(resource: str) -> None:
    assert not suffices(resource, SET + '{x: "${record.id}"}')


def test_where_there_is_no_show_the_list_is_all_there_is() -> None:
    assert suffices("Submittal Packages", SET + '{x: "${record}"}')
