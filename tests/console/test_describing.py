"""`tieback rules schema`: what rules are made of, for people and for editors."""

from __future__ import annotations

from tests.console.conftest import Tieback


def test_the_actions_are_listed_with_their_parameters(tieback: Tieback) -> None:
    rows = {row["name"]: row for row in tieback("rules", "schema", "actions", "--json").json()}
    assert rows["db.upsert"]["parameters"][:2] == ["table", "row"]
    assert "db.upsert" in tieback("rules", "schema", "actions").out
    assert len(tieback("rules", "schema", "actions", "--json", "--limit", "2").json()) == 2


def test_one_action_is_told_with_its_example_and_schema(tieback: Tieback) -> None:
    said = tieback("rules", "schema", "actions", "db.upsert").out
    assert "use: db.upsert" in said
    assert "table" in said
    assert "JSON Schema:" in said
    assert tieback("rules", "schema", "actions", "db.upsert", "--json").json()["schema"]["required"] == ["table", "row"]


def test_one_trigger_is_told_with_its_example(tieback: Tieback) -> None:
    assert "resource: RFIs" in tieback("rules", "schema", "triggers", "webhook").out
    assert "webhook" in [row["name"] for row in tieback("rules", "schema", "triggers", "--json").json()]


def test_an_unknown_word_is_answered_with_the_nearest(tieback: Tieback) -> None:
    said = tieback("rules", "schema", "actions", "db.upsrt")
    assert said.code == 2
    assert 'there is no action "db.upsrt"; did you mean "db.upsert"?' in said.err


def test_the_schema_of_a_whole_file_is_for_editors(tieback: Tieback) -> None:
    whole = tieback("rules", "schema", "--json").json()
    assert whole["$schema"].startswith("https://json-schema.org/draft/2020-12")
    assert set(whole["required"]) == {"format", "id", "when", "do"}
    assert "tieback rules schema --json" in tieback("rules", "schema").out
