"""Our side of a hook: one key per scope, secrets that overlap while they are rotated, a day's grace after the end."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, update

from config.secrets import Box, Secret
from store import hooks
from store.models import Hook
from store.session import writing
from store.types import now

BOX = Box([b"k" * 32])


def ensure(engine: Engine, secret: str, scope: str = "", connector: str = "acme") -> str:
    with writing(engine) as db:
        return hooks.ensure(db, BOX, connector, "1", scope, Secret(secret))


def opened(engine: Engine, box: Box = BOX) -> list[hooks.OpenHook]:
    with writing(engine) as db:
        return hooks.open_hooks(db, box)


def secrets_of(engine: Engine) -> list[str]:
    (hook,) = opened(engine)
    return [secret.reveal() for secret in hook.secrets]


def test_a_scope_has_one_key_however_often_it_is_asked_for(engine: Engine) -> None:
    assert ensure(engine, "a") == ensure(engine, "a")
    assert len({ensure(engine, "a"), ensure(engine, "a", "7"), ensure(engine, "a", "", "other")}) == 3


def test_the_old_secret_stays_valid_beside_the_new_one(engine: Engine) -> None:
    for secret in ("a", "b"):
        ensure(engine, secret)
    assert secrets_of(engine) == ["b", "a"]


def test_two_rotations_before_procore_was_told_keep_the_one_it_still_sends(engine: Engine) -> None:
    for secret in ("a", "b", "c"):
        ensure(engine, secret)
    assert "a" in secrets_of(engine)


def test_going_back_to_an_old_secret_lists_each_once(engine: Engine) -> None:
    for secret in ("a", "b", "a"):
        ensure(engine, secret)
    assert secrets_of(engine) == ["a", "b"]


@pytest.mark.parametrize(("hours", "still"), [(23, [True]), (25, [])])
def test_a_removed_hook_is_known_for_a_day(engine: Engine, hours: int, still: list[bool]) -> None:
    key = ensure(engine, "a")
    with writing(engine) as db:
        hooks.remove(db, key)
        db.execute(update(Hook).values(removed_at=now(-3600 * hours)))
    assert [hook.removed for hook in opened(engine)] == still


def test_a_scope_whose_hook_was_removed_gets_a_new_key(engine: Engine) -> None:
    key = ensure(engine, "a")
    with writing(engine) as db:
        hooks.remove(db, key)
    assert ensure(engine, "a") != key


def test_a_hook_whose_secrets_cannot_be_opened_does_not_close_the_door_for_the_others(engine: Engine) -> None:
    ensure(engine, "a", "1")
    other = Box([b"x" * 32])
    with writing(engine) as db:
        hooks.ensure(db, other, "acme", "1", "2", Secret("b"))
    assert [hook.project_id for hook in opened(engine)] == ["1"]


def test_a_secret_sealed_for_one_hook_opens_no_other(engine: Engine) -> None:
    ensure(engine, "a", "1")
    ensure(engine, "b", "2")
    with writing(engine) as db:
        rows = hooks.of_connector(db, "acme")
        db.execute(update(Hook).where(Hook.project_id == "2").values(sealed=rows[0].sealed))
    assert [hook.project_id for hook in opened(engine)] == ["1"]
