"""`tieback destinations`: what there is and how it does, and a message to try one out."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine

from config.settings import load
from store import digests, migrate, runs, timers
from store.session import open_engine, writing
from tests.connectors.mail import mail_server
from tests.console.conftest import Pretend, Tieback
from tests.store import samples

SECRET = "T0ABCDEF12/B0ABCDEF12/x9Yz8Wv7Ut6Sr5Qp4On3"


@pytest.fixture
def site(tmp_path: Path, procore: Pretend) -> Path:
    """`slack:ops` at a sink, by a secret file; `http:erp` and a file that is broken."""
    folder = tmp_path / "site/destinations"
    folder.mkdir(parents=True)
    (folder / "ops.yaml").write_text("format: 1\nkind: slack\nname: ops\nurl: ${env:SLACK}\n")
    (folder / "erp.yaml").write_text(f"format: 1\nkind: http\nname: erp\nurl: {procore.url}/_sim/sink/erp\n")
    (folder / "bad.yaml").write_text("format: 1\nkind: slak\nname: bad\n")
    return tmp_path / "site"


def hook(procore: Pretend, query: str = "") -> str:
    return f"{procore.url}/_sim/sink/tried/services/{SECRET}{query}"


def posted(procore: Pretend, name: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = requests.get(f"{procore.url}/_sim/sink/{name}", timeout=5).json()
    return found


def test_a_test_message_arrives_and_the_receipt_is_printed(tieback: Tieback, site: Path, procore: Pretend) -> None:
    before = len(posted(procore, "tried"))
    said = tieback("destinations", "test", "slack:ops", SLACK=hook(procore))
    assert said.code == 0, said.err
    assert said.out.startswith("slack:ops: 200 ")
    assert len(posted(procore, "tried")) == before + 1
    audited = tieback("audit", "list", "--json").json()[0]
    assert (audited["verb"], audited["subject"]) == ("destination tested", "slack:ops")
    assert SECRET not in str(audited) + said.out


def test_the_name_alone_does_where_only_one_is_called_so(tieback: Tieback, site: Path, procore: Pretend) -> None:
    assert tieback("destinations", "test", "erp", "--json").json()["name"] == "http:erp"
    assert 'did you mean "http:erp"?' in tieback("destinations", "test", "http:epr").sentence()


@pytest.mark.parametrize(
    "query, text", [("?mode=apply_then_cut", "Whether it was done is not known"), ("?mode=error_500", "500: it is in trouble")]
)
def test_what_was_not_taken_is_one_sentence_without_the_address(
    tieback: Tieback, site: Path, procore: Pretend, query: str, text: str
) -> None:
    said = tieback("destinations", "test", "slack:ops", SLACK=hook(procore, query))
    assert said.code == 1
    assert text in said.sentence()
    assert "x9Yz8Wv7" not in said.err


def test_a_secret_that_is_not_set_names_the_variable(tieback: Tieback, site: Path) -> None:
    said = tieback("destinations", "test", "slack:ops")
    assert said.code == 2
    assert "the environment variable SLACK is not set" in said.sentence()


def test_a_mail_can_be_tried_with_a_recipient(tieback: Tieback, site: Path) -> None:
    with mail_server() as (post, port):
        post.refuse = {"bob@acme.example": "550 no such user"}
        file = f"format: 1\nkind: email\nname: office\nhost: 127.0.0.1\nport: {port}\nsecurity: none\nfrom: t@acme.example\n"
        (site / "destinations/office.yaml").write_text(file)
        said = tieback("destinations", "test", "email:office", "--recipient", "ana@acme.example")
        both = tieback("destinations", "test", "office", "--recipient", "ana@acme.example", "--recipient", "bob@acme.example")
        nobody = tieback("destinations", "test", "office")
    assert (said.code, said.out) == (0, "email:office: 250 2.0.0 queued as 4R7\n")
    assert both.code == 1
    assert "not taken for bob@acme.example: 550 no such user" in both.out
    assert "nobody to write to" in nobody.sentence()
    assert post.read()["Subject"] == "Test of Tieback"


def store_of(tmp_path: Path) -> Engine:
    engine = open_engine(load({}, tmp_path))
    migrate.upgrade(engine)
    return engine


def test_the_list_tells_how_each_last_did_and_what_is_broken(
    tieback: Tieback, site: Path, tmp_path: Path, procore: Pretend
) -> None:
    engine = store_of(tmp_path)
    tieback("rules", "apply", SLACK=hook(procore))
    with writing(engine) as db:
        run_id = samples.run(db, samples.event(db))
        for target, state in (("slack:ops", "applied"), ("http:erp POST /x", "failed"), ("http:erp_2", "applied")):
            row = {"effect_key": target, "run_id": run_id, "step": "s", "fence": 1, "policy": "p", "target": target}
            runs.intend(db, {**row, "summary": "", "request_hash": ""})
            runs.settle(db, target, state, {"error": "404 gone"} if state == "failed" else {"said": "ok"})
    found = {row["name"]: row for row in tieback("destinations", "list", "--json").json()}
    assert set(found) == {"slack:ops", "http:erp", "destinations/bad.yaml"}
    assert found["slack:ops"]["last_ok_at"] is not None
    assert found["slack:ops"]["last_failed_at"] is None
    assert (found["http:erp"]["last_ok_at"], found["http:erp"]["last_error"]) == (None, "404 gone")
    assert found["destinations/bad.yaml"]["state"] == "broken"
    assert "404 gone" in tieback("destinations", "list").out
    engine.dispose()


def test_messages_that_did_not_go_out_show_in_doctor_and_in_the_list(
    tieback: Tieback, site: Path, tmp_path: Path, procore: Pretend
) -> None:
    engine = store_of(tmp_path)
    tieback("rules", "apply", SLACK=hook(procore))
    with writing(engine) as db:
        run_id, long_ago = samples.run(db, samples.event(db)), timers.clock(db).replace(year=2020)
        row = {"effect_key": "k", "run_id": run_id, "automation": "rule", "destination": "slack:ops", "until": long_ago}
        digests.keep(db, {**row, "message": {"title": "", "text": "x", "link": "", "recipients": []}})
    (found,) = [one for one in tieback("doctor", "--json").json() if one["name"] == "digest to slack:ops"]
    assert found["state"] == "wrong"
    assert "1 messages of rule wait since 2020-" in found["seen"]
    assert "tieback destinations test slack:ops" in found["mend"]
    assert [row["waiting"] for row in tieback("destinations", "list", "--json").json() if row["name"] == "slack:ops"] == [1]
    engine.dispose()
