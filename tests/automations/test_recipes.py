"""Recipes load clean for any connector."""

from __future__ import annotations

import pytest

from automations import recipes
from automations.definition import load
from automations.engine import run
from automations.known import Known
from automations.memory import MemoryJournal
from tests.automations.given import Far, event, rfi, scope


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_loads_without_a_word_of_complaint(name: str) -> None:
    rule = load(recipes.instantiate(name, "procore-sim"), f"{name}.yaml", Known(connectors={"procore-sim"}, destinations=set()))
    assert rule.id == name
    assert rule.warnings == ()
    assert rule.stage == "live"
    assert recipes.PLACEHOLDER not in rule.source


@pytest.mark.parametrize("action, rows, deletions", [("create", 1, 0), ("update", 1, 0), ("delete", 0, 1)])
def test_an_rfi_ends_in_its_row_or_its_mark(action: str, rows: int, deletions: int) -> None:
    rule = load(recipes.instantiate("rfi-to-database", "acme-prod"), "r.yaml")
    journal = MemoryJournal()
    record = None if action == "delete" else rfi()
    assert run(rule, scope(event=event(action=action), record=record), journal, Far()).state == "ok"
    assert (len(journal.rows), len(journal.deletions)) == (rows, deletions)


@pytest.mark.parametrize("resource, table", [("Submittals", "submittals"), ("Punch Items", "punch_items")])
def test_each_resource_goes_to_its_own_table(resource: str, table: str) -> None:
    rule = load(recipes.instantiate("quality-to-database", "acme-prod"), "r.yaml")
    journal = MemoryJournal()
    record = {"id": 51001, "updated_at": "2026-02-02T09:00:00Z", "due_date": None}
    assert run(rule, scope(event=event(resource_name=resource), record=record), journal, Far()).state == "ok"
    assert [(r.table, r.columns) for r in journal.rows] == [(table, {"due_date": None})]


def test_an_unknown_recipe_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        recipes.text("../secrets")
