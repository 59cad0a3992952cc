"""docs/rules/guide.md: its rules load, and its answers are those of the check."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from automations import checking, tables
from automations.definition import load
from automations.known import Known
from config.problems import Problems

PAGE = (Path(__file__).parents[2] / "docs" / "rules" / "guide.md").read_text("utf-8")
RULES = re.findall(r"```yaml\n(format: 1.*?)```", PAGE, re.DOTALL)
TABLE = tables.table(re.search(r"```\n(discipline,.*?)```", PAGE, re.DOTALL)[1], "lookups/consultants.csv")  # type: ignore[index]
KNOWN = Known(connectors={"acme-prod"}, destinations={"email:office"}, lookups={TABLE.name: TABLE.item})


@pytest.mark.parametrize("text", RULES, ids=range(len(RULES)))
def test_every_rule_of_the_guide_loads_without_a_word(text: str) -> None:
    assert load(text, "rfi-closed.yaml", KNOWN).warnings == ()


def test_the_tests_of_the_guide_are_part_of_its_rule() -> None:
    tests = re.search(r"```yaml\n(tests:.*?)```", PAGE, re.DOTALL)
    assert tests
    assert len(load(RULES[-1] + tests[1], "rfi-closed.yaml", KNOWN).tests) == 2


def test_the_slip_of_the_guide_is_answered_as_it_says(tmp_path: Path) -> None:
    # Given the first rule with the slip
    (tmp_path / "automations").mkdir()
    (tmp_path / "automations/rfi-closed.yaml").write_text(RULES[0].replace("record.title", "record.titel"))
    # When it is checked
    said = checking.as_text(checking.check([tmp_path], KNOWN, folder=tmp_path))
    # Then the answer is the one on the page
    assert said in PAGE


def test_a_misspelt_column_of_the_table_is_an_error() -> None:
    with pytest.raises(Problems, match="consultants"):
        load(RULES[-1].replace("c.discipline", "c.disciplin"), "rfi-closed.yaml", KNOWN)
