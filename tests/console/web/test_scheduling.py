"""Schedules at hand: in plain words, let happen now, held back, and made up for; on pages, in the API, on the command line."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, select, update

from automations.parts import Timing
from automations.timing import in_words
from config.errors import ConfigError
from console.cli import main
from console.verbs import ruling, scheduling, standing
from console.verbs.at_hand import NotThere
from store.models import Event, Run, Schedule
from store.session import reading, writing
from store.types import now
from tests.console.web.served import Served, Visitor
from tests.console.web.test_api import Client
from tests.workers.rig import desk_of
from workers import schedules
from workers.keeper import Keeper

RULE = """\
format: 1
id: nightly
stage: live
when: [{schedule: {at: "07:00", timezone: America/Denver}}]
do: [{id: a, use: set, with: {n: 1}}]
"""
NAME = "nightly/schedule/America/Denver"
ADDRESS = f"/schedules/{NAME}"


@pytest.fixture
def planned(console: Served, engine: Engine) -> Served:
    """An automation that is due each morning, and was so for three days while nothing ran."""
    folder = console.here.settings.site / "automations"
    folder.mkdir(parents=True)
    (folder / "nightly.yaml").write_text(RULE, "utf-8")
    ruling.applied(console.here)
    with writing(engine) as db:
        db.execute(update(Schedule).values(created_at=now(-3 * 86_400)))
    return console


def runs(engine: Engine) -> int:
    with reading(engine) as db:
        return len(list(db.scalars(select(Run.id))))


@pytest.mark.parametrize(
    ("timing", "words"),
    [
        (Timing(crons=("0 7 * * *",)), "at 07:00 every day"),
        (Timing(crons=("10 2 * * 1-5",)), "at 02:10 on Monday through Friday"),
        (Timing(every_s=900.0), "every 15m"),
        (Timing(crons=("0 7 * * *", "0 19 1 * *")), "at 07:00 every day and at 19:00 on the first day of every month"),
    ],
)
def test_a_schedule_is_told_in_plain_words(timing: Timing, words: str) -> None:
    assert in_words(timing) == words


def test_the_next_five_times_are_told_and_those_that_were_missed(planned: Served) -> None:
    (one,) = scheduling.listed(planned.here)
    assert one["words"] == "at 07:00 every day"
    assert len(one["coming"]) == 5
    assert all(later - at <= dt.timedelta(hours=25) for at, later in zip(one["coming"], one["coming"][1:], strict=False))
    assert len(one["missed"]) == 3
    assert one["missed"] == sorted(one["missed"], reverse=True)


def test_a_missed_time_is_made_up_for_once(planned: Served, engine: Engine) -> None:
    at = scheduling.listed(planned.here)[0]["missed"][1]
    assert scheduling.catch_up(planned.here, NAME, at.isoformat()).startswith("started run")
    assert scheduling.catch_up(planned.here, NAME, at.isoformat()) == "known already"
    assert at not in scheduling.listed(planned.here)[0]["missed"]
    assert runs(engine) == 1
    with reading(engine) as db:
        assert [row.timestamp for row in db.execute(select(Event.timestamp).where(Event.source == "schedule"))] == [at]


@pytest.mark.parametrize(
    ("at", "said"), [("soon", "is no time"), ("2026-03-01T07:01:00Z", "was not planned"), ("", "is no time")]
)
def test_a_time_that_was_not_planned_is_refused(planned: Served, engine: Engine, at: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"at: .*{said}"):
        scheduling.catch_up(planned.here, NAME, at)
    assert runs(engine) == 0


def test_a_held_schedule_lets_its_times_pass_and_they_are_missed_until_it_goes_on(
    planned: Served, engine: Engine, keeper: Keeper
) -> None:
    scheduling.hold(planned.here, NAME, "the ERP is closed", None)
    assert f"The schedule {NAME} is paused: the ERP is closed" in [
        one["seen"] for one in standing.verdict(planned.here)["reasons"]
    ]
    desk = desk_of(engine, planned.here.settings, keeper)
    with reading(engine) as db:
        desk.loaded.fresh(db)
    with writing(engine) as db:
        db.execute(update(Schedule).values(next_at=now(-1), last_at=now(-2 * 86_400)))
    schedules.due(desk, NAME)
    assert runs(engine) == 0
    (one,) = scheduling.listed(planned.here)
    assert one["reason"] == "let pass, console holds it: the ERP is closed"
    # When somebody lets it go on, its times make events again, and what passed can still be made up for
    scheduling.go_on(planned.here, NAME)
    with writing(engine) as db:
        db.execute(update(Schedule).values(next_at=now(-1), last_at=now(-2 * 86_400)))
    schedules.due(desk, NAME)
    assert runs(engine) == 1
    with pytest.raises(ConfigError, match="nobody holds"):
        scheduling.go_on(planned.here, NAME)


def test_a_hold_that_is_over_holds_nothing(planned: Served, engine: Engine) -> None:
    scheduling.hold(planned.here, NAME, "for an hour", 3600)
    with writing(engine) as db:
        held = {"by": "ana", "reason": "x", "at": "2026-03-01T00:00:00+00:00", "until": "2026-03-01T01:00:00+00:00"}
        db.execute(update(Schedule).values(held=held))
    assert scheduling.listed(planned.here)[0]["held"] is None


def test_what_a_changed_schedule_never_planned_was_not_missed(planned: Served) -> None:
    path = planned.here.settings.site / "automations" / "nightly.yaml"
    path.write_text(RULE.replace("07:00", "06:00"), "utf-8")
    ruling.applied(planned.here)
    assert scheduling.listed(planned.here)[0]["missed"] == []


def test_an_unknown_schedule_is_named_with_the_nearest(planned: Served) -> None:
    with pytest.raises(NotThere, match="did you mean"):
        scheduling.hold(planned.here, NAME.replace("Denver", "Denvr"), "x")
    with pytest.raises(ConfigError, match="reason: say why"):
        scheduling.hold(planned.here, NAME, "")


def test_the_api_and_the_page_have_the_verbs(planned: Served, engine: Engine) -> None:
    client = Client(planned, "operate")
    path = f"/api/v1/schedules/{quote(NAME, safe='')}"
    (one,) = json.loads(client.get("/api/v1/schedules").text)["items"]
    assert client.post(f"{path}/catch-up", {"at": one["missed"][0]}).status == 200
    assert client.post(f"{path}/catch-up", {"at": "soon"}).status == 422
    assert client.post(f"{path}/pause", {"reason": "closed", "hours": 2}).status == 200
    assert client.post(f"{path}/resume", {}).status == 200
    assert client.post(f"{path}/run", {}).status == 200
    assert client.post("/api/v1/schedules/nothing/run", {}).status == 404
    assert runs(engine) == 2
    planned.person("ana", "admin")
    ana = Visitor(planned.url)
    ana.sign_in("ana")
    token = ana.token("/schedules")
    assert ana.get("/schedules").text.count("Make up for it") == 2
    ana.post(f"{ADDRESS}/run", {"form_token": token})
    assert "started run 3" in ana.get("/schedules").text
    ana.post(f"{ADDRESS}/pause", {"form_token": token, "reason": "", "hours": "4"})
    assert "reason: say why" in ana.get("/schedules").text
    ana.post(f"{ADDRESS}/pause", {"form_token": token, "reason": "closed", "hours": "4"})
    assert "by user:ana" in ana.get("/schedules").text


def test_the_commands_do_the_same(planned: Served, engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("TIEBACK_SITE", str(planned.here.settings.site))
    monkeypatch.setenv("TIEBACK_DATABASE_URL", planned.here.settings.database_url)
    assert main(["schedules", "list", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert main(["schedules", "catch-up", NAME, one["missed"][0]]) == 0
    assert "started run 1" in capsys.readouterr().out
    assert main(["schedules", "pause", NAME, "--reason", "closed", "--for", "2h"]) == 0
    assert main(["schedules", "list"]) == 0
    assert "closed" in capsys.readouterr().out
    assert main(["schedules", "resume", NAME]) == 0
    assert main(["schedules", "resume", NAME]) == 2
    assert runs(engine) == 1
