"""What we keep of Procore itself: connectors, hooks, projects, calls, quota, and how far each list has been read."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Leased, Text64, Text200
from store.types import Key, now


class Connector(Base):
    """A configured connection to one company; `config` holds no secret, `sealed` holds them encrypted."""

    __tablename__ = "tieback_connectors"
    name: Mapped[str] = mapped_column(Text64, primary_key=True)
    source: Mapped[str] = mapped_column(Text64)  # file | store
    config: Mapped[dict[str, Any]]
    sealed: Mapped[dict[str, Any] | None]
    state: Mapped[str] = mapped_column(Text64, default="active")  # active | paused | needs attention | removed
    reason: Mapped[str | None]
    verdict: Mapped[dict[str, Any] | None]
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    updated_at: Mapped[dt.datetime] = mapped_column(default=now(), onupdate=now())


class Hook(Base):
    """A webhook subscription we keep at Procore. `key` is the unguessable part of our URL.

    `sealed` is a list of `{"secret", "made_at", "told_at", "until"}`, the newest first: several are valid while one is
    rotated. The one that has `told_at` is what Procore sends; from `until` on a secret is no longer accepted. `left_at` is
    the place a connector led to when it was moved away from a hook that is there still; then the status is `left`.
    """

    __tablename__ = "tieback_hooks"
    key: Mapped[str] = mapped_column(Text64, primary_key=True)
    connector: Mapped[str] = mapped_column(Text64, index=True)
    company_id: Mapped[str] = mapped_column(Text64)
    project_id: Mapped[str] = mapped_column(Text64, default="")
    procore_id: Mapped[str | None] = mapped_column(Text64)
    sealed: Mapped[list[Any]]
    status: Mapped[str] = mapped_column(
        Text64, default="planned"
    )  # planned | active | disabled | missing | vanished | left | removed
    triggers: Mapped[list[Any] | None]  # as last seen there: [["rfis", "update"], …]
    looked_at: Mapped[dt.datetime | None]  # when the triggers were last read
    delivered_at: Mapped[dt.datetime | None]  # when a delivery last came in, as of the last look
    refused: Mapped[int] = mapped_column(Integer, default=0)  # deliveries with a wrong secret since it was last written there
    refused_at: Mapped[dt.datetime | None]
    removed_at: Mapped[dt.datetime | None]
    left_at: Mapped[dict[str, Any] | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    updated_at: Mapped[dt.datetime] = mapped_column(default=now(), onupdate=now())
    __table_args__ = (
        Index("ux_tieback_hooks_scope", "connector", "project_id", unique=True,
              sqlite_where=text("removed_at IS NULL"), postgresql_where=text("removed_at IS NULL")),
    )  # fmt: skip


class Call(Base):
    """A call to a connector in one line, for operators; never a secret, never a body."""

    __tablename__ = "tieback_calls"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    connector: Mapped[str] = mapped_column(Text64)
    run_id: Mapped[int | None] = mapped_column(Key, index=True)
    fetch_id: Mapped[int | None] = mapped_column(Key, index=True)
    method: Mapped[str] = mapped_column(Text64)
    path: Mapped[str]
    status: Mapped[int | None] = mapped_column(Integer)
    duration_ms: Mapped[int] = mapped_column(Integer)
    request_id: Mapped[str | None] = mapped_column(Text200)
    quota_left: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None]
    lane: Mapped[str | None] = mapped_column(Text64)
    at: Mapped[dt.datetime] = mapped_column(default=now(), index=True)


class Token(Base):
    """A connector's access token, sealed. `fetching_until` is the lock of whoever asks for a new one."""

    __tablename__ = "tieback_tokens"
    connector: Mapped[str] = mapped_column(Text64, primary_key=True)
    sealed: Mapped[str | None]
    expires_at: Mapped[dt.datetime | None]
    holder: Mapped[str | None] = mapped_column(Text200)
    fetching_until: Mapped[dt.datetime | None]


class Quota(Base):
    """What is known of a connector's rate limits, as `connectors.quota_state` writes it; `version` counts its changes."""

    __tablename__ = "tieback_quota"
    connector: Mapped[str] = mapped_column(Text64, primary_key=True)
    state: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(Integer)
    updated_at: Mapped[dt.datetime] = mapped_column(default=now(), onupdate=now())


