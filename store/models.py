"""Our own tables. Users' tables are not here: `store/tables.py` makes them as rules ask for them.

What is queued (deliveries, fetches, runs, timers, imports) is a row with a state; what a worker holds carries
`fence` and `lease_until`. `docs/architecture.md` draws how a change travels through them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base as Base
from store.base import Leased, Text64, Text200
from store.models_console import Attempt as Attempt
from store.models_console import Cause as Cause
from store.models_console import Drain as Drain
from store.models_console import Limit as Limit
from store.models_console import Pause as Pause
from store.models_console import Session as Session
from store.models_console import SignIn as SignIn
from store.models_console import User as User
from store.models_effects import HookPlan as HookPlan
from store.models_effects import OwnWrite as OwnWrite
from store.models_effects import Spent as Spent
from store.models_flow import Alert as Alert
from store.models_flow import Approval as Approval
from store.models_flow import Notice as Notice
from store.models_flow import RunEvent as RunEvent
from store.models_flow import Schedule as Schedule
from store.models_flow import Watch as Watch
from store.models_messages import Counter as Counter
from store.models_messages import Gathered as Gathered
from store.models_operations import Operation as Operation
from store.models_operations import OperationItem as OperationItem
from store.models_procore import Call as Call
from store.models_procore import Connector as Connector
from store.models_procore import Cursor as Cursor
from store.models_procore import Hook as Hook
from store.models_procore import Import as Import
from store.models_procore import ImportPart as ImportPart
from store.models_procore import Project as Project
from store.models_procore import Quota as Quota
from store.models_procore import Repair as Repair
from store.models_procore import Token as Token
from store.models_procore import Unavailable as Unavailable
from store.types import Json, Key, now


class Delivery(Base):
    """One POST, as it came. `delivery_key` is the event's id when it can be read, else the SHA-256 of the bytes."""

    __tablename__ = "tieback_deliveries"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    connector: Mapped[str] = mapped_column(Text64)
    hook_key: Mapped[str] = mapped_column(Text64)
    delivery_key: Mapped[str] = mapped_column(Text200)
    raw: Mapped[bytes]
    content_type: Mapped[str] = mapped_column(Text200, default="")
    state: Mapped[str] = mapped_column(Text64, default="received")  # received | sorted | ignored | quarantined
    reason: Mapped[str | None]
    received_at: Mapped[dt.datetime] = mapped_column(default=now())
    sorted_at: Mapped[dt.datetime | None]
    rung_at: Mapped[dt.datetime | None]
    lost: Mapped[int] = mapped_column(Integer, default=0)
    __table_args__ = (
        UniqueConstraint("connector", "delivery_key", name="ux_tieback_deliveries_key"),
        Index("ix_tieback_deliveries_due", "id",
              sqlite_where=text("state = 'received'"), postgresql_where=text("state = 'received'")),
        Index("ix_tieback_deliveries_received_at", "received_at"),
    )  # fmt: skip


class Event(Base):
    """What a delivery (or a schedule, a sweep, a person) says, in canonical form. Ids are text."""

    __tablename__ = "tieback_events"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    connector: Mapped[str] = mapped_column(Text64)
    event_key: Mapped[str] = mapped_column(Text200)
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("tieback_deliveries.id"), index=True)
    source: Mapped[str] = mapped_column(Text64)
    action: Mapped[str] = mapped_column(Text64)
    resource_name: Mapped[str] = mapped_column(Text200)
    resource_id: Mapped[str] = mapped_column(Text64)
    company_id: Mapped[str] = mapped_column(Text64)
    project_id: Mapped[str] = mapped_column(Text64)
    user_id: Mapped[str] = mapped_column(Text64)
    app_id: Mapped[str] = mapped_column(Text200)
    timestamp: Mapped[dt.datetime]
    payload_version: Mapped[str] = mapped_column(Text64)
    parent: Mapped[dict[str, Any] | None]
    body: Mapped[dict[str, Any] | None]
    state: Mapped[str] = mapped_column(Text64)  # matched | ignored | unsupported | quarantined
    reason: Mapped[str | None]
    reasons: Mapped[dict[str, Any] | None]  # automation -> why it did not run
    hop: Mapped[int] = mapped_column(Integer, default=0)
    traceparent: Mapped[str | None] = mapped_column(Text64)  # W3C; of the trace that its reads and runs belong to
    replays: Mapped[int | None] = mapped_column(Key)  # the event that this one repeats
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    purged_at: Mapped[dt.datetime | None]  # from then on only its key, and what it was about, is known
    __table_args__ = (
        UniqueConstraint("connector", "event_key", name="ux_tieback_events_key"),
        Index("ix_tieback_events_record", "connector", "resource_name", "resource_id"),
        Index("ix_tieback_events_created", "created_at", "state"),
        Index("ix_tieback_events_project", "project_id", "id"),
        Index("ix_tieback_events_unpurged", "id",
              sqlite_where=text("purged_at IS NULL"), postgresql_where=text("purged_at IS NULL")),
        Index("ix_tieback_events_replays", "replays",
              sqlite_where=text("replays IS NOT NULL"), postgresql_where=text("replays IS NOT NULL")),
    )  # fmt: skip


