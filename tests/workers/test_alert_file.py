"""alerts.yaml: what it says, and what is said of a wrong one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.problems import Problems
from workers.alert_file import Plan, read
from workers.alert_kinds import KINDS
from workers.noticing import SEEN

WHOLE = """\
format: 1
group: 1m
repeat: never
settle: 0s
kinds:
  lag: {severity: off}
  queue: {after: 10m, severity: ticket}
  hooks: {runbook: "https://wiki.acme.example/hooks"}
routes:
  - to: [slack:ops, email:office]
  - to: http:pager
    severity: page
  - {to: teams:finance, kinds: [silence, failures]}
"""


def wrong(text: str, known: set[str] | None = None) -> list[str]:
    with pytest.raises(Problems) as raised:
        read(text, known=known)
    return [one.sentence() for one in raised.value.found]


def test_every_key_is_read() -> None:
    plan = read(WHOLE)
    assert (plan.group_s, plan.repeat_s, plan.settle_s) == (60.0, None, 0.0)
    assert plan.severity("lag", "ticket") == "off"
    assert (plan.severity("queue", "page"), plan.after_s("queue")) == ("ticket", 600.0)
    assert plan.after_s("hooks") == KINDS["hooks"].after_s
    assert plan.wish("hooks").runbook == "https://wiki.acme.example/hooks"
    assert plan.destinations("disk", "ticket", "var") == ["slack:ops", "email:office"]
    assert plan.destinations("disk", "page", "var") == ["slack:ops", "email:office", "http:pager"]
    assert plan.destinations("silence", "ticket", "rule") == ["slack:ops", "email:office", "teams:finance"]


def test_that_a_destination_fails_is_not_told_to_itself() -> None:
    plan = read(WHOLE)
    assert plan.destinations("destination", "page", "slack:ops") == ["email:office", "http:pager"]


def test_an_empty_plan_tells_nobody_and_keeps_the_usual_times() -> None:
    assert read("format: 1\n") == Plan()
    assert Plan().destinations("disk", "page", "var") == []
    assert (Plan().group_s, Plan().repeat_s, Plan().settle_s) == (30.0, 14_400.0, 300.0)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("routes: []\n", "alerts.yaml:1:1 error TB502: format is missing. Write format: 1."),
        ("format: 2\n", "alerts.yaml:1:9 error TB500: format 1 is the only one this version reads."),
        ("format: 1\ngruop: 5s\n", 'alerts.yaml:2:1 error TB501: there is no key "gruop"; did you mean "group"?'),
        (
            "format: 1\ngroup: soon\n",
            'alerts.yaml:2:8 error TB503: group: "soon" is no length of time; write a number and s, m, h or d, '
            "such as 30s or 2h.",
        ),
        ("format: 1\nrepeat: 5s\n", "alerts.yaml:2:9 error TB503: repeat is at least 1m."),
        (
            "format: 1\nkinds: {dsik: {after: 5m}}\n",
            'alerts.yaml:2:9 error TB503: there is no kind of alert "dsik"; did you mean "disk"?',
        ),
        (
            "format: 1\nkinds: {disk: {severity: pager}}\n",
            'alerts.yaml:2:26 error TB503: kinds.disk.severity "pager" is not known; did you mean "page"?',
        ),
        (
            "format: 1\nkinds: {disk: {runbook: wiki}}\n",
            "alerts.yaml:2:25 error TB503: kinds.disk.runbook is a web address; begin it with https://.",
        ),
        ("format: 1\nroutes: slack:ops\n", "alerts.yaml:2:9 error TB503: routes is a list; begin each item with a dash."),
        (
            "format: 1\nroutes:\n  - {severity: page}\n",
            "alerts.yaml:3:5 error TB502: routes.to is missing. Name a destination such as slack:site-ops, or a list of them.",
        ),
        (
            "format: 1\nroutes:\n  - {to: sql:erp}\n",
            'alerts.yaml:3:10 error TB503: "sql:erp" takes no alerts; write slack:, teams:, email: or http: and a name.',
        ),
        (
            "format: 1\nroutes:\n  - {to: slack:opps}\n",
            'alerts.yaml:3:10 error TB504: there is no destination "slack:opps"; did you mean "slack:ops"?',
        ),
        ("format: 1\nroutes:\n  - {to: [3]}\n", "alerts.yaml:3:11 error TB503: routes.to is a text or a list of texts."),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_mend(text: str, sentence: str) -> None:
    assert sentence in wrong(text, known={"slack:ops"})


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert len(wrong("format: 1\ngroup: x\nsettle: y\nroutes:\n  - {to: ftp:a}\n  - {kinds: [z]}\n")) == 5


def test_every_kind_is_looked_for_and_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/alerts.md").read_text("utf-8")
    headings = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert headings == list(KINDS)
    assert {*SEEN, "quota", "silence", "lag"} == set(KINDS)


def test_the_example_of_the_page_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs/alerts.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    plan = read(example)
    assert plan.destinations("silence", "page", "rule") == ["slack:site-ops", "email:office", "http:pager", "teams:finance"]
