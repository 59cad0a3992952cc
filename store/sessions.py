"""Who is signed in, and who failed to. A session's id is known to the browser alone; here is its digest."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from store.models import Attempt, Session, User
from store.types import now

IDLE_S = 30 * 60
ABSOLUTE_S = 12 * 3600
# How exactly the idle time is counted; a page with ten parts must not write ten times.
COUNTED_S = 20
WINDOW_S = 15 * 60


def _digest(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()


def begin(db: Connection, user_id: int, address: str, browser: str) -> str:
    """A new session; its id, 256 random bits, goes to the browser and is kept nowhere."""
    id = secrets.token_urlsafe(32)
    db.execute(insert(Session).values(digest=_digest(id), user_id=user_id, address=address[:64], browser=browser[:200]))
    db.execute(delete(Session).where(is_over()))
    return id


def find(db: Connection, id: str) -> Any | None:
    """The session that has not ended, with its person: `digest`, `user_id`, `name`, `role`, `companies`, `due`.

    `due` says that the last sign of life is old enough to be noted anew.
    """
    wanted = (
        select(
            Session.digest, Session.user_id, Session.said, User.name, User.role, User.companies,
            (Session.seen_at < now(-COUNTED_S)).label("due"),
        )
        .join(User, User.id == Session.user_id)
        .where(Session.digest == _digest(id), ~is_over(), User.state == "active")
    )  # fmt: skip
    return db.execute(wanted).first()


def is_over() -> Any:
    """Of a session: nobody has used it lately, or it is as old as one may be."""
    return or_(Session.seen_at < now(-IDLE_S), Session.created_at < now(-ABSOLUTE_S))


def seen(db: Connection, digest: str) -> None:
    db.execute(update(Session).where(Session.digest == digest).values(seen_at=now()))


def say(db: Connection, digest: str, said: list[Any] | None) -> None:
    """What the next page shows, once."""
    db.execute(update(Session).where(Session.digest == digest).values(said=said))


def end(db: Connection, digest: str) -> None:
    db.execute(delete(Session).where(Session.digest == digest))


def end_all(db: Connection, user_id: int, but: str | None = None) -> int:
    """End every session of a person, except the one with the digest `but`; how many."""
    others = Session.digest != but if but is not None else Session.digest.is_not(None)
    return db.execute(delete(Session).where(Session.user_id == user_id, others)).rowcount


def of_user(db: Connection, user_id: int) -> list[Any]:
    """The open sessions of a person, the newest first."""
    return list(
        db.execute(select(Session.__table__).where(Session.user_id == user_id, ~is_over()).order_by(Session.seen_at.desc()))
    )


def failed(db: Connection, subjects: list[str]) -> None:
    """Count one failure against each; what is older than the window is forgotten."""
    db.execute(insert(Attempt), [{"subject": one[:200]} for one in subjects])
    db.execute(delete(Attempt).where(Attempt.at < now(-WINDOW_S)))


def failures(db: Connection, subject: str) -> int:
    """How many failures were counted against this subject within the window."""
    lately = (Attempt.subject == subject[:200], Attempt.at >= now(-WINDOW_S))
    return db.scalar(select(func.count()).select_from(Attempt).where(*lately)) or 0


def forgive(db: Connection, subject: str) -> None:
    db.execute(delete(Attempt).where(Attempt.subject == subject[:200]))


def draft(db: Connection, digest: str) -> dict[str, Any] | None:
    """A connector on its way in this session; its secret is sealed."""
    found: dict[str, Any] | None = db.scalar(select(Session.draft).where(Session.digest == digest))
    return found


def keep_draft(db: Connection, digest: str, draft: dict[str, Any] | None) -> None:
    db.execute(update(Session).where(Session.digest == digest).values(draft=draft))


def draft_place(digest: str) -> str:
    """The associated data of a draft's secret."""
    return f"tieback_sessions/draft/{digest}"
