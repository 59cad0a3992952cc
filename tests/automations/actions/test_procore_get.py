"""procore.get: what is asked of Procore."""

from __future__ import annotations

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from config.problems import Problems
from tests.automations.given import Far, automation, scope


def test_the_record_is_read_with_the_events_connector_and_project() -> None:
    rule = automation("do:\n  - {id: a, use: procore.get, with: {resource: Projects, id: '${event.project_id}'}}\n")
    journal, far = MemoryJournal(), Far(records={("Projects", "598134000002001"): {"id": 598134000002001, "name": "Harbor"}})
    assert run(rule, scope(), journal, far).state == "ok"
    assert far.asked == [{"resource": "Projects", "id": "598134000002001", "project_id": "598134000002001", "parent": None}]
    assert journal.results["a"].output["name"] == "Harbor"


def test_a_number_as_id_is_text() -> None:
    rule = automation("do:\n  - {id: a, use: procore.get, with: {resource: Projects, id: 7, project_id: 9}}\n")
    far = Far(records={("Projects", "7"): {}})
    run(rule, scope(), MemoryJournal(), far)
    assert (far.asked[0]["id"], far.asked[0]["project_id"]) == ("7", "9")


def test_its_output_has_the_fields_of_the_resource() -> None:
    get = "{id: a, use: procore.get, with: {resource: Projects, id: 7}}"
    with pytest.raises(Problems, match='did you mean "name"'):
        automation(f"do:\n  - {get}\n  - {{id: b, if: steps.a.output.nmae == 'x', use: set, with: {{n: 1}}}}\n")


@pytest.mark.parametrize("more, code", [("connector: acme-pord", "TB120"), ("resource: '${event.resource_name}'", "TB133")])
def test_names_are_written_out_and_known(more: str, code: str) -> None:
    given = {"resource": "resource: Projects", "id": "id: 7"} | {more.split(":")[0]: more}
    with pytest.raises(Problems) as raised:
        automation(f"do:\n  - {{id: a, use: procore.get, with: {{{', '.join(given.values())}}}}}\n")
    assert [p.code for p in raised.value.found] == [code]
