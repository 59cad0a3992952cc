"""Whether the work of a lane may be taken: a condition that every claim and every ring carries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select

from store.models import Pause
from store.types import now


def in_force() -> ColumnElement[bool]:
    return or_(Pause.until.is_(None), Pause.until > now())


def lane_is_open(lane: Any) -> ColumnElement[bool]:
    """A condition on rows whose lane is the column `lane`."""
    return ~exists(select(Pause.lane).where(Pause.lane == lane, in_force()))
