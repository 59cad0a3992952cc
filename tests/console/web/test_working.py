"""Lanes and workers at hand: drained, limited, tested through a pause; on the pages, in the API and on the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine, update

from config.errors import ConfigError
from console.cli import main
from console.verbs import holding, running, standing, working
from console.verbs.at_hand import NotThere
from store import audit, beats, drains, leases, pauses
from store.models import Run
from store.session import reading, writing
from tests.console.web.served import Served, Visitor
from tests.console.web.test_api import Client
from tests.store import samples

HOLDER, NAME = "worker:host-1:7:aa11bb22", "host-1:7:aa11bb22"
ABOUT = {"memory_bytes": 183_000_000, "place": "worker", "slots": 4, "busy": 1, "usage": [0, 50, 100], "drained": False}


def living(engine: Engine, holder: str = HOLDER, **about: object) -> None:
    with writing(engine) as db:
        beats.beat(db, holder, "worker", {**ABOUT, **about})


def a_run(engine: Engine, **values: object) -> int:
    with writing(engine) as db:
        id = samples.run(db, samples.event(db), lane="manual")
        if values:
            db.execute(update(Run).where(Run.id == id).values(**values))
    return id


def test_a_worker_is_seen_to_run_empty_and_goes_on_when_resumed(console: Served, engine: Engine) -> None:
    living(engine)
    assert working.drain(console.here, "aa11bb22", "more memory")["name"] == NAME
    (one,) = working.workers(console.here)
    assert (one["state"], one["busy"], one["slots"], one["drain"]["reason"]) == ("emptying", 1, 4, "more memory")
    assert "A worker is drained" in standing.verdict(console.here)["reasons"][-1]["seen"]
    living(engine, busy=0, drained=True)
    assert working.workers(console.here)[0]["state"] == "empty"
    working.resume(console.here, NAME)
    assert working.workers(console.here)[0]["state"] == "working"
    with reading(engine) as db:
        assert [row.verb for row in audit.found(db, 2)] == ["worker resumed", "worker drained"]


@pytest.mark.parametrize(("name", "said"), [("bb22", "2 names"), ("zz", "no living worker"), ("", "no living worker")])
def test_a_worker_that_is_not_meant_by_one_name_is_asked_for_again(console: Served, engine: Engine, name: str, said: str) -> None:
    living(engine)
    living(engine, "worker:host-2:9:cc11bb22")
    with pytest.raises(NotThere, match=said):
        working.drain(console.here, name, "x")


def test_a_worker_that_is_one_with_the_console_cannot_be_told_to_end(console: Served, engine: Engine) -> None:
    living(engine, place="all")
    with pytest.raises(ConfigError, match="cannot end alone"):
        working.drain(console.here, NAME, "x", ends=True)
    working.drain(console.here, NAME, "x")
    with reading(engine) as db:
        assert drains.of(db, HOLDER).ends is False  # type: ignore[union-attr]


@pytest.mark.parametrize("most", [0, -1, 1001])
def test_a_limit_that_does_not_fit_is_named(console: Served, most: int) -> None:
    with pytest.raises(ConfigError, match=f"most: {most} does not fit"):
        holding.limit_lane(console.here, "manual", most, "slow")


def test_what_needs_a_reason_says_so(console: Served, engine: Engine) -> None:
    living(engine)
    for asked in (
        lambda: holding.limit_lane(console.here, "manual", 1, " "),
        lambda: holding.drain_lane(console.here, "manual", "", None),
        lambda: working.drain(console.here, NAME, ""),
    ):
        with pytest.raises(ConfigError, match="reason: say why"):
            asked()
    with pytest.raises(ConfigError, match="has no limit"):
        holding.limit_lane(console.here, "manual", None, "")


def test_one_run_is_tested_through_a_pause_and_that_is_in_the_audit(console: Served, engine: Engine) -> None:
    failed = a_run(engine, state="failed")
    holding.pause_lane(console.here, "manual", "the ERP is down", None)
    running.retry(console.here, failed, through=True)
    with writing(engine) as db:
        assert leases.claim(db, Run, failed, "w") is not None
        assert audit.found(db, 1)[0].verb == "run let through a pause"


def test_a_run_that_is_done_is_not_let_through(console: Served, engine: Engine) -> None:
    done = a_run(engine, state="ok")
    with pytest.raises(ConfigError, match="is ok"):
        running.retry(console.here, done, through=True)


# The API


def test_the_api_has_the_same_verbs(console: Served, engine: Engine) -> None:
    living(engine)
    client = Client(console, "operate")
    assert client.post("/api/v1/queues/manual/drain", {"reason": "tonight", "hours": 2}).status == 200
    assert client.post("/api/v1/queues/backfill/limit", {"most": 2, "reason": "slow"}).status == 200
    lanes = {one["lane"]: one for one in json.loads(client.get("/api/v1/queues").text)["items"]}
    assert (lanes["manual"]["pause"]["kind"], lanes["backfill"]["limit"]["most"]) == ("drain", 2)
    assert client.post("/api/v1/queues/manual/resume", {}).status == 200
    assert client.post("/api/v1/queues/backfill/unlimit", {}).status == 200
    assert client.post(f"/api/v1/workers/{NAME}/drain", {"reason": "more memory", "ends": True}).status == 200
    (one,) = json.loads(client.get("/api/v1/workers").text)["items"]
    assert (one["name"], one["state"], one["drain"]["ends"]) == (NAME, "emptying", True)
    assert client.post(f"/api/v1/workers/{NAME}/resume", {}).status == 200


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/v1/queues/manual/limit", {"most": 0, "reason": "x"}, "most"),
        ("/api/v1/queues/manual/limit", {"most": "2", "reason": "x"}, "most"),
        ("/api/v1/queues/manual/drain", {"reason": ""}, "reason"),
        ("/api/v1/workers/x/drain", {"reason": "x", "end": True}, "end"),
    ],
)
def test_a_field_that_does_not_fit_is_named_by_the_api(console: Served, path: str, body: dict[str, Any], field: str) -> None:
    page = Client(console, "operate").post(path, body)
    assert page.status == 422
    assert [one["field"] for one in json.loads(page.text)["errors"]] == [field]


# The pages


def test_the_page_names_what_was_wrong_with_a_limit(ana: Visitor) -> None:
    token = ana.token("/queues")
    ana.post("/queues/manual/limit", {"form_token": token, "most": "many", "reason": "slow"})
    assert "most: 0 does not fit" in ana.get("/queues").text


def test_a_run_that_waits_for_a_pause_says_so_and_offers_the_test(ana: Visitor, console: Served, engine: Engine) -> None:
    id = a_run(engine)
    holding.pause_lane(console.here, "manual", "the ERP is down", None)
    page = ana.get(f"/runs/{id}")
    assert "the ERP is down" in page.text
    assert "Test through the pause" in page.text
    ana.post(f"/runs/{id}/retry", {"form_token": page.token, "through": "yes"})
    shown = ana.get(f"/runs/{id}").text
    assert "goes on through the pause" in shown
    assert "Test through the pause" not in shown


# The command line


def test_the_commands_do_the_same(console: Served, engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for name, value in console.here.settings.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TIEBACK_DATABASE_URL", console.here.settings.database_url)
    living(engine)
    assert main(["queue", "drain", "manual", "--reason", "tonight"]) == 0
    assert main(["queue", "limit", "manual", "3", "--reason", "slow"]) == 0
    assert main(["queue", "limit", "manual", "3"]) != 0
    assert main(["queue", "limit", "manual"]) == 2
    assert main(["workers", "drain", "aa11bb22", "--reason", "more memory"]) == 0
    capsys.readouterr()
    assert main(["workers", "list", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["state"], one["memory_bytes"]) == ("emptying", 183_000_000)
    assert main(["workers", "list"]) == 0
    assert "drained by cli:" in capsys.readouterr().out
    assert main(["workers", "resume", NAME]) == 0
    assert main(["queue", "limit", "manual", "--lift"]) == 0
    with reading(engine) as db:
        assert pauses.limits(db) == {}
