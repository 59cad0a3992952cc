"""What every table of ours has in common."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from store.types import Bytes, Instant, Json

Text64 = String(64)
Text200 = String(200)


class Base(DeclarativeBase):
    type_annotation_map = {dt.datetime: Instant(), str: Text(), dict[str, Any]: Json, list[Any]: Json, bytes: Bytes}


class Leased:
    """Work that one worker holds at a time. `fence` grows at each claim; a late commit with an old one matches nothing.

    `attempt` counts claims that were not given back, `lost` those whose holder vanished.
    `run_after` None means: not due until something else happens.
    """

    state: Mapped[str] = mapped_column(Text64, default="waiting")
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    lost: Mapped[int] = mapped_column(Integer, default=0)
    fence: Mapped[int] = mapped_column(Integer, default=0)
    holder: Mapped[str | None] = mapped_column(Text200)
    lease_until: Mapped[dt.datetime | None]
    run_after: Mapped[dt.datetime | None]
    rung_at: Mapped[dt.datetime | None]
    lane: Mapped[str] = mapped_column(Text64, default="webhook")
