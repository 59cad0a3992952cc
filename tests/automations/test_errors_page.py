"""docs/rules/errors.md: a paragraph for every code, whose wrong example is answered with it and whose right example loads."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

from automations.definition import load
from automations.known import Known
from config.problems import Problem, Problems

PAGE = (Path(__file__).parents[2] / "docs" / "rules" / "errors.md").read_text("utf-8")
KNOWN = Known(
    connectors={"acme-prod"}, destinations={"slack:site-ops", "http:erp"}, calendars={"us"}, automations={"submittal-watch"},
    lookups={},
)  # fmt: skip
RULE = re.search(r"```yaml\n(format: 1.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]
TOLD = dict(re.findall(r"^### (TB\d{3})\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL))
# They are about more than one rule, about a file as such, or about what a version cannot do yet; other tests show them.
WITHOUT = {"TB103", "TB110", "TB116", "TB125", "TB139", "TB180"}


def changed(right: list[str], lines: list[str]) -> str:
    """The rule with the line that is most like the right one replaced; a line of `if:` is always its one line."""
    if re.match(r"  - (?!\w+:)", right[0]):
        return RULE.replace('  - record.number != ""', lines[0], 1)
    like = max(RULE.splitlines(), key=lambda one: difflib.SequenceMatcher(None, one, right[0], autojunk=False).ratio())
    return RULE.replace(like, lines[0], 1)


def examples(code: str) -> tuple[str, str] | None:
    text = TOLD[code]
    blocks = dict(re.findall(r"```yaml (wrong|right)\n(.*?)```", text, re.DOTALL))
    if blocks:
        return blocks["wrong"], blocks["right"]
    diff = re.search(r"```diff\n(.*?)```", text, re.DOTALL)
    if diff is None:
        return None
    lines = diff[1].splitlines()
    wrong, right = ([line[2:] for line in lines if line.startswith(sign)] for sign in "-+")
    return changed(right, wrong), changed(right, right)


def said(text: str) -> list[Problem]:
    try:
        return list(load(text, "rule.yaml", KNOWN).warnings)
    except Problems as problems:
        return problems.found


def test_every_code_of_the_table_has_its_paragraph() -> None:
    assert list(TOLD) == re.findall(r"^\| (TB\d{3}) \|", PAGE, re.MULTILINE)


def test_the_rule_of_the_examples_loads_without_a_word() -> None:
    assert said(RULE) == []


@pytest.mark.parametrize("code", [code for code in TOLD if code not in WITHOUT])
def test_the_wrong_example_is_answered_with_its_code_and_the_right_one_loads(code: str) -> None:
    wrong, right = examples(code) or ("", "")
    assert {one.code for one in said(wrong)} == {code}, said(wrong)
    assert said(right) == []