class Project(Base):
    """A project that a connector was permitted to see. One that vanished stays, with the time: its data is never deleted."""

    __tablename__ = "tieback_projects"
    connector: Mapped[str] = mapped_column(Text64, primary_key=True)
    project_id: Mapped[str] = mapped_column(Text64, primary_key=True)
    zone: Mapped[str | None] = mapped_column(Text64)  # its time zone, as Procore names it
    name: Mapped[str] = mapped_column(Text200, default="")
    state: Mapped[str] = mapped_column(Text64, default="permitted")  # permitted | vanished
    first_seen_at: Mapped[dt.datetime] = mapped_column(default=now())
    seen_at: Mapped[dt.datetime] = mapped_column(default=now())
    vanished_at: Mapped[dt.datetime | None]


class Unavailable(Base):
    """A resource that cannot be read in a project: the tool is off, or its level too low. Reads there wait for `until`."""

    __tablename__ = "tieback_unavailable"
    connector: Mapped[str] = mapped_column(Text64, primary_key=True)
    project_id: Mapped[str] = mapped_column(Text64, primary_key=True)
    resource: Mapped[str] = mapped_column(Text200, primary_key=True)
    reason: Mapped[str]
    since: Mapped[dt.datetime] = mapped_column(default=now())
    until: Mapped[dt.datetime]


class Import(Leased, Base):
    """The reading of whole resources of one connector, in parts; resumable. `counts` adds up what its parts did.

    States: waiting, running, ok, failed, cancelled. `mode`: full reads everything and looks for deletions,
    incremental only what changed since the cursor, backfill is full for a project that has just come.
    """

    __tablename__ = "tieback_imports"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    connector: Mapped[str] = mapped_column(Text64)
    resources: Mapped[list[Any]]
    projects: Mapped[list[Any] | None]  # None: all permitted ones
    mode: Mapped[str] = mapped_column(Text64)
    since: Mapped[dt.datetime | None]  # read only what changed, or is dated, after it
    confirmed: Mapped[int | None] = mapped_column(Integer)  # so many missing records a person has confirmed as deleted
    options: Mapped[dict[str, Any] | None]  # what a step asked for besides: `table`, `deletions`
    requested_by: Mapped[str] = mapped_column(Text200)
    counts: Mapped[dict[str, Any] | None]
    reason: Mapped[str | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    __table_args__ = (
        Index("ix_tieback_imports_due", "run_after",
              sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
        Index("ix_tieback_imports_held", "lease_until",
              sqlite_where=text("state = 'running'"), postgresql_where=text("state = 'running'")),
    )  # fmt: skip


class ImportPart(Base):
    """One list to read to its end: a resource in a project (and under a parent). `position` is the checkpoint."""

    __tablename__ = "tieback_import_parts"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("tieback_imports.id"))
    resource: Mapped[str] = mapped_column(Text200)
    project_id: Mapped[str] = mapped_column(Text64, default="")
    parent_id: Mapped[str] = mapped_column(Text64, default="")
    state: Mapped[str] = mapped_column(Text64, default="waiting")  # waiting | reading | deletions | ok | skipped | failed
    position: Mapped[dict[str, Any] | None]
    counts: Mapped[dict[str, Any] | None]
    reason: Mapped[str | None]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    __table_args__ = (UniqueConstraint("import_id", "resource", "project_id", "parent_id", name="ux_tieback_import_parts_list"),)


class Cursor(Base):
    """Until when a list has been read by `updated_at`; moved only once the whole window has been read."""

    __tablename__ = "tieback_cursors"
    connector: Mapped[str] = mapped_column(Text64, primary_key=True)
    resource: Mapped[str] = mapped_column(Text200, primary_key=True)
    project_id: Mapped[str] = mapped_column(Text64, primary_key=True, default="")
    kind: Mapped[str] = mapped_column(Text64, primary_key=True)  # import | sweep | ids
    until: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime] = mapped_column(default=now(), onupdate=now())


class Repair(Base):
    """One look for what webhooks missed, and what came of it. `items` names what could not be repaired, with the reason."""

    __tablename__ = "tieback_repairs"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    connector: Mapped[str] = mapped_column(Text64, index=True)
    kind: Mapped[str] = mapped_column(Text64)  # deliveries | sweep | ids
    found: Mapped[int] = mapped_column(Integer, default=0)
    repaired: Mapped[int] = mapped_column(Integer, default=0)
    unrepairable: Mapped[int] = mapped_column(Integer, default=0)
    items: Mapped[list[Any] | None]
    reason: Mapped[str | None]
    started_at: Mapped[dt.datetime] = mapped_column(default=now())
    finished_at: Mapped[dt.datetime | None]