class Fetch(Leased, Base):
    """A record that must be read again. One waiting row per record serves every run that waits for it."""

    __tablename__ = "tieback_fetches"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    connector: Mapped[str] = mapped_column(Text64)
    resource: Mapped[str] = mapped_column(Text200)
    company_id: Mapped[str] = mapped_column(Text64)
    project_id: Mapped[str] = mapped_column(Text64)
    record_id: Mapped[str] = mapped_column(Text64)
    parent: Mapped[dict[str, Any] | None]
    event_id: Mapped[int] = mapped_column(ForeignKey("tieback_events.id"), index=True)
    newest: Mapped[dt.datetime]  # the youngest event that waits for it
    reread: Mapped[int] = mapped_column(Integer, default=0)
    through: Mapped[bool] = mapped_column(default=False, server_default=false())  # as its run
    reason: Mapped[str | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    finished_at: Mapped[dt.datetime | None]
    __table_args__ = (
        Index("ux_tieback_fetches_waiting", "connector", "resource", "record_id", unique=True,
              sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
        Index("ix_tieback_fetches_group", "connector", "resource", "project_id", "state", "created_at"),
        Index("ix_tieback_fetches_due", "run_after",
              sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
        Index("ix_tieback_fetches_held", "lease_until",
              sqlite_where=text("state = 'running'"), postgresql_where=text("state = 'running'")),
    )  # fmt: skip


class Record(Base):
    """A copy of a Procore object as it once was; a new row only when its content differs from the newest one."""

    __tablename__ = "tieback_records"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    connector: Mapped[str] = mapped_column(Text64)
    resource: Mapped[str] = mapped_column(Text200)
    company_id: Mapped[str] = mapped_column(Text64)
    project_id: Mapped[str] = mapped_column(Text64)
    record_id: Mapped[str] = mapped_column(Text64)
    record_hash: Mapped[str] = mapped_column(Text64)
    updated_at: Mapped[str | None] = mapped_column(Text64)
    body: Mapped[dict[str, Any]]
    event_id: Mapped[int | None] = mapped_column(ForeignKey("tieback_events.id"))
    fetched_at: Mapped[dt.datetime] = mapped_column(default=now())
    seen_at: Mapped[dt.datetime] = mapped_column(default=now())
    deleted_at: Mapped[dt.datetime | None]
    __table_args__ = (
        Index("ix_tieback_records_newest", "connector", "resource", "record_id", "id"),
        Index("ix_tieback_records_event", "event_id",
              sqlite_where=text("event_id IS NOT NULL"), postgresql_where=text("event_id IS NOT NULL")),
    )  # fmt: skip


class Version(Base):
    """One text of an automation, by content hash; runs stay with the version they began with."""

    __tablename__ = "tieback_versions"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    automation: Mapped[str] = mapped_column(Text64)
    hash: Mapped[str] = mapped_column(Text64)
    file: Mapped[str] = mapped_column(Text200)
    source: Mapped[str]
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    __table_args__ = (UniqueConstraint("automation", "hash", name="ux_tieback_versions_hash"),)


class Automation(Base):
    """What of an automation is in force: its version, or why its file is broken."""

    __tablename__ = "tieback_automations"
    name: Mapped[str] = mapped_column(Text64, primary_key=True)
    version_id: Mapped[int | None] = mapped_column(ForeignKey("tieback_versions.id"))
    state: Mapped[str] = mapped_column(Text64, default="active")  # active | paused | removed
    broken: Mapped[str | None]  # the message of a file that does not load; the version above keeps running
    held: Mapped[dict[str, Any] | None]  # by, reason, at: a person's choice of the version, which the file does not change
    offered_id: Mapped[int | None] = mapped_column(ForeignKey("tieback_versions.id"))  # what the file says meanwhile
    updated_at: Mapped[dt.datetime] = mapped_column(default=now(), onupdate=now())


class SiteFile(Base):
    """A file of the site other than an automation, as last read; references to secrets, never secrets."""

    __tablename__ = "tieback_site_files"
    path: Mapped[str] = mapped_column(Text200, primary_key=True)
    source: Mapped[str]
    broken: Mapped[str | None]
    updated_at: Mapped[dt.datetime] = mapped_column(default=now(), onupdate=now())


class Fact(Base):
    """Small facts about the whole: `generation` grows with each change that processes must notice."""

    __tablename__ = "tieback_facts"
    name: Mapped[str] = mapped_column(Text64, primary_key=True)
    value: Mapped[str]


class Run(Leased, Base):
    """One automation on one event. `before_id` and `after_id` pin the copies it works with.

    States: waiting, running, ok, failed, skipped, cancelled, parked.
    """

    __tablename__ = "tieback_runs"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("tieback_events.id"))
    automation: Mapped[str] = mapped_column(Text64)
    version_id: Mapped[int] = mapped_column(ForeignKey("tieback_versions.id"))
    trigger: Mapped[str] = mapped_column(Text64)
    stage: Mapped[str] = mapped_column(Text64)
    connector: Mapped[str] = mapped_column(Text64)
    record_key: Mapped[str] = mapped_column(Text200, default="")
    fetch_id: Mapped[int | None] = mapped_column(ForeignKey("tieback_fetches.id"), index=True)
    before_id: Mapped[int | None] = mapped_column(ForeignKey("tieback_records.id"))
    after_id: Mapped[int | None] = mapped_column(ForeignKey("tieback_records.id"))
    reason: Mapped[str | None]
    error: Mapped[dict[str, Any] | None]
    cause: Mapped[str | None] = mapped_column(Text64)  # of one that failed or was put aside: `store.causes`
    edits_of: Mapped[int | None] = mapped_column(Key)  # the run that a person retried with edits, as this one
    lines: Mapped[list[Any] | None]  # each `if` line with its result and the values it saw
    group_key: Mapped[str | None] = mapped_column(Text200)  # while it gathers events; None once it has begun
    gather_until: Mapped[dt.datetime | None]
    gathered: Mapped[int] = mapped_column(Integer, default=1)
    overlap_key: Mapped[str | None] = mapped_column(Text200)
    throttle_key: Mapped[str | None] = mapped_column(Text200)
    entered_at: Mapped[dt.datetime | None]  # when the flow let it go on
    digest_until: Mapped[dt.datetime | None]
    cancel_asked: Mapped[str | None]  # why it should end before its next step
    through: Mapped[bool] = mapped_column(default=False, server_default=false())  # a person tests it through a pause
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    __table_args__ = (
        UniqueConstraint("event_id", "automation", name="ux_tieback_runs_once"),
        Index("ix_tieback_runs_due", "run_after",
              sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
        Index("ix_tieback_runs_held", "lease_until",
              sqlite_where=text("state = 'running'"), postgresql_where=text("state = 'running'")),
        Index("ix_tieback_runs_seen", "automation", "record_key", "after_id"),
        Index("ux_tieback_runs_gathering", "automation", "group_key", unique=True,
              sqlite_where=text("group_key IS NOT NULL"), postgresql_where=text("group_key IS NOT NULL")),
        Index("ix_tieback_runs_overlap", "automation", "overlap_key", "state",
              sqlite_where=text("overlap_key IS NOT NULL"), postgresql_where=text("overlap_key IS NOT NULL")),
        Index("ix_tieback_runs_throttle", "automation", "throttle_key", "entered_at",
              sqlite_where=text("throttle_key IS NOT NULL"), postgresql_where=text("throttle_key IS NOT NULL")),
        # All that a list is filtered by before it is shown: what does not fit is passed over without a look at its row.
        Index("ix_tieback_runs_state", "state", "id", "created_at", "event_id"),
        Index("ix_tieback_runs_created", "created_at"),
        Index("ix_tieback_runs_finished", "finished_at", "state"),
        Index("ix_tieback_runs_edits_of", "edits_of",
              sqlite_where=text("edits_of IS NOT NULL"), postgresql_where=text("edits_of IS NOT NULL")),
        # All that a group of failures shows, so that many are grouped without a look at the rows.
        Index("ix_tieback_runs_cause", "cause", "id", "created_at", "automation", "connector",
              sqlite_where=text("cause IS NOT NULL"), postgresql_where=text("cause IS NOT NULL")),
        Index("ix_tieback_runs_before", "before_id",
              sqlite_where=text("before_id IS NOT NULL"), postgresql_where=text("before_id IS NOT NULL")),
        Index("ix_tieback_runs_after", "after_id",
              sqlite_where=text("after_id IS NOT NULL"), postgresql_where=text("after_id IS NOT NULL")),
    )  # fmt: skip


class Step(Base):
    """How a step of a run ended; written once per attempt that got so far, the newest wins."""

    __tablename__ = "tieback_steps"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("tieback_runs.id"))
    path: Mapped[str] = mapped_column(Text200)
    state: Mapped[str] = mapped_column(Text64)
    attempt: Mapped[int] = mapped_column(Integer)
    inputs: Mapped[Any | None] = mapped_column(Json)
    output: Mapped[Any | None] = mapped_column(Json)
    error: Mapped[dict[str, Any] | None]
    duration_ms: Mapped[int] = mapped_column(Integer, default=0)
    finished_at: Mapped[dt.datetime] = mapped_column(default=now())
    __table_args__ = (Index("ix_tieback_steps_run", "run_id", "path"),)


class Effect(Base):
    """The ledger: a change in the outside world, known before it is made and unique by its key."""

    __tablename__ = "tieback_effects"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    effect_key: Mapped[str] = mapped_column(Text64, unique=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("tieback_runs.id"), index=True)
    step: Mapped[str] = mapped_column(Text200)
    fence: Mapped[int] = mapped_column(Integer)
    policy: Mapped[str] = mapped_column(Text64)
    target: Mapped[str] = mapped_column(Text200)
    summary: Mapped[str]
    request_hash: Mapped[str] = mapped_column(Text64)
    state: Mapped[str] = mapped_column(Text64)  # intent | applied | failed | uncertain
    response: Mapped[Any | None] = mapped_column(Json)
    lasting: Mapped[bool | None]  # its key is that of a value and not of an event; None: not known, so it may be
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    settled_at: Mapped[dt.datetime | None]
    __table_args__ = (Index("ix_tieback_effects_target", "target", "id"), Index("ix_tieback_effects_state", "state", "id"))


class Timer(Leased, Base):
    """Something to do at a time, once or every `every_s` seconds: keep hooks in order, validate, …"""

    __tablename__ = "tieback_timers"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(Text64)
    subject: Mapped[str] = mapped_column(Text200)
    every_s: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None]
    finished_at: Mapped[dt.datetime | None]
    __table_args__ = (UniqueConstraint("kind", "subject", name="ux_tieback_timers_subject"),)


class Beat(Base):
    """A process that is alive; readiness asks how old the newest beat of each role is."""

    __tablename__ = "tieback_beats"
    holder: Mapped[str] = mapped_column(Text200, primary_key=True)
    role: Mapped[str] = mapped_column(Text64)
    beat_at: Mapped[dt.datetime] = mapped_column(default=now())
    about: Mapped[dict[str, Any] | None]


class ApiToken(Base):
    """A bearer token for other programs; only its digest is kept."""

    __tablename__ = "tieback_api_tokens"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(Text64, unique=True)
    digest: Mapped[str] = mapped_column(Text64, unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    revoked_at: Mapped[dt.datetime | None]
    used_at: Mapped[dt.datetime | None]


class Audit(Base):
    """Who changed what. Each row's hash covers the one before, so a missing or altered row shows."""

    __tablename__ = "tieback_audit"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(default=now())
    actor: Mapped[str] = mapped_column(Text200)
    verb: Mapped[str] = mapped_column(Text64)
    subject: Mapped[str] = mapped_column(Text200)
    detail: Mapped[dict[str, Any] | None]
    hash: Mapped[str] = mapped_column(Text64)
