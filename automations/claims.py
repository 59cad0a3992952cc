"""What a test expects, held against what it saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from automations.parts import Automation
from automations.scope import SiteTables
from automations.testing import Seen, play
from automations.values import plain, shown
from automations.written_tests import Expect, Test

MOST_SHOWN = 300


@dataclass(frozen=True)
class Difference:
    """`claim` is the key of `expect:`, such as `calls.notify.send`."""

    claim: str
    expected: str
    seen: str


@dataclass(frozen=True)
class Verdict:
    """How one test ended. `why` is one line: what the automation did, or why it did nothing; `values` what its conditions saw."""

    automation: str
    test: str
    differences: tuple[Difference, ...]
    why: str
    values: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        return not self.differences


def verdicts(rule: Automation, tables: SiteTables | None = None) -> list[Verdict]:
    return [verdict(rule, test, tables) for test in rule.tests]


def verdict(rule: Automation, test: Test, tables: SiteTables | None = None) -> Verdict:
    seen = play(rule, test, tables)
    values = {path: value for line in seen.lines for path, value in line.seen.items()}
    return Verdict(rule.id, test.name, tuple(_differences(test.expect, seen, rule)), _why(seen), values)


def _why(seen: Seen) -> str:
    last = seen.last
    if last is None or not last.fired:
        return next(iter(seen.reasons), "nothing happened") if last is None or last.error is None else str(last.error["message"])
    said = f": {last.error['message']}" if last.error else f": {last.reason}" if last.reason else ""
    return f"trigger {last.trigger} fired, the run is {last.state}{said}"


def _differences(expect: Expect, seen: Seen, rule: Automation) -> Iterator[Difference]:
    last = seen.last
    yield from _same("fired", expect.fired, bool(seen.went_on))
    yield from _same("trigger", expect.trigger, last.trigger if last else None)
    yield from _same("runs", expect.runs, len(seen.went_on))
    yield from _same("state", expect.state, last.state if last else None)
    yield from _part("because", expect.because, seen.reasons)
    yield from _part("error", expect.error, [str(last.error["message"])] if last and last.error else [])
    yield from _steps(expect, seen)
    for word, count in expect.calls.items():
        yield from _same(f"calls.{word}", count, seen.pretending.calls.get(word, 0))
    yield from _rows(expect, seen, rule)
    yield from _messages(expect, seen)
    yield from _waits(expect, seen)


def _same(claim: str, expected: Any, seen: Any) -> Iterator[Difference]:
    if expected is not None and expected != seen:
        yield Difference(claim, _short(expected), _short(seen))


def _part(claim: str, expected: str | None, seen: list[str]) -> Iterator[Difference]:
    if expected is not None and not any(_plain(expected) in _plain(one) for one in seen):
        yield Difference(claim, _short(expected), " / ".join(_short(one) for one in seen) or "nothing")


def _plain(text: str) -> str:
    return " ".join(text.split())


def _steps(expect: Expect, seen: Seen) -> Iterator[Difference]:
    results = seen.last.journal.results if seen.last else {}
    for name, said in expect.steps.items():
        result = results.get(name)
        if said.status is not None:
            yield from _same(f"steps.{name}.status", said.status, result.state if result else "not run")
        if "output" in said.model_fields_set and not _within(said.output, plain(result.output) if result else None):
            yield Difference(f"steps.{name}.output", _short(said.output), _short(result.output) if result else "not run")


def _rows(expect: Expect, seen: Seen, rule: Automation) -> Iterator[Difference]:
    journal = seen.trial.shared if seen.trial else None
    written = journal.rows if journal else []
    for table, said in expect.rows.items():
        rows = [plain({**row.row, **row.columns}) for row in written if row.table == table]
        yield from _same(f"rows.{table}", said.count, len(rows))
        for wanted in said.with_ or []:
            if not any(_within(wanted, row) for row in rows):
                yield Difference(f"rows.{table}", _short(wanted), " / ".join(_short(row) for row in rows[:3]) or "no row")
    marked = Counter(one.table for one in journal.deletions) if journal else Counter()
    for table, count in expect.deleted.items():
        yield from _same(f"deleted.{table}", count, marked[table])


def _messages(expect: Expect, seen: Seen) -> Iterator[Difference]:
    told = [(to, f"{one.title} {one.text} {' '.join(item.text for item in one.items)}") for to, one in seen.pretending.told]
    for said in expect.messages or []:
        fitting = [text for to, text in told if said.to in (None, to)]
        if not any(_plain(said.contains) in _plain(text) for text in fitting):
            to = f" to {said.to}" if said.to else ""
            yield Difference("messages", f"{_short(said.contains)}{to}", " / ".join(map(_short, fitting)) or f"none{to}")
    if expect.messages == [] and told:
        yield Difference("messages", "none", " / ".join(_short(text) for _, text in told))


def _waits(expect: Expect, seen: Seen) -> Iterator[Difference]:
    waiting = [run.reason or "" for run in seen.runs if run.state == "waiting"]
    watched = [f"trigger {name}: watched" for name, _ in (seen.trial.watches.known if seen.trial else {})]
    if isinstance(expect.waits, bool):
        yield from _same("waits", expect.waits, bool(waiting))
    else:
        yield from _part("waits", expect.waits, waiting + watched)


def _within(wanted: Any, seen: Any) -> bool:
    """A mapping names only what matters; numbers and texts that are written alike are the same."""
    if isinstance(wanted, Mapping):
        return isinstance(seen, Mapping) and all(name in seen and _within(value, seen[name]) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(seen, list) and len(wanted) == len(seen) and all(map(_within, wanted, seen))
    if isinstance(wanted, bool) or isinstance(seen, bool) or wanted is None or seen is None:
        return wanted is seen
    return bool(wanted == seen or str(wanted) == str(seen))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else shown(plain(value))
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"
