"""The pages of docs/rules/ say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from automations import claims, event, naming, written, written_tests
from automations.definition import load
from automations.parts import Automation
from tests.automations.given import KNOWN

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "rules"
CODE = re.compile(r'"(TB[12]\d\d)"')


def test_every_error_code_is_in_the_docs_and_no_other() -> None:
    files = [*(ROOT / "automations").rglob("*.py"), *(ROOT / "config").glob("*.py")]
    said = {code for path in files for code in CODE.findall(path.read_text("utf-8"))}
    told = re.findall(r"^\| (TB\d{3}) \|", (DOCS / "errors.md").read_text("utf-8"), re.MULTILINE)
    assert told == sorted(said)


def _example() -> Automation:
    found = re.search(r"```yaml\n(format: 1.*?)```", (DOCS / "language.md").read_text("utf-8"), re.DOTALL)
    assert found
    return load(found.group(1), "language.md", KNOWN)


def test_the_example_of_the_language_loads() -> None:
    assert _example().triggers[0].transition is not None


def test_every_key_and_name_is_in_the_docs() -> None:
    page = (DOCS / "language.md").read_text("utf-8")
    keys = {f.alias or n for n, f in written.Automation.model_fields.items()}
    names = set(naming.RUN.fields or {})
    for kind in written.TRIGGERS:
        names |= set(event.field_of({kind}).fields or {})
    for name in ("Trigger", "Schedule", "Sweep", "Step", "Flow", "Coalesce", "Overlap", "Throttle", "Expect", "Limits", "Retry"):
        keys |= {f.alias or n for n, f in getattr(written, name).model_fields.items()}
    for word in keys | names | set(written.TRIGGERS):
        assert re.search(rf"\b{word}\b", page), word


def test_the_example_of_the_tests_holds_and_every_key_of_a_test_is_in_the_docs() -> None:
    page = (DOCS / "tests.md").read_text("utf-8")
    found = re.search(r"```yaml\n(format: 1.*?)```", page, re.DOTALL)
    assert found
    told = claims.verdicts(load(found.group(1), "tests.md", KNOWN))
    assert [one.ok for one in told] == [True, True]
    for model in (written_tests.Given, written_tests.Then, written_tests.Expect, written_tests.Answer):
        for name, field in model.model_fields.items():
            if name not in ("choice", "by", "note"):  # the short form says the choice
                assert re.search(rf"\b{field.alias or name}\b", page), name
