"""The journal of one run of a trial: in memory, with the ledger, rows and messages shared by all runs of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from automations.journal import RowQuery
from automations.memory import MemoryJournal
from automations.outcomes import Answered, Outcome
from automations.parts import Flow
from automations.pretending import NOT_CALLED
from config.errors import Permanent

SHARED = (
    "rows", "deletions", "snapshots", "tables", "effects", "gathered", "counters", "started", "answers", "copies",
)  # fmt: skip


class Keeper(Protocol):
    """The trial, as the journal of a run asks it."""

    now: datetime
    live: dict[int, Any]

    def enter(self, run_id: int, overlap_key: str, throttle_key: str) -> Outcome | None: ...


@dataclass
class TrialJournal(MemoryJournal):
    keeper: Keeper | None = None
    run_id: int = 0
    unknown_tables: bool = field(default=False)

    def of_run(self, keeper: Keeper, run_id: int) -> TrialJournal:
        """A journal for a run, which shares what outlives runs."""
        shared = {name: getattr(self, name) for name in SHARED}
        return TrialJournal(dry=self.dry, keeper=keeper, run_id=run_id, unknown_tables=self.unknown_tables, **shared)

    @property
    def digest_until(self) -> datetime | None:
        run = self.keeper.live.get(self.run_id) if self.keeper else None
        found: datetime | None = run.digest_until if run is not None else None
        return found

    @property
    def digest_key(self) -> str:
        run = self.keeper.live.get(self.run_id) if self.keeper else None
        return (run.throttle_key or "") if run is not None else ""

    def enter(self, flow: Flow, overlap_key: str, throttle_key: str) -> Outcome | None:
        return self.keeper.enter(self.run_id, overlap_key, throttle_key) if self.keeper else None

    def answer(self, path: str) -> Answered | None:
        said, asked = self.answers.get(path), self.asked.get(path)
        if asked is None or said is not None:
            return said
        late = asked.until is not None and self.keeper is not None and self.keeper.now >= asked.until
        return Answered("") if late else None

    def stream(self, query: RowQuery) -> Generator[dict[str, Any], None, None]:
        if self.unknown_tables:
            raise Permanent(f"what stood in {query.table} is not known here", kind=NOT_CALLED)
        yield from super().stream(query)

    def take_watched(self) -> dict[str, bool]:
        taken, self.watched = self.watched, {}
        return taken
