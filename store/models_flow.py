"""What keeps time and order: schedules, what a trigger watches, questions to people, alerts, events that share a run."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Text64, Text200
from store.types import Json, Key, now


class RunEvent(Base):
    """An event that was gathered into a run with others."""

    __tablename__ = "tieback_run_events"
    run_id: Mapped[int] = mapped_column(ForeignKey("tieback_runs.id"), primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("tieback_events.id"), primary_key=True)
    automation: Mapped[str] = mapped_column(Text64)
    __table_args__ = (UniqueConstraint("event_id", "automation", name="ux_tieback_run_events_once"),)


class Schedule(Base):
    """When a trigger of an automation is due next, in one zone. `name` is `automation/trigger/zone`."""

    __tablename__ = "tieback_schedules"
    name: Mapped[str] = mapped_column(Text200, primary_key=True)
    automation: Mapped[str] = mapped_column(Text64, index=True)
    trigger: Mapped[str] = mapped_column(Text64)
    zone: Mapped[str] = mapped_column(Text64)
    written: Mapped[str]  # as the rule says it, such as `10 2 * * *`
    next_at: Mapped[dt.datetime]
    last_at: Mapped[dt.datetime | None]
    reason: Mapped[str | None]  # what came of the last time
    held: Mapped[dict[str, Any] | None]  # by, reason, at, until: a person lets its times pass
    created_at: Mapped[dt.datetime] = mapped_column(default=now())


class Watch(Base):
    """A record for which a trigger's condition holds since `since`: it fires once that has lasted, perhaps again and again."""

    __tablename__ = "tieback_watches"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    automation: Mapped[str] = mapped_column(Text64)
    trigger: Mapped[str] = mapped_column(Text64)
    connector: Mapped[str] = mapped_column(Text64)
    resource: Mapped[str] = mapped_column(Text200)
    record_id: Mapped[str] = mapped_column(Text64)
    since: Mapped[dt.datetime] = mapped_column(default=now())
    due_at: Mapped[dt.datetime | None] = mapped_column(index=True)  # None: it has fired and is not repeated
    fired_at: Mapped[dt.datetime | None]
    fired: Mapped[int] = mapped_column(Integer, default=0)
    __table_args__ = (
        UniqueConstraint("automation", "trigger", "connector", "resource", "record_id", name="ux_tieback_watches_record"),
    )


class Approval(Base):
    """A question of a run to people. `state` is open, answered or expired."""

    __tablename__ = "tieback_approvals"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("tieback_runs.id"))
    path: Mapped[str] = mapped_column(Text200)
    automation: Mapped[str] = mapped_column(Text64)
    question: Mapped[str]
    choices: Mapped[list[Any]]
    about: Mapped[Any | None] = mapped_column(Json)
    until: Mapped[dt.datetime | None]
    state: Mapped[str] = mapped_column(Text64, default="open", index=True)
    choice: Mapped[str | None] = mapped_column(Text64)
    answered_by: Mapped[str | None] = mapped_column(Text200)
    answered_at: Mapped[dt.datetime | None]
    note: Mapped[str | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    __table_args__ = (UniqueConstraint("run_id", "path", name="ux_tieback_approvals_step"),)


class Alert(Base):
    """Something that is not as it should be, from when it was noticed until it was over.

    States: pending (not yet for long enough to be told), open, resolved. `over_at` is since when an open one is not seen
    any more, `times` how often it came back. `severity` is one of `workers.alert_kinds`.
    """

    __tablename__ = "tieback_alerts"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(Text64)
    subject: Mapped[str] = mapped_column(Text200)
    message: Mapped[str]
    severity: Mapped[str] = mapped_column(Text64, default="ticket")
    runbook: Mapped[str | None]
    state: Mapped[str] = mapped_column(Text64, default="open")
    since: Mapped[dt.datetime] = mapped_column(default=now())
    over_at: Mapped[dt.datetime | None]
    times: Mapped[int] = mapped_column(Integer, default=0)
    resolved_at: Mapped[dt.datetime | None]
    acked_by: Mapped[str | None] = mapped_column(Text200)
    acked_at: Mapped[dt.datetime | None]
    note: Mapped[str | None]
    __table_args__ = (
        Index("ix_tieback_alerts_subject", "kind", "subject", "state"),
        Index("ux_tieback_alerts_open", "kind", "subject", unique=True,
              sqlite_where=text("state <> 'resolved'"), postgresql_where=text("state <> 'resolved'")),
        Index("ix_tieback_alerts_resolved", "resolved_at"),
    )  # fmt: skip


class Notice(Base):
    """That an alert is told to one destination: its begin, its end, or that it lasts (`number` counts these).

    States: waiting, sent, dropped. `message` names all that goes out together, the same at every try.
    """

    __tablename__ = "tieback_notices"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("tieback_alerts.id"))
    destination: Mapped[str] = mapped_column(Text200)
    what: Mapped[str] = mapped_column(Text64)  # begin | again | end
    number: Mapped[int] = mapped_column(Integer, default=0)
    state: Mapped[str] = mapped_column(Text64, default="waiting")
    message: Mapped[str | None] = mapped_column(Text64)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    ended_at: Mapped[dt.datetime | None]
    __table_args__ = (
        UniqueConstraint("alert_id", "destination", "what", "number", name="ux_tieback_notices_once"),
        Index("ix_tieback_notices_destination", "destination", "state", "ended_at"),
    )
