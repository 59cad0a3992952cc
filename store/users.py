"""People who may sign in. Passwords come here as digests, a second factor comes sealed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from store.events import insert
from store.models import User
from store.types import now


def place(name: str) -> str:
    """The associated data of a person's sealed second factor."""
    return f"tieback_users/totp/{name}"


def add(db: Connection, name: str, role: str, companies: Sequence[str] | None, password: str) -> int | None:
    """A new person, or one who was removed and comes back; None when the name is taken."""
    values: dict[str, Any] = {"role": role, "companies": None if companies is None else list(companies), "password": password}
    fresh = {**values, "state": "active", "totp": None, "totp_used": 0, "subject": None, "version": User.version + 1}
    upsert = insert(db, User).values({"name": name, **values})
    made = upsert.on_conflict_do_update(index_elements=["name"], set_=fresh, where=User.state == "removed")
    id: int | None = db.scalar(made.returning(User.id))
    return id


def get(db: Connection, name: str) -> Any | None:
    return db.execute(select(User.__table__).where(User.name == name, User.state == "active")).first()


def of_subject(db: Connection, subject: str) -> Any | None:
    """Who signs in by the provider as this subject, removed or not."""
    return db.execute(select(User.__table__).where(User.subject == subject)).first()


def put_subject(db: Connection, subject: str, name: str, role: str, companies: Sequence[str] | None) -> int:
    """The person of a subject, with what their groups give them now; the id. The name is free, or theirs already."""
    values: dict[str, Any] = {
        "role": role, "companies": None if companies is None else list(companies), "password": "", "subject": subject,
        "state": "active", "totp": None,
    }  # fmt: skip
    upsert = insert(db, User).values({"name": name, **values})
    made = upsert.on_conflict_do_update(index_elements=["name"], set_={**values, "version": User.version + 1})
    return int(db.execute(made.returning(User.id)).scalar_one())


def admit(db: Connection, name: str) -> bool:
    """Forget that a person of the provider was removed: the next sign-in makes them anew."""
    removed = (User.name == name, User.state == "removed", User.subject.is_not(None))
    return db.execute(update(User).where(*removed).values(subject=None)).rowcount == 1


def every(db: Connection) -> list[Any]:
    return list(db.execute(select(User.__table__).where(User.state == "active").order_by(User.name)))


def anybody(db: Connection) -> bool:
    return db.scalar(select(User.id).where(User.state == "active").limit(1)) is not None


def admins(db: Connection) -> int:
    """How many there are who may do everything everywhere without a provider: the last of them must stay."""
    whole = (User.state == "active", User.role == "admin", User.companies.is_(None), User.subject.is_(None))
    return db.scalar(select(func.count()).select_from(User).where(*whole)) or 0


def alone(db: Connection) -> None:
    """Until the end of the transaction nobody else changes people: the last administrator is counted and changed as one."""
    if db.dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("tieback users", 0))))


def change(db: Connection, name: str, version: int, **values: Any) -> bool:
    """False when somebody else changed this person meanwhile."""
    same = (User.name == name, User.version == version, User.state == "active")
    return db.execute(update(User).where(*same).values({**values, "version": User.version + 1})).rowcount == 1


def set_password(db: Connection, id: int, password: str) -> None:
    db.execute(update(User).where(User.id == id).values(password=password, version=User.version + 1))


def set_totp(db: Connection, id: int, sealed: str | None, used: int) -> None:
    db.execute(update(User).where(User.id == id).values(totp=sealed, totp_used=used, version=User.version + 1))


def use_code(db: Connection, id: int, counter: int) -> bool:
    """Accept the code of this counter; False when it, or a later one, was accepted before."""
    fresh = update(User).where(User.id == id, User.totp_used < counter).values(totp_used=counter)
    return db.execute(fresh).rowcount == 1


def signed_in(db: Connection, id: int) -> None:
    db.execute(update(User).where(User.id == id).values(signed_in_at=now()))
