"""Run one file action on rows that a test gives, and look at the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.errors import LostLease
from tests.automations.given import Far, automation, event, scope

# Whatever a record may hold, once each.
RUBBISH: dict[str, Any] = {
    "nan": float("nan"), "inf": float("-inf"), "half": "a\ud800b", "nul": "a\x00b", "huge": 10**400, "bytes": b"\x00\xff",
    "nested": {"a": [1, {"b": None}]}, "list": [], "none": None, "true": True, "text": "x" * 40_000,
    "breaks": 'say "hi",\r\nor not', "tiny": 1e-7, "exact": 0.1, "large": 2**53 + 1,
}  # fmt: skip


class Desk:
    """A journal with tables, a files root, and one automation with one step."""

    def __init__(self, root: Path, rows: list[dict[str, Any]] | None = None, **tables: list[dict[str, Any]]):
        self.root = root / "files"
        self.far = Far(root=self.root)
        self.journal = MemoryJournal(tables={"things": rows or [], **tables})

    def run(self, word: str, parameters: str, *, key: str = "e1", journal: MemoryJournal | None = None) -> Outcome:
        rule = automation(f"do:\n  - {{id: write, use: {word}, with: {{{parameters}}}}}\n")
        self.journal.results.clear()
        return run(rule, scope(event=event(key=key)), journal or self.journal, self.far)

    def output(self, word: str, parameters: str, **given: Any) -> dict[str, Any]:
        outcome = self.run(word, parameters, **given)
        assert outcome.state == "ok", outcome
        found: dict[str, Any] = self.journal.results["write"].output
        return found

    def error(self, word: str, parameters: str, **given: Any) -> dict[str, Any]:
        outcome = self.run(word, parameters, **given)
        assert outcome.error is not None, outcome
        return dict(outcome.error)

    def bytes_of(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def crash(self, word: str, parameters: str, **given: Any) -> None:
        """The step is done, and its process dies before anything of that is kept."""

        class Dying(MemoryJournal):
            def finish(self, result: Any) -> None:
                raise LostLease("died here")

        dying = Dying(tables=self.journal.tables, effects=self.journal.effects)
        try:
            self.run(word, parameters, journal=dying, **given)
        except LostLease:
            return
        raise AssertionError("it did not die")
