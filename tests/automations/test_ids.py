"""Ids are text in every expression, whether or not the shape of the record is known."""

from __future__ import annotations

import pytest

from automations.definition import load
from automations.engine import run
from automations.memory import MemoryJournal
from tests.automations.given import Far, event, scope


@pytest.mark.parametrize("resource", ["RFIs", "Incidents"])
def test_ids_are_text_also_in_records_whose_shape_is_not_known(resource: str) -> None:
    # Given a rule about a record with an id beyond 32 bits, and one of the same as text
    rule = load(
        "format: 1\nid: ids\nwhen: [{webhook: {connector: acme-prod, resource: " + resource + ", actions: [update]}}]\n"
        'if: record.id == "598134320206455" && event.resource_id != record.id\n'
        "do: [{id: seen, use: set, with: {id: '${record.id}', list: '${[record.id]}', text: 'r-${record.id}'}}]\n",
        "ids.yaml",
    )
    journal = MemoryJournal()
    # When it runs
    record = {"id": 598134320206455}
    assert run(rule, scope(event=event(resource_name=resource), record=record), journal, Far()).state == "ok"
    # Then both are the same
    output = journal.results["seen"].output
    assert output == {"id": "598134320206455", "list": ["598134320206455"], "text": "r-598134320206455"}


def test_a_transition_of_an_id_is_told_by_its_text_also_where_the_shape_is_not_known() -> None:
    rule = load(
        "format: 1\nid: ids\nwhen:\n  - webhook: {connector: acme-prod, resource: Incidents, actions: [update]}\n"
        '    field: contract_id\n    to: ["51"]\ndo: [{use: set, with: {a: 1}}]\n',
        "ids.yaml",
    )
    seen = scope(
        event=event(resource_name="Incidents"), record={"id": 7, "contract_id": 51}, previous={"id": 7, "contract_id": 50}
    )
    assert run(rule, seen, MemoryJournal(), Far()).state == "ok"


def test_the_ids_of_all_events_that_a_run_may_gather_can_be_listed() -> None:
    rule = load(
        "format: 1\nid: many\nwhen: [{webhook: {connector: acme-prod, resource: RFIs, actions: [delete]}}]\n"
        "flow: {coalesce: {key: event.project_id, quiet: 1s, keep: all}}\n"
        "do: [{id: ids, use: set, with: {all: '${events.map(e, e.resource_id)}'}}]\n",
        "many.yaml",
    )
    gathered = tuple(event(action="delete", resource_id=str(number)) for number in range(300))
    journal = MemoryJournal()
    outcome = run(rule, scope(event=gathered[-1], events=gathered, record=None), journal, Far())
    assert (outcome.state, outcome.error) == ("ok", None)
    assert journal.results["ids"].output["all"] == [str(number) for number in range(300)]
