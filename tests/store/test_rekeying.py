"""What an old key sealed is sealed with the first one: all of it, once, and nothing that somebody writes meanwhile is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text, update

from config.secrets import Box, Secret
from store import calls, canary, connectors, hooks, rekeying, sessions, sign_ins, users
from store.models import Base, Connector, Hook, Session, SignIn, Token, User
from store.session import reading, writing
from store.types import now

OLD, BOTH, NEW = Box([b"o" * 32]), Box([b"n" * 32, b"o" * 32]), Box([b"n" * 32])
DIGEST = "d" * 64


def plant(engine: Engine, box: Box = OLD) -> str:
    """One sealed value of every kind, two of those that may have several; the key of the hook."""
    canary.check(engine, box)
    with writing(engine) as db:
        both = {"client_secret": Secret("client-secret-of-acme"), "webhook_secret": Secret("hook-secret-of-acme")}
        connectors.put(db, "acme", "store", {"format": 1}, connectors.seal(box, "acme", both))
        hook = hooks.ensure(db, box, "acme", "1", "", Secret("an-older-secret-of-the-hook"))
        assert hooks.ensure(db, box, "acme", "1", "", both["webhook_secret"]) == hook
        calls.keep_token(db, box, "acme", Secret("token-of-acme-12345"), 3600)
        ana = users.add(db, "ana", "admin", None, "digest")
        assert ana is not None
        users.set_totp(db, ana, box.seal(Secret("second-factor-of-ana"), users.place("ana")), 7)
        draft = {"step": "check", "sealed": box.seal(Secret("secret-on-its-way"), sessions.draft_place(DIGEST))}
        db.execute(Session.__table__.insert().values(digest=DIGEST, user_id=ana, draft=draft))  # type: ignore[attr-defined]
        sign_ins.begin(db, "state", "visit", box.seal(Secret("nonce-and-verifier"), sign_ins.place("state")), "/", "::1")
    return hook


def opened(engine: Engine, box: Box) -> list[str]:
    """Every secret, as those who need it read it."""
    canary.check(engine, box)
    with reading(engine) as db:
        draft = sessions.draft(db, DIGEST)
        row, begun = users.get(db, "ana"), db.scalar(select(SignIn.sealed))
        token = calls.token(db, box, "acme")
        assert draft is not None
        assert row is not None
        assert token is not None
        found = [
            *connectors.unseal(box, connectors.get(db, "acme")).values(),
            *(secret for hook in hooks.open_hooks(db, box) for secret in hook.secrets),
            token[0],
            box.open(row.totp, users.place("ana")),
            box.open(draft["sealed"], sessions.draft_place(DIGEST)),
            box.open(str(begun), sign_ins.place("state")),
        ]
    return [one.reveal() for one in found]


def rekey(engine: Engine, box: Box = BOTH, *, dry: bool = False, forget: bool = False) -> tuple[int, int, list[str]]:
    """How many values there are, how many needed an old key, and the sentences about the lost ones."""
    found = rekeying.rekey(engine, box, dry=dry, forget=forget)
    return sum(one.values for one in found), sum(one.old for one in found), [line for one in found for line in one.lost]


def rows(engine: Engine) -> dict[str, list[Any]]:
    with reading(engine) as db:
        return {name: list(db.execute(table.select())) for name, table in Base.metadata.tables.items()}


def test_every_kind_opens_with_the_new_key_alone_afterwards(engine: Engine) -> None:
    plant(engine)
    before = opened(engine, OLD)
    assert len(before) == 8
    assert rekey(engine, dry=True) == (9, 9, [])
    assert opened(engine, OLD) == before
    assert rekey(engine) == (9, 9, [])
    assert opened(engine, NEW) == before
    assert rekey(engine, dry=True) == (9, 0, [])


def test_no_column_of_any_table_keeps_a_value_of_the_old_key(engine: Engine) -> None:
    plant(engine)
    old = f"v1.{OLD.seal(Secret('x'), 'p').split('.')[1]}."
    assert old in str(rows(engine))
    rekey(engine)
    assert old not in str(rows(engine))


def test_what_is_not_a_secret_stays_as_it_was(engine: Engine) -> None:
    plant(engine)
    before = rows(engine)
    rekey(engine)
    sealed = {"sealed", "totp", "draft", "value"}
    for name, kept in rows(engine).items():
        public = [[{k: v for k, v in row._asdict().items() if k not in sealed} for row in side] for side in (kept, before[name])]
        assert public[0] == public[1]
    (hook,) = rows(engine)["tieback_hooks"]
    (was,) = before["tieback_hooks"]
    assert [{**one, "secret": ""} for one in hook.sealed] == [{**one, "secret": ""} for one in was.sealed]


def test_what_is_done_is_not_written_again(engine: Engine) -> None:
    plant(engine)
    rekey(engine)
    before = rows(engine)
    written = []
    event.listen(engine, "before_cursor_execute", lambda *given: written.append(given[2]) if "UPDATE" in given[2] else None)
    assert rekey(engine) == (9, 0, [])
    assert (written, rows(engine)) == ([], before)


class Ended(Exception):
    """Stands for the end of the process."""


class Acting(Box):
    """Both keys; what is to happen happens between the reading of a value and its writing."""

    def __init__(self, act: Callable[[str], None]):
        super().__init__([b"n" * 32, b"o" * 32])
        self._act = act

    def seal(self, secret: Secret, place: str) -> str:
        self._act(place)
        return super().seal(secret, place)


@pytest.mark.parametrize("after", range(9))
def test_one_that_was_ended_anywhere_goes_on_when_it_is_begun_again(engine: Engine, after: int) -> None:
    plant(engine)
    before = opened(engine, OLD)
    sealed: list[str] = []

    def end(place: str) -> None:
        if len(sealed) == after:
            raise Ended
        sealed.append(place)

    with pytest.raises(Ended):
        rekey(engine, Acting(end))
    assert opened(engine, BOTH) == before
    values, old, lost = rekey(engine)
    assert (values, lost) == (9, [])
    assert old <= 9 - after + 1  # of a row with two, the first was sealed and not written
    assert opened(engine, NEW) == before


def test_a_secret_that_is_written_meanwhile_stays(engine: Engine) -> None:
    # Given processes that keep another token, secret of the hook and second factor at the very moment
    hook = plant(engine)

    def write(place: str) -> None:
        box, name = (BOTH, place.split("/")[0])
        with writing(engine) as db:
            if name == "tieback_tokens":
                calls.keep_token(db, box, "acme", Secret("a-fresher-token-123"), 3600)
            elif name == "tieback_hooks" and not fresher:
                fresher.append(hooks.ensure(db, box, "acme", "1", "", Secret("a-fresher-secret-of-the-hook")))
            elif name == "tieback_users":
                users.set_totp(db, 1, box.seal(Secret("a-fresher-factor"), users.place("ana")), 8)

    fresher: list[str] = []
    # When everything is sealed anew
    assert rekey(engine, Acting(write))[2] == []
    # Then what they wrote is what is there, and it opens with the new key alone
    assert fresher == [hook]
    known = opened(engine, NEW)
    assert {"a-fresher-token-123", "a-fresher-secret-of-the-hook", "a-fresher-factor", "an-older-secret-of-the-hook"} <= set(
        known
    )
    assert not {"token-of-acme-12345", "second-factor-of-ana"} & set(known)


def test_a_row_that_is_gone_meanwhile_is_not_counted_and_stops_nothing(engine: Engine) -> None:
    plant(engine)

    def remove(place: str) -> None:
        if place.startswith("tieback_tokens"):
            with writing(engine) as db:
                calls.forget_token(db, "acme")

    assert rekey(engine, Acting(remove)) == (8, 8, [])


def test_a_value_that_was_written_in_another_way_than_ours_is_sealed_anew_too(engine: Engine) -> None:
    plant(engine)
    with writing(engine) as db:
        spaced = str(db.scalar(text("SELECT CAST(sealed AS TEXT) FROM tieback_hooks"))).replace(",", " ,  ")
        value = "CAST(:s AS JSONB)" if engine.dialect.name == "postgresql" else ":s"
        db.execute(text(f"UPDATE tieback_hooks SET sealed = {value}"), {"s": spaced})
    assert rekey(engine) == (9, 9, [])


def test_more_rows_than_are_read_at_once_are_all_done(engine: Engine) -> None:
    count = rekeying.AT_ONCE * 2 + 1
    with writing(engine) as db:
        for n in range(count):
            calls.keep_token(db, OLD, f"c{n}", Secret("the-same-token-123"), 3600)
    assert rekey(engine) == (count, count, [])
    assert rekey(engine, dry=True) == (count, 0, [])


# What no key opens


def lose(engine: Engine) -> None:
    """Everything but the canary is sealed with a key that is gone."""
    plant(engine, Box([b"z" * 32]))
    with writing(engine) as db:
        db.execute(
            text("UPDATE tieback_facts SET value = :s WHERE name = 'canary'"), {"s": OLD.seal(Secret("canary"), canary.PLACE)}
        )


def test_what_no_key_opens_is_counted_left_and_each_has_a_sentence(engine: Engine) -> None:
    lose(engine)
    before = rows(engine)
    values, old, lost = rekey(engine, dry=True)
    assert (values, old, len(lost), rows(engine)) == (9, 1, 8, before)
    key = Box([b"z" * 32]).seal(Secret("x"), "p").split(".")[1]
    assert all(f"sealed with the key {key}, which is not among TIEBACK_SECRET_KEYS. Add that key" in line for line in lost)
    assert "secrets of hooks, acme: " in lost[2]
    assert lost[2].endswith("Where that cannot be done: tieback db rekey --forget-lost; then tieback hooks rotate acme")
    assert rekey(engine)[1:] == (1, lost)
    assert {name: kept for name, kept in rows(engine).items() if name != "tieback_facts"} == {
        name: kept for name, kept in before.items() if name != "tieback_facts"
    }


def test_no_sentence_holds_the_key_of_a_hook_or_a_session(engine: Engine) -> None:
    lose(engine)
    (hook,) = rows(engine)["tieback_hooks"]
    said = " ".join(rekey(engine, dry=True)[2])
    assert hook.key not in said
    assert DIGEST not in said
    assert sign_ins.digest("state") not in said


def test_an_altered_value_beside_a_good_one_is_left_and_the_good_one_is_done(engine: Engine) -> None:
    plant(engine)
    with writing(engine) as db:
        sealed = db.scalars(select(Connector.sealed)).one()
        assert sealed is not None
        db.execute(update(Connector).values(sealed={**sealed, "client_secret": sealed["client_secret"][:-8] + "AAAAAAA="}))
    values, old, lost = rekey(engine)
    assert (values, old, len(lost)) == (9, 8, 1)
    assert "secrets of connectors, acme: the sealed value was altered or moved. Enter the secret again." in lost[0]
    assert rekey(engine, dry=True)[1:] == (0, lost)


def test_what_is_lost_is_taken_away_when_asked_and_can_be_entered_anew(engine: Engine) -> None:
    lose(engine)
    assert len(rekey(engine, forget=True)[2]) == 8
    with writing(engine) as db:
        row = connectors.get(db, "acme")
        assert (connectors.unseal(NEW, row), calls.token(db, NEW, "acme")) == ({}, None)
        assert [hook.secrets for hook in hooks.open_hooks(db, NEW)] == [()]
        hooks.ensure(db, NEW, "acme", "1", "", Secret("entered-once-more-1"))
        assert [hook.secrets for hook in hooks.open_hooks(db, NEW)] == [(Secret("entered-once-more-1"),)]
        # A second factor does not fall by itself: who has lost it is somebody's decision.
        assert db.scalar(select(User.totp)) is not None
        assert db.scalar(select(SignIn.sealed)) is not None


def test_what_is_over_is_not_looked_at(engine: Engine) -> None:
    lose(engine)
    with writing(engine) as db:
        db.execute(update(Hook).values(removed_at=now(-25 * 3600.0)))
        db.execute(update(Session).values(seen_at=now(-3600.0)))
        db.execute(update(SignIn).values(begun_at=now(-3600.0)))
        db.execute(update(User).values(state="removed"))
        db.execute(update(Token).values(sealed=None))
        connectors.forget_secrets(db, "acme")
    assert rekey(engine) == (1, 1, [])
