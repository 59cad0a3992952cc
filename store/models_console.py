"""What the console keeps: who may sign in, who is signed in, what was paused or acknowledged by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Text64, Text200
from store.types import Key, now


class User(Base):
    """A person. `password` is a salted scrypt digest; `totp` is sealed. `companies` None: all of them.

    Who signs in by OpenID Connect has a `subject`, the digest of issuer and subject there, and no password.
    """

    __tablename__ = "tieback_users"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(Text64, unique=True)
    role: Mapped[str] = mapped_column(Text64)  # viewer | operator | admin
    companies: Mapped[list[Any] | None]
    password: Mapped[str]
    subject: Mapped[str | None] = mapped_column(Text64)
    totp: Mapped[str | None]
    totp_used: Mapped[int] = mapped_column(Integer, default=0)  # the newest counter that was accepted: no code works twice
    state: Mapped[str] = mapped_column(Text64, default="active")  # active | removed
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    signed_in_at: Mapped[dt.datetime | None]
    __table_args__ = (UniqueConstraint("subject", name="uq_tieback_users_subject"),)


class Session(Base):
    """A browser that is signed in. Of its id only the digest is kept.

    `said` is what the next page shows once; `draft` a connector on its way, its secret sealed.
    """

    __tablename__ = "tieback_sessions"
    digest: Mapped[str] = mapped_column(Text64, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("tieback_users.id"), index=True)
    address: Mapped[str] = mapped_column(Text64, default="")
    browser: Mapped[str] = mapped_column(Text200, default="")
    said: Mapped[list[Any] | None]
    draft: Mapped[dict[str, Any] | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=now())
    seen_at: Mapped[dt.datetime] = mapped_column(default=now())


class SignIn(Base):
    """A sign-in that is at the provider. Of its state and its browser's cookie only digests are kept."""

    __tablename__ = "tieback_sign_ins"
    state: Mapped[str] = mapped_column(Text64, primary_key=True)
    visit: Mapped[str] = mapped_column(Text64)
    sealed: Mapped[str]
    target: Mapped[str]
    address: Mapped[str] = mapped_column(Text64)
    begun_at: Mapped[dt.datetime] = mapped_column(default=now(), index=True)


class Attempt(Base):
    """A sign-in that failed, counted against a name, an address or both."""

    __tablename__ = "tieback_attempts"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    subject: Mapped[str] = mapped_column(Text200)
    at: Mapped[dt.datetime] = mapped_column(default=now())
    __table_args__ = (Index("ix_tieback_attempts_subject", "subject", "at"),)


class Pause(Base):
    """A lane whose work waits, since a person said so. It ends by itself at `until`, where that is given.

    `kind` pause holds everything, drain only what came after `created_at`: what was there before is still done.
    """

    __tablename__ = "tieback_pauses"
    lane: Mapped[str] = mapped_column(Text64, primary_key=True)
    kind: Mapped[str] = mapped_column(Text64, default="pause", server_default="pause")
    reason: Mapped[str]
    by: Mapped[str] = mapped_column(Text200)
    until: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=now())


class Limit(Base):
    """At most so many runs and imports of a lane at once, in all processes together."""

    __tablename__ = "tieback_limits"
    lane: Mapped[str] = mapped_column(Text64, primary_key=True)
    most: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str]
    by: Mapped[str] = mapped_column(Text200)
    created_at: Mapped[dt.datetime] = mapped_column(default=now())


class Drain(Base):
    """A worker process that takes nothing new, since a person said so. With `ends` it ends when it holds nothing."""

    __tablename__ = "tieback_drains"
    holder: Mapped[str] = mapped_column(Text200, primary_key=True)
    reason: Mapped[str]
    by: Mapped[str] = mapped_column(Text200)
    ends: Mapped[bool]
    created_at: Mapped[dt.datetime] = mapped_column(default=now())


class Cause(Base):
    """What people said of one cause of failures. `state`: acknowledged | ignored; no row means open."""

    __tablename__ = "tieback_causes"
    cause: Mapped[str] = mapped_column(Text64, primary_key=True)
    state: Mapped[str] = mapped_column(Text64)
    note: Mapped[str] = mapped_column(default="")
    by: Mapped[str] = mapped_column(Text200)
    at: Mapped[dt.datetime] = mapped_column(default=now())
