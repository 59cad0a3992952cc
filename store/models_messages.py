"""What rules say and count: messages that wait for a digest, and counters."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Double, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Text64, Text200
from store.types import Key, now


class Gathered(Base):
    """One message that is said in a digest. `bundle` names all that go out together, `digest` the effect that sends them."""

    __tablename__ = "tieback_gathered"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    effect_key: Mapped[str] = mapped_column(Text64, unique=True)
    bundle: Mapped[str] = mapped_column(Text200)
    run_id: Mapped[int] = mapped_column(ForeignKey("tieback_runs.id"), index=True)
    automation: Mapped[str] = mapped_column(Text200)
    destination: Mapped[str] = mapped_column(Text200)
    message: Mapped[dict[str, Any]]
    until: Mapped[dt.datetime]
    digest: Mapped[str | None] = mapped_column(Text64)
    gathered_at: Mapped[dt.datetime] = mapped_column(default=now())
    sent_at: Mapped[dt.datetime | None]
    __table_args__ = (
        Index("ix_tieback_gathered_unsent", "bundle", "id",
              sqlite_where=text("sent_at IS NULL"), postgresql_where=text("sent_at IS NULL")),
    )  # fmt: skip


class Counter(Base):
    """What a rule counts. `series` is the hash of name and labels."""

    __tablename__ = "tieback_counters"
    series: Mapped[str] = mapped_column(Text64, primary_key=True)
    name: Mapped[str] = mapped_column(Text64, index=True)
    labels: Mapped[dict[str, Any]]
    value: Mapped[float] = mapped_column(Double)
    updated_at: Mapped[dt.datetime] = mapped_column(default=now(), onupdate=now())
