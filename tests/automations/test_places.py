"""A mistake inside a YAML value is shown where it stands, whatever style the value is written in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.places import place
from config import yamlfile
from config.errors import ConfigError

HERE = "stauts"


@pytest.mark.parametrize(
    "text",
    [
        "a: record.stauts",
        "a:   'record.stauts'",
        'a: "record.stauts"',
        'a: "x\\"\\u00e9 \\\\ record.stauts"',
        "a: 'it''s record.stauts'",
        "a: >-\n  one two\n  three record.stauts\n  four",
        "a: |\n  one\n\n    deeper record.stauts\n",
        "a: one\n  two record.stauts",
        'a: "one\n  two record.stauts"',
        "a: 'one\n\n  two record.stauts'",
        'a: "one \\\n  two record.stauts"',
        "- {a: 1, b: record.stauts}",
        "a: é😀 record.stauts",
    ],
)
def test_the_mark_stands_on_the_word(text: str) -> None:
    # Given a value in some YAML style
    node = yamlfile.parse(text, "f.yaml")
    value = node.value[0].value["b"] if isinstance(node.value, list) else node.value["a"]
    # When the place of a word in it is asked for
    mark = place(text, value, value.value.index(HERE))
    # Then it is where the word stands in the file
    assert text.splitlines()[mark.line - 1][mark.column - 1 :].startswith(HERE)


@given(st.text(max_size=60), st.integers(0, 80))
def test_any_value_has_some_place(text: str, offset: int) -> None:
    source = f'a: "{text}"'
    try:
        node = yamlfile.parse(source, "f.yaml")
    except ConfigError:
        return
    mark = place(source, node.value["a"], offset)
    assert 1 <= mark.line <= source.count("\n") + 1
