"""What the reference says of actions and triggers is what the code does."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from automations import action_page, reference
from automations.actions import known_words, of_word
from automations.fields import ANY, TEXT, a_list, a_map
from automations.reference import Parameter, kind_of, schema_of, spoken
from automations.written import TRIGGERS, Duration, Strict

MAKE = "run: python -m automations.action_page"


def test_the_page_of_actions_and_the_code_say_the_same() -> None:
    assert action_page.PAGE.read_text("utf-8") == action_page.text(), MAKE


@pytest.mark.parametrize("word", known_words())
def test_every_parameter_of_an_action_is_on_the_page(word: str) -> None:
    module: Any = of_word(word)
    told = {p.name for p in reference.action(word).parameters}
    assert told == {field.alias or name for name, field in module.Params.model_fields.items()}
    section = "\n".join(action_page.section(reference.action(word)))
    assert all(f"| {name} |" in section.replace("**", "") for name in told)


@pytest.mark.parametrize("word", known_words())
def test_every_fixed_parameter_is_one(word: str) -> None:
    module: Any = of_word(word)
    fixed = {p.name for p in reference.action(word).parameters if p.fixed}
    assert fixed == set(getattr(module, "FIXED", ())) & {p.name for p in reference.action(word).parameters}


def test_an_action_is_described_by_its_code() -> None:
    # Given db.upsert
    found = reference.action("db.upsert")
    # Then its help, parameters, codes and policy are those of the file
    assert found.help.startswith("Write one row of a table")
    assert found.example.startswith("use: db.upsert")
    assert "```" not in found.help
    table = Parameter("table", "text", True, "", True, "a table of the database; names that begin with `tieback_` are refused")
    assert found.parameters[0] == table
    assert next(p for p in found.parameters if p.name == "if_newer").default == "true"
    assert found.codes == ("TB133", "TB134", "TB135", "TB136")
    assert found.policy == "row"


def test_the_kinds_of_errors_are_those_that_the_action_raises() -> None:
    assert reference.action("http.call").kinds == ("cap", "http_<status>")


def test_an_action_that_only_sometimes_has_an_effect_says_when() -> None:
    assert action_page.effect(reference.action("http.call")).startswith("by its parameters: GET only reads")


def test_every_trigger_has_help_an_example_and_parameters() -> None:
    for found in reference.triggers():
        assert found.help, found.word
        assert found.example.startswith(f"{found.word}:"), found.word
    assert [found.word for found in reference.triggers()] == list(TRIGGERS)


class Shape(Strict):
    size: Literal["s", "l"] = "s"
    wait: Duration = 120.0
    """how long"""
    names: list[str] = []
    either: str | list[str] | None = None
    number: Annotated[int, Field(ge=1)]
    inner: Inner | None = None
    free: Any = None


class Inner(BaseModel):
    a: str
    b: dict[str, int] = {}


def test_kinds_are_said_in_words() -> None:
    schema = schema_of(Shape)
    kinds = {name: kind_of(one, schema) for name, one in schema["properties"].items()}
    assert kinds == {
        "size": "`s`, `l`",
        "wait": "length of time",
        "names": "list of text",
        "either": "text or list of text",
        "number": "whole number",
        "inner": "map of `a`, `b`",
        "free": "any",
    }
    assert schema["properties"]["wait"]["default"] == "2m"
    assert schema["properties"]["wait"]["description"] == "how long"
    assert schema["required"] == ["number"]


def test_outputs_are_said_in_words() -> None:
    assert spoken(a_list(a_map(None, name=TEXT, size=ANY))) == "a list of a map (name: text, size: anything)"
    assert spoken(a_map(None, True)) == "a map, may be null"
