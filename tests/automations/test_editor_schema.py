"""The JSON Schema for editors accepts what the check accepts, and underlines what is misspelt."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from automations import recipes, reference
from automations.actions import known_words
from automations.editor_schema import DRAFT, schema
from config import yamlfile
from tests.automations.mistakes import RIGHT

HEAD = "format: 1\nid: rule\nwhen:\n  - manual: {}\n"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def wrong(validator: Draft202012Validator, text: str) -> list[str]:
    value: Any = yamlfile.parse(text, "rule.yaml").unmarked()
    # As editors do: where one of several forms is due, the place inside the form that fits best is underlined.
    return sorted({path for error in validator.iter_errors(value) for path in deepest(error)})


def deepest(error: ValidationError) -> list[str]:
    return [path for inner in error.context or [] for path in deepest(inner)] + [error.json_path]


def test_it_is_a_schema_of_the_draft_that_it_names() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == DRAFT


@pytest.mark.parametrize("path", sorted(Path(recipes.__file__).parent.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_is_accepted(validator: Draft202012Validator, path: Path) -> None:
    assert wrong(validator, path.read_text("utf-8")) == []


@pytest.mark.parametrize("word", known_words())
def test_every_example_of_an_action_is_accepted(validator: Draft202012Validator, word: str) -> None:
    step = textwrap.indent(reference.action(word).example, "    ")
    assert wrong(validator, f"{HEAD}do:\n  - id: it\n{step}") == []


@pytest.mark.parametrize("kind", [one.word for one in reference.triggers()])
def test_every_example_of_a_trigger_is_accepted(validator: Draft202012Validator, kind: str) -> None:
    example = textwrap.indent(reference.trigger(kind).example, "    ")
    assert wrong(validator, f"format: 1\nid: rule\nwhen:\n  - id: it\n{example}do:\n  - use: set\n") == []


def test_the_right_rule_is_accepted(validator: Draft202012Validator) -> None:
    assert wrong(validator, RIGHT) == []


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("title: Watch", "titel: Watch", "$"),
        ("stage: live", "stage: lve", "$.stage"),
        ("timeout: 2m", "timeout: 120", "$.limits.timeout"),
        ("use: db.upsert", "use: db.upsrt", "$.do[1].use"),
        ("{table: rfis,", "{tabel: rfis,", "$.do[1].with"),
        ("attempts: 8", "attempts: 800", "$.retry.attempts"),
        ("- webhook:", "- webhok:", "$.when[0]"),
        ("actions: [create, update]", "actions: [created]", "$.when[0].webhook.actions[0]"),
        ("path: /rfis", "method: FETCH\n      path: /rfis", "$.do[2].with.method"),
    ],
)
def test_a_mistake_is_underlined_where_it_stands(validator: Draft202012Validator, old: str, new: str, at: str) -> None:
    assert at in wrong(validator, RIGHT.replace(old, new))


def test_a_template_stands_for_any_value_that_need_not_be_written_out(validator: Draft202012Validator) -> None:
    step = 'do:\n  - use: http.call\n    with: {to: http:erp, path: /x, expect: ["${vars.a}"], headers: "${vars.b}"}\n'
    assert wrong(validator, HEAD + step) == []
    assert wrong(validator, HEAD + step.replace('["${vars.a}"]', "[many]")) == ["$.do[0].with.expect", "$.do[0].with.expect[0]"]
