"""R11: a check reads. It evaluates no expression of the rule, calls nobody, starts nothing and writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automations import checking
from automations.definition import load
from tests.automations.given import KNOWN

OUTSIDE = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.remove", "os.rename", "os.mkdir", "ctypes.")

HOSTILE = """\
format: 1
id: hostile
when:
  - webhook: {connector: acme-prod, resource: RFIs, actions: [update]}
if:
  - 1 / (size(record.title) - size(record.title)) == 1
  - record.title.matches("(a+)+$")
do:
  - id: post
    use: http.call
    with: {to: http:erp, path: "/${record.id}", method: PUT, json: "${record.assignees[99].login}"}
  - use: db.upsert
    with: {table: rfis, row: "${record}"}
"""

_seen: list[str] | None = None


def _watch(event: str, args: tuple[object, ...]) -> None:
    if _seen is None:
        return
    writes = event == "open" and isinstance(args[1], str) and any(sign in args[1] for sign in "wax+")
    if writes or event.startswith(OUTSIDE):
        _seen.append(f"{event} {args[:2]}")


sys.addaudithook(_watch)


@contextmanager
def watching() -> Iterator[list[str]]:
    global _seen
    _seen = []
    try:
        yield _seen
    finally:
        _seen = None


def test_a_rule_whose_every_line_would_fail_is_only_read() -> None:
    # Given expressions that can only fail when they are evaluated
    with watching() as seen:
        rule = load(HOSTILE, "hostile.yaml", KNOWN)
    # Then it loads, because nobody evaluated them
    assert rule.id == "hostile"
    assert seen == []


def test_a_check_of_a_folder_reaches_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "hostile.yaml").write_text(HOSTILE)
    with watching() as seen:
        checked = checking.check([tmp_path], KNOWN, folder=tmp_path)
        checking.as_text(checked)
    assert [one.id for one in checked.automations] == ["hostile"]
    assert seen == []


def test_the_watch_sees_what_it_is_to_see(tmp_path: Path) -> None:
    with watching() as seen:
        (tmp_path / "x").write_text("x")
    assert seen
