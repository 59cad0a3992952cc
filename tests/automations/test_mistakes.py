"""Seeded mistakes, over every key of format 1: each is one line with file, line, column and mend, and no other line follows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from automations.definition import load
from automations.fields import ID, TEXT, a_map, of_value
from automations.known import Known
from automations.written import Automation, Flow, Limits, Retry, Step, Trigger
from config.problems import Problem, Problems
from tests.automations.mistakes import RIGHT

HERE = Path(__file__).parent
FULL = (HERE / "full.yaml").read_text("utf-8")
BASES = {"right": RIGHT, "full": FULL, "other": (HERE / "other.yaml").read_text("utf-8")}
BASES |= {path.stem: path.read_text("utf-8") for path in sorted((HERE / "bases").glob("*.yaml"))}
KNOWN = Known(
    connectors={"acme-prod"},
    destinations={
        "slack:site-ops", "slack:data-ops", "teams:pm-office", "email:office", "http:erp", "http:erp-events", "http:pager",
        "sql:dw", "files:exports", "ics:pm",
    },
    lookups={
        "quiet_projects": a_map("lookup.quiet_projects", id=ID),
        "consultants": a_map("lookup.consultants", discipline=TEXT, email=TEXT),
        "severities": of_value({"name": "Minor", "rank": 1}),
    },
    calendars={"us"}, automations={"submittal-watch", "close-out"},
)  # fmt: skip
ESCAPES = {r"\n": "\n", r"\t": "\t", r"\u00a0": "\u00a0", r"\u200b": "\u200b", "\\\\": "\\"}
BLOCK = re.compile(rf"({'|'.join(BASES)})\n- (.*)\n\+ (.*)\n= (.*)")


def written(text: str) -> str:
    return re.sub(r"\\n|\\t|\\u00a0|\\u200b|\\\\", lambda found: ESCAPES[found[0]], text)


def mistakes() -> Iterator[tuple[str, str, str, str]]:
    for name in ("mistakes.txt", "mistakes_of_triggers.txt"):
        for base, old, new, answer in BLOCK.findall((HERE / name).read_text("utf-8")):
            yield BASES[base], written(old), written(new), answer


def answers(text: str) -> Iterable[Problem]:
    try:
        return load(text, "rule.yaml", KNOWN).warnings
    except Problems as problems:
        return problems.found


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_the_rules_before_the_mistake_load_without_a_word(base: str) -> None:
    assert load(base, "rule.yaml", KNOWN).warnings == ()


@pytest.mark.parametrize(("base", "old", "new", "answer"), list(mistakes()))
def test_a_mistake_has_one_answer_with_its_place_and_its_mend(base: str, old: str, new: str, answer: str) -> None:
    assert old in base
    found = answers(base.replace(old, new, 1))
    # What there is besides grows with every action; the list of it is no part of the claim.
    assert [one.sentence().split("; there are ")[0] for one in found] == [f"rule.yaml:{answer}"]


def test_there_are_mistakes_of_every_key_of_format_1() -> None:
    """A key is covered when a mistake changes the line or the entry that it stands in."""
    told = " ".join(f"{old} {new}" for _, old, new, _ in mistakes())
    models = (Automation, Trigger, Step, Flow, Limits, Retry)
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()}
    covered = {key for key in keys if re.search(rf"\b{key}\b", told)}
    assert keys - covered <= {
        "config",
        "inbound",
        "run",
        "manual",
        "schedule",
        "sweep",
        "events",
        "writes",
        "deletes",
        "finally",
        "first",
        "max",
    }
    assert len(list(mistakes())) >= 60
