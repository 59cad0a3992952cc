"""Recipes load clean for any connector."""

from __future__ import annotations

from pathlib import Path

import pytest

from automations import recipe_page, recipes, tables
from automations.definition import load
from automations.engine import run
from automations.known import Known
from automations.memory import MemoryJournal
from config import yamlfile
from config.errors import ConfigError
from connectors import destinations
from tests.automations.given import Far, event, rfi, scope

FOLDER = Path(recipes.__file__).parent
LOOKUPS, NO_LOOKUP = tables.lookups_in(FOLDER / "lookups")
CALENDARS, NO_CALENDAR = tables.calendars_in(FOLDER / "calendars")


def known(destinations: set[str]) -> Known:
    rows = {name: one.item for name, one in LOOKUPS.items()}
    return Known(connectors={"procore-sim"}, destinations=destinations, lookups=rows, calendars=set(CALENDARS))


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_loads_without_a_word_of_complaint(name: str) -> None:
    source = recipes.instantiate(name, "procore-sim")
    rule = load(source, f"{name}.yaml", known(set(recipes.described(name).destinations)))
    assert rule.id == name
    assert rule.warnings == ()
    assert rule.stage == "live"
    assert recipes.PLACEHOLDER not in source


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_says_what_it_does_what_to_change_and_how_it_fails(name: str) -> None:
    said = recipes.described(name)
    assert all([said.does, said.change, said.fails])
    assert set(said.goes_with) <= set(recipes.names())


@pytest.mark.parametrize("name", recipes.names())
def test_what_a_recipe_needs_comes_with_it_and_is_right(name: str) -> None:
    said = recipes.described(name)
    files = recipes.support(said)
    assert len(files) == len(said.needs)
    for at, source in files.items():
        if at.startswith("destinations/"):
            assert destinations.name_of(yamlfile.parse(source, at)) in said.destinations
            destinations.parse(yamlfile.parse(source, at))


def test_the_tables_and_calendars_beside_the_recipes_can_be_read_and_are_used() -> None:
    assert [*NO_LOOKUP, *NO_CALENDAR] == []
    every = [recipes.described(name) for name in recipes.names()]
    assert set(LOOKUPS) == {name for one in every for name in one.lookups}
    assert set(CALENDARS) == {name for one in every for name in one.calendars}
    there = {path.stem for path in (FOLDER / "destinations").iterdir()}
    assert there == {name.partition(":")[2] for one in every for name in one.destinations}


def test_the_page_of_recipes_is_what_their_heads_say() -> None:
    assert recipe_page.PAGE.read_text("utf-8") == recipe_page.text(), "python -m automations.recipe_page writes it"


def test_destinations_are_replaced_by_those_of_the_site() -> None:
    source = recipes.instantiate("weather-delay", "acme", {"slack:site-ops": "slack:yard"})
    assert "to: [slack:yard, teams:pm-office]" in source


def test_recipes_come_with_those_they_go_with() -> None:
    assert recipes.chosen(("invoice-to-ap",)) == ("invoice-to-ap", "payment-to-procore")


def test_a_misspelt_recipe_is_told_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match='there is no recipe "wether-delay"; did you mean "weather-delay"'):
        recipes.chosen(("wether-delay",))


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
