"""Long work that a person began: what it is to do, how far it has come, and what it did to each run or event."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Leased, Text64, Text200
from store.types import Key, now


class Operation(Leased, Base):
    """`state` while it goes on is that of any leased work, waiting or running; it rests as paused or stopped, and ends as
    done, cancelled or failed. `phase` says what a worker does with it next: canary, rest, or back (it is taken back).

    What an import does stands in its own row, `import_id`; this one is never claimed.
    """

    __tablename__ = "tieback_operations"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(Text64)  # retry | cancel | replay | backtest | import
    what: Mapped[dict[str, Any]]
    connectors: Mapped[list[Any] | None]  # those whose runs it may touch; None: all
    requested_by: Mapped[str] = mapped_column(Text200)
    why: Mapped[str] = mapped_column(default="")
    phase: Mapped[str] = mapped_column(Text64, default="rest")
    reason: Mapped[str | None]  # why it stands as it does, or what went wrong last
    total: Mapped[int | None] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer, default=0)
    failed: Mapped[int] = mapped_column(Integer, default=0)
    skipped: Mapped[int] = mapped_column(Integer, default=0)
    taken_back: Mapped[int] = mapped_column(Integer, default=0)
    rate: Mapped[float | None] = mapped_column(Float)  # per second; None: as fast as it goes
    canary: Mapped[int] = mapped_column(Integer, default=0)
    cursor: Mapped[int | None] = mapped_column(Key)  # the last run or event that was looked at
    paced_at: Mapped[dt.datetime | None]  # until then the rate is used up
    import_id: Mapped[int | None] = mapped_column(Key, index=True)
    result: Mapped[dict[str, Any] | None]
    starts_at: Mapped[dt.datetime] = mapped_column(default=now())  # until then it can be withdrawn and nothing happened
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    __table_args__ = (
        Index("ix_tieback_operations_due", "run_after",
              sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
        Index("ix_tieback_operations_held", "lease_until",
              sqlite_where=text("state = 'running'"), postgresql_where=text("state = 'running'")),
    )  # fmt: skip


class OperationItem(Base):
    """What an operation did to one run or event, written with the change itself. `was` is the run before, to be taken back."""

    __tablename__ = "tieback_operation_items"
    operation_id: Mapped[int] = mapped_column(ForeignKey("tieback_operations.id"), primary_key=True)
    subject_id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_id: Mapped[int | None] = mapped_column(Key, index=True)
    state: Mapped[str] = mapped_column(Text64)  # done | taken back | begun (too late to be taken back)
    was: Mapped[dict[str, Any] | None]
    __table_args__ = (Index("ix_tieback_operation_items_state", "operation_id", "state", "subject_id"),)
