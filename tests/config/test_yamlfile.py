"""YAML as people mean it: no surprising values, no explosions, and a place for every complaint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.problems import Problems
from config.yamlfile import MAX_NODES, parse, read


def value(text: str) -> Any:
    return parse(f"a: {text}\n", "t.yaml").unmarked()["a"]


def complaint(text: str) -> str:
    with pytest.raises(Problems) as caught:
        parse(text, "t.yaml")
    return caught.value.found[0].sentence()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("NO", "NO"), ("on", "on"), ("yes", "yes"), ("0o10", 8), ("0x10", 16), ("9:05", "9:05"),
        ("12:30:45", "12:30:45"),
        ("1.10", 1.1), ("1e3", 1000.0), ("2026-01-01", "2026-01-01"), ("~", None), ("", None), ("true", True), ("'true'", "true"),
        ('"1"', "1"), ("1_000", "1_000"), ("-7", -7), ("9" * 39, int("9" * 39)), ("9" * 41, float("9" * 41)),
    ],
)  # fmt: skip
def test_scalars_mean_what_people_mean(text: str, meant: Any) -> None:
    assert value(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", 't.yaml:2:1 error TB102: the key "a" is written twice (first on line 1); keep one.'),
        ("a: &x 1\nb: *x\n", "t.yaml:1:4 error TB102: anchors and aliases are not accepted; write the value out, or put quotes"),
        ("<<: {a: 1}\n", "t.yaml:1:1 error TB102: merge keys (<<) are not accepted; write the keys out."),
        ("a: !foo x\n", "t.yaml:1:4 error TB102: a value cannot begin with !foo, which is a tag; put quotes"),
        ("a: !!str 1\n", "t.yaml:1:4 error TB102: the tag !!str is not accepted; take it out, and put quotes"),
        ("a: !!int [1]\n", "t.yaml:1:4 error TB102: the tag !!int is not accepted"),
        ("a: 010\n", 't.yaml:1:4 error TB102: 010 begins with a zero, which a number would lose; write "010" for text, or 10'),
        ("{a: 1}: 2\n", "t.yaml:1:1 error TB102: a key must be text; put quotes around what begins with { or ["),
    ],
)
def test_what_yaml_has_and_we_refuse(text: str, said: str) -> None:
    assert complaint(text).startswith(said)


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!!binary"])
def test_no_tag_makes_an_object(tag: str) -> None:
    assert "TB102" in complaint(f"a: {tag} [x]\n")


def test_a_tab_is_named() -> None:
    assert complaint("a:\n\tb: 1\n").endswith("indent with spaces, not tabs")


def test_an_alias_bomb_is_refused_before_it_is_built() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "anchors and aliases" in complaint(bomb)


def test_deep_nesting_is_refused() -> None:
    assert "nested deeper than 20 levels" in complaint("a: " + "[" * 5000)


def test_a_flood_of_values_is_refused() -> None:
    assert f"more than {MAX_NODES} values" in complaint("a: [" + "1," * (MAX_NODES + 10) + "]\n")


def test_a_large_file_is_refused() -> None:
    assert "larger than 256 KiB" in complaint("a: " + "x" * 300_000)


def test_a_second_document_is_refused() -> None:
    assert "one file holds one document" in complaint("a: 1\n---\nb: 2\n")


def test_marks_count_from_one() -> None:
    node = parse("a: 1\nb:\n  - c: 2\n", "t.yaml").at(["b", 0, "c"])
    assert (node.value, node.mark.line, node.mark.column) == (2, 3, 8)


def test_a_file_that_is_not_utf8_says_the_line(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"x\.yaml:2: not UTF-8 text"):
        read(tmp_path / "x.yaml", "x.yaml")


@given(st.text())
def test_any_text_is_a_value_or_a_problem(text: str) -> None:
    try:
        parse(text, "t.yaml")
    except Problems as problems:
        assert all(problem.line >= 1 and problem.message for problem in problems.found)  # noqa: PT017
