"""R25: what rests in the database opens with a key of ours, in the row where it was sealed, unaltered; else nothing opens."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, select, text, update

from config.errors import ConfigError
from config.secrets import Box, Secret
from config.settings import Settings
from connectors.ports import Token
from store import apitokens, calls, canary, connectors, hooks
from store.models import Connector, Hook
from store.models import Token as TokenRow
from store.session import reading, writing
from tests.security.conftest import leaks
from workers.ports import StoreTokens

BOX = Box([b"k" * 32])
CONFIG = {"format": 1, "name": "x"}
MARKERS = {name: f"m4rker-of-{name}-\"q\\'é/+%-0123456789" for name in ("client", "hook", "token", "api")}


def plant(db: Any, name: str, *, box: Box = BOX, suffix: str = "") -> str:
    """A connector with every kind of secret; the key of its hook."""
    sealed = connectors.seal(
        box, name, {"client_secret": Secret(MARKERS["client"] + suffix), "webhook_secret": Secret(MARKERS["hook"] + suffix)}
    )
    connectors.put(db, name, "store", CONFIG, sealed)
    calls.keep_token(db, box, name, Secret(MARKERS["token"] + suffix), 3600)
    return hooks.ensure(db, box, name, "1", "", Secret(MARKERS["hook"] + suffix))


def everything(engine: Engine) -> str:
    """Every cell of every table, as text."""
    found = []
    with engine.connect() as db:
        for table in inspect(engine).get_table_names():
            for row in db.execute(text(f'SELECT * FROM "{table}"')):
                found += [
                    bytes(cell).decode("utf-8", "replace") if isinstance(cell, (bytes, memoryview)) else str(cell) for cell in row
                ]
    return "\n".join(found)


def test_who_steals_the_database_alone_reads_no_secret(engine: Engine) -> None:
    with writing(engine) as db:
        plant(db, "acme")
        api = apitokens.add(db, "erp", ["inbound"])
    stolen = everything(engine)
    assert "v1." in stolen
    for marker in (*MARKERS.values(), api):
        assert leaks(stolen, marker) == []


def test_nor_does_the_file_of_an_embedded_database_hold_one(engine: Engine, settings: Settings) -> None:
    with writing(engine) as db:
        plant(db, "acme")
    if engine.dialect.name == "sqlite":
        stolen = b"".join(
            path.read_bytes() for path in settings.var.parent.rglob("*") if path.is_file() and "db" in path.name
        ).decode("latin-1")
        assert "v1." in stolen
        assert not any(leaks(stolen, marker) for marker in MARKERS.values())


@pytest.mark.parametrize("field", ["client_secret", "webhook_secret"])
def test_a_secret_of_one_connector_does_not_open_in_another(engine: Engine, field: str) -> None:
    with writing(engine) as db:
        plant(db, "acme")
        plant(db, "other", suffix="-other")
        stolen = connectors.get(db, "acme")
        assert stolen is not None
        mine = connectors.get(db, "other")
        assert mine is not None
        db.execute(update(Connector).where(Connector.name == "other").values(sealed={**mine.sealed, field: stolen.sealed[field]}))
    with reading(engine) as db, pytest.raises(ConfigError, match="altered or moved"):
        connectors.unseal(BOX, connectors.get(db, "other"))


def test_a_secret_does_not_open_in_another_field_of_its_own_row(engine: Engine) -> None:
    with writing(engine) as db:
        plant(db, "acme")
        row = connectors.get(db, "acme")
        assert row is not None
        swapped = {"client_secret": row.sealed["webhook_secret"], "webhook_secret": row.sealed["client_secret"]}
        db.execute(update(Connector).where(Connector.name == "acme").values(sealed=swapped))
    with reading(engine) as db, pytest.raises(ConfigError, match=r"sealed\.client_secret/acme: the sealed value was altered"):
        connectors.unseal(BOX, connectors.get(db, "acme"))


def test_a_token_of_one_connector_does_not_open_in_another(engine: Engine) -> None:
    with writing(engine) as db:
        for name in ("acme", "other"):
            plant(db, name)
        sealed = db.scalar(select(TokenRow.sealed).where(TokenRow.connector == "acme"))
        db.execute(update(TokenRow).where(TokenRow.connector == "other").values(sealed=sealed))
    with pytest.raises(ConfigError, match="altered or moved"):
        StoreTokens(engine, BOX).current("other")


def test_a_hook_with_another_hooks_secret_takes_nothing_and_leaves_the_door_open_for_the_rest(engine: Engine) -> None:
    with writing(engine) as db:
        kept, forged = plant(db, "acme"), plant(db, "other")
        sealed = db.scalar(select(Hook.sealed).where(Hook.key == kept))
        db.execute(update(Hook).where(Hook.key == forged).values(sealed=sealed))
    with reading(engine) as db:
        assert [hook.key for hook in hooks.open_hooks(db, BOX)] == [kept]


@pytest.mark.parametrize("garbage", ["", "v1", "v1.", "v1..", "x", "v9.00000000.AAAA", "\x00", "v1.00000000.é", "null"])
def test_a_hook_whose_row_holds_garbage_does_not_close_the_door(engine: Engine, garbage: str) -> None:
    with writing(engine) as db:
        kept, broken = plant(db, "acme"), plant(db, "other")
        db.execute(text("UPDATE tieback_hooks SET sealed = :s WHERE key = :k"),
                   {"k": broken, "s": json.dumps([{"secret": garbage.replace("\x00", "?")}])})  # fmt: skip
    with reading(engine) as db:
        assert [hook.key for hook in hooks.open_hooks(db, BOX)] == [kept]


def test_a_moved_ciphertext_never_becomes_a_call_with_the_wrong_credential(engine: Engine) -> None:
    one = StoreTokens(engine, BOX)
    with writing(engine) as db:
        calls.keep_token(db, BOX, "acme", Secret("the-token-of-acme"), 3600)
        sealed = db.scalar(select(TokenRow.sealed).where(TokenRow.connector == "acme"))
        calls.keep_token(db, BOX, "evil", Secret("the-token-of-evil"), 3600)
        db.execute(update(TokenRow).where(TokenRow.connector == "evil").values(sealed=sealed))
    found: Token | None = None
    with pytest.raises(ConfigError):
        found = one.current("evil")
    assert found is None


# The sealed value itself


def test_no_altered_byte_and_no_shorter_text_opens() -> None:
    place = "tieback_connectors/sealed.client_secret/acme"
    sealed = BOX.seal(Secret("m4rker-0123456789"), place)
    for cut in range(len(sealed)):
        with pytest.raises(ConfigError):
            BOX.open(sealed[:cut], place)
    prefix, key, body = sealed.split(".")
    raw = base64.urlsafe_b64decode(body)
    for at in range(len(raw)):
        altered = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(ConfigError, match="altered or moved"):
            BOX.open(f"{prefix}.{key}.{base64.urlsafe_b64encode(altered).decode()}", place)


@pytest.mark.parametrize(
    "garbage",
    ["", ".", "..", "v1", "v1.{key}", "v1.{key}.", "v1.{key}.A", "v1.{key}.AAAA", "v1.{key}.!!!!", "v1.{key}.é", "v0.{key}.AAAA",
     "v1.\x1b[31m.AAAA", "v1.deadbeef\r\nevil.AAAA", "{{}}", "\ud800", "v1.{key}." + "A" * 100_000],
)  # fmt: skip
def test_whatever_stands_there_is_a_sentence_and_no_crash(garbage: str) -> None:
    key = BOX.seal(Secret("x"), "p").split(".")[1]
    with pytest.raises(ConfigError) as raised:
        BOX.open(garbage.replace("{key}", key), "p")
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 200


def test_something_else_than_text_is_a_sentence_too() -> None:
    wrong: tuple[Any, ...] = (None, 7, [], {"secret": "x"})
    for garbage in wrong:
        with pytest.raises(ConfigError):
            BOX.open(garbage, "p")


def test_the_same_secret_is_never_sealed_to_the_same_text() -> None:
    sealed = {BOX.seal(Secret("x"), "p") for _ in range(200)}
    nonces = {base64.urlsafe_b64decode(one.split(".")[2])[:12] for one in sealed}
    assert len(sealed) == len(nonces) == 200


# Keys


def test_the_id_of_an_unknown_key_is_named_and_the_mend_with_it() -> None:
    sealed = Box([b"z" * 32]).seal(Secret("x"), "p")
    with pytest.raises(ConfigError, match=rf"{sealed.split('.')[1]}, which is not among TIEBACK_SECRET_KEYS. Add that key"):
        BOX.open(sealed, "p")


def test_keys_are_rotated_without_a_moment_in_which_nothing_opens(engine: Engine) -> None:
    # Given a store sealed with the old key, read by a process that has only it
    old, both, new = Box([b"k" * 32]), Box([b"n" * 32, b"k" * 32]), Box([b"n" * 32])
    with writing(engine) as db:
        plant(db, "acme", box=old)
    # When a process with both keys reads it, and writes another
    with writing(engine) as db:
        assert connectors.unseal(both, connectors.get(db, "acme"))["client_secret"].reveal() == MARKERS["client"]
        plant(db, "other", box=both)
    # Then the new value is sealed with the first key, the old one opens still, and without the old key it does not
    with reading(engine) as db:
        assert connectors.unseal(new, connectors.get(db, "other"))
        with pytest.raises(ConfigError, match="not among TIEBACK_SECRET_KEYS"):
            connectors.unseal(new, connectors.get(db, "acme"))


def test_a_process_with_the_wrong_keys_stops_at_its_start(engine: Engine) -> None:
    canary.check(engine, BOX)
    canary.check(engine, Box([b"n" * 32, b"k" * 32]))
    with pytest.raises(ConfigError, match="none of TIEBACK_SECRET_KEYS opens") as raised:
        canary.check(engine, Box([b"z" * 32]))
    assert not re.search(r"[0-9a-f]{16}", str(raised.value))
