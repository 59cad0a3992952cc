"""Tables about what automations change outside, beside the ledger: own writes, caps, plans of hooks.

They name runs and events without holding them: a run that is purged takes nothing of this with it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Text64, Text200
from store.types import Key, now


class OwnWrite(Base):
    """A record that a run of ours wrote at Procore. `body` and `record_hash` are what Procore answered, None while nobody
    has; `said_at` is its `updated_at`. `event_id` is the event that told us of this write, once it came.

    `path` are the automations that led here, this one last; `hop` is how many of our writes lie between it and the outside.
    """

    __tablename__ = "tieback_own_writes"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    effect_key: Mapped[str] = mapped_column(Text64)
    run_id: Mapped[int] = mapped_column(Key)
    automation: Mapped[str] = mapped_column(Text200)
    connector: Mapped[str] = mapped_column(Text64)
    company_id: Mapped[str] = mapped_column(Text64)
    resource: Mapped[str] = mapped_column(Text200)
    record_id: Mapped[str] = mapped_column(Text64, default="")  # "" until Procore gave it
    project_id: Mapped[str] = mapped_column(Text64, default="")
    parent_id: Mapped[str] = mapped_column(Text64, default="")
    hop: Mapped[int] = mapped_column(Integer, default=0)
    path: Mapped[list[Any]]
    record_hash: Mapped[str | None] = mapped_column(Text64)
    body: Mapped[dict[str, Any] | None]
    said_at: Mapped[dt.datetime | None]
    event_id: Mapped[int | None] = mapped_column(Key)
    user_id: Mapped[str | None] = mapped_column(Text64)  # who that event says it was
    at: Mapped[dt.datetime] = mapped_column(default=now(), index=True)
    __table_args__ = (
        UniqueConstraint("effect_key", "record_id", name="ux_tieback_own_writes_effect"),
        Index("ix_tieback_own_writes_record", "company_id", "record_id", "at"),
        Index("ix_tieback_own_writes_parent", "company_id", "parent_id", "at"),
    )


class Spent(Base):
    """What an effect took of its automation's cap, and how much it wanted: the rest is held back."""

    __tablename__ = "tieback_spent"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    automation: Mapped[str] = mapped_column(Text200)
    kind: Mapped[str] = mapped_column(Text64)  # writes | deletes
    effect_key: Mapped[str] = mapped_column(Text64)
    run_id: Mapped[int | None] = mapped_column(Key)
    wanted: Mapped[int] = mapped_column(Integer)
    granted: Mapped[int] = mapped_column(Integer)
    what: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(default=now(), index=True)
    __table_args__ = (
        UniqueConstraint("automation", "kind", "effect_key", name="ux_tieback_spent_effect"),
        Index("ix_tieback_spent_window", "automation", "kind", "at"),
    )


class HookPlan(Base):
    """Changes of hooks that a run planned, to be applied by it once somebody agrees."""

    __tablename__ = "tieback_hook_plans"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_id: Mapped[int] = mapped_column(Key)
    step: Mapped[str] = mapped_column(Text200)
    changes: Mapped[dict[str, Any]]  # connector -> what is to be done there
    at: Mapped[dt.datetime] = mapped_column(default=now())
