"""What rests sealed is sealed anew with the first key, beside processes that work.

Each row is a transaction of its own. It is replaced only while it is still what was read, so a secret that somebody writes
meanwhile stays. What is done needs nothing more, so a pass that was ended goes on when it is begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Engine, Text, cast, or_, select, update

from config.errors import ConfigError
from config.secrets import Box
from store import calls, canary, connectors, hooks, sessions, sign_ins, users
from store.models import Connector, Fact, Hook, Session, SignIn, Token, User
from store.session import reading, retrying, writing
from store.types import now

AT_ONCE = 200

Again = Callable[[Any, str], str | None]  # (sealed value, its place) → the same sealed with the first key; None takes it away


class Kind(NamedTuple):
    """One column that holds sealed values.

    `about`: what a row is called before people; `cell` gives the column's new content; `mend` is what to do about a lost
    value once it was taken away, or by itself where it is `kept`.
    """

    name: str
    table: Any
    key: Any
    column: Any
    about: Any
    where: tuple[Any, ...]
    cell: Callable[[Any, Again], Any]
    mend: str
    kept: bool = False


@dataclass
class Found:
    """How many values of a kind there are, how many need an old key (or did before they were sealed anew), and a sentence for
    each that no key opens."""

    kind: str
    values: int = 0
    old: int = 0
    lost: list[str] = field(default_factory=list)


def _text(place: Callable[[str], str]) -> Callable[[Any, Again], Any]:
    return lambda row, again: again(row.cell, place(row.key))


def _fields(row: Any, again: Again) -> dict[str, Any]:
    fresh = {name: again(sealed, connectors.place(row.key, name)) for name, sealed in row.cell.items()}
    return {name: sealed for name, sealed in fresh.items() if sealed is not None}


def _listed(row: Any, again: Again) -> list[Any]:
    fresh = [{**one, "secret": again(one.get("secret"), hooks.place(row.key))} for one in row.cell]
    return [one for one in fresh if one["secret"] is not None]


def _draft(row: Any, again: Again) -> dict[str, Any]:
    sealed = row.cell.get("sealed")
    return {**row.cell, "sealed": again(sealed, sessions.draft_place(row.key))} if sealed else dict(row.cell)


# Sessions, sign-ins and removed hooks that are over are left out: nobody opens what they hold any more.
KINDS = (
    Kind("secrets of connectors", Connector, Connector.name, Connector.sealed, Connector.name, (Connector.sealed.is_not(None),),
         _fields, "tieback connector update {about} --client-secret-file PATH"),
    Kind("secrets of hooks", Hook, Hook.key, Hook.sealed, Hook.connector,
         (or_(Hook.removed_at.is_(None), Hook.removed_at > now(-hooks.FORGOTTEN_AFTER_S)),),
         _listed, "tieback hooks rotate {about}"),
    Kind("access tokens", Token, Token.connector, Token.sealed, Token.connector, (Token.sealed.is_not(None),),
         _text(calls.place), "nothing: another one is asked for by itself"),
    Kind("second factors", User, User.name, User.totp, User.name, (User.totp.is_not(None), User.state == "active"),
         _text(users.place), "tieback users password {about} --drop-second-factor", kept=True),
    Kind("connectors on their way", Session, Session.digest, Session.draft, User.name,
         (Session.user_id == User.id, Session.draft.is_not(None), ~sessions.is_over()),
         _draft, "{about} gives the client secret again"),
    Kind("sign-ins under way", SignIn, SignIn.state, SignIn.sealed, SignIn.address,
         (SignIn.begun_at >= now(-sign_ins.WITHIN_S),),
         _text(sign_ins.place_of), "nothing: they end by themselves within ten minutes", kept=True),
    Kind("the word that tells wrong keys", Fact, Fact.name, Fact.value, Fact.name, (Fact.name == "canary",),
         _text(lambda _: canary.PLACE), "start with the keys that this database was made with", kept=True),
)  # fmt: skip


def rekey(engine: Engine, box: Box, *, dry: bool, forget: bool = False) -> list[Found]:
    """Seal with the first key what another one sealed; with `dry` only count.

    What no key opens is counted and left, or with `forget` taken away where it can be entered anew.
    """
    return [_of_kind(engine, box, kind, dry=dry, forget=forget and not kind.kept) for kind in KINDS]


def _of_kind(engine: Engine, box: Box, kind: Kind, *, dry: bool, forget: bool) -> Found:
    whole = Found(kind.name)
    for row in _rows(engine, kind):
        one = _row(engine, box, kind, row, dry=dry, forget=forget)
        whole.values += one.values
        whole.old += one.old
        whole.lost += one.lost
    return whole


def _wanted(kind: Kind) -> Any:
    # As the database writes it, so that equal means unchanged whatever way the value was written.
    raw = cast(kind.column, Text).label("raw")
    return select(kind.key.label("key"), kind.column.label("cell"), raw, kind.about.label("about")).where(*kind.where)


def _rows(engine: Engine, kind: Kind) -> Iterator[Any]:
    after = ""
    while True:
        with reading(engine) as db:
            page = list(db.execute(_wanted(kind).where(kind.key > after).order_by(kind.key).limit(AT_ONCE)))
        yield from page
        if len(page) < AT_ONCE:
            return
        after = page[-1].key


@retrying
def _row(engine: Engine, box: Box, kind: Kind, row: Any, *, dry: bool, forget: bool) -> Found:
    while row is not None:
        found = Found(kind.name)
        fresh = kind.cell(row, _sealing(box, kind, row, found, forget=forget))
        if dry or fresh == row.cell or _replaced(engine, kind, row, fresh):
            return found
        with reading(engine) as db:  # somebody wrote another value meanwhile
            row = db.execute(_wanted(kind).where(kind.key == row.key)).first()
    return Found(kind.name)


def _sealing(box: Box, kind: Kind, row: Any, found: Found, *, forget: bool) -> Again:
    """What seals one value of this row anew, and counts it."""

    def again(sealed: Any, place: str) -> str | None:
        found.values += 1
        try:
            secret = box.open(sealed, place)
        except ConfigError as error:
            found.lost.append(_sentence(kind, row, str(error).removeprefix(f"{place}: ")))
            return None if forget else sealed
        if box.is_newest(sealed):
            return str(sealed)
        found.old += 1
        return box.seal(secret, place)

    return again


def _sentence(kind: Kind, row: Any, reason: str) -> str:
    # By its name and not by its place: that of a hook is half of what lets a delivery in.
    mend = kind.mend.format(about=row.about)
    way = mend if kind.kept else f"tieback db rekey --forget-lost; then {mend}"
    return f"{kind.name}, {row.about}: {reason} Where that cannot be done: {way}"


def _replaced(engine: Engine, kind: Kind, row: Any, fresh: Any) -> bool:
    same = (kind.key == row.key, cast(kind.column, Text) == row.raw)
    # A secret that is sealed anew is no change that anybody made.
    unchanged = {"updated_at": kind.table.updated_at} if hasattr(kind.table, "updated_at") else {}
    with writing(engine) as db:
        done = db.execute(update(kind.table).where(*same).values({kind.column.key: fresh, **unchanged}))
        return bool(done.rowcount == 1)
