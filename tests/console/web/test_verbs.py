"""What people do on the pages does what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select, update

from config.errors import ConfigError
from console.verbs import failing, holding, looking, overviewing, settling, standing, switching
from console.verbs.at_hand import NotThere
from store import beats, board, causes, definitions, leases, pauses, runs
from store.models import Pause, Run
from store.session import reading, writing
from store.types import now
from tests.console.web.served import Served, Visitor
from tests.store import samples


def a_run(engine: Engine, key: str = "e1", **values: object) -> int:
    with writing(engine) as db:
        id = samples.run(db, samples.event(db, key), lane="manual")
        if values:
            db.execute(update(Run).where(Run.id == id).values(**values))
    return id


def effect_of(run_id: int) -> dict[str, object]:
    about = {"effect_key": f"k{run_id}", "run_id": run_id, "step": "do/0", "fence": 1, "policy": "at_most_once"}
    return {**about, "target": "http:erp", "summary": "POST /orders", "request_hash": "h"}


def an_effect(engine: Engine, run_id: int, state: str = "uncertain") -> int:
    with writing(engine) as db:
        row, _ = runs.intend(db, effect_of(run_id))
        runs.settle(db, f"k{run_id}", state, None)
    return int(row.id)


def state_of(engine: Engine, run_id: int) -> str:
    with reading(engine) as db:
        return str(runs.get(db, run_id).state)  # type: ignore[union-attr]


# Lanes


def test_a_paused_lane_is_not_taken_until_it_is_resumed(console: Served, engine: Engine) -> None:
    id = a_run(engine)
    holding.pause_lane(console.here, "manual", "the ERP is down", None)
    with writing(engine) as db:
        assert not leases.anything_due(db, Run)
        assert leases.to_ring(db, Run, limit=10, grace_s=-1, again_after_s=0) == []
        assert leases.claim(db, Run, id, "w1") is None
        assert leases.oldest_due_s(db, Run) == 0.0
    holding.resume_lane(console.here, "manual")
    with writing(engine) as db:
        assert leases.claim(db, Run, id, "w1") is not None


def test_another_lane_goes_on(console: Served, engine: Engine) -> None:
    id = a_run(engine)
    holding.pause_lane(console.here, "backfill", "quota", None)
    with writing(engine) as db:
        assert leases.claim(db, Run, id, "w1") is not None


def test_a_pause_ends_by_itself(console: Served, engine: Engine) -> None:
    id = a_run(engine)
    holding.pause_lane(console.here, "manual", "for an hour", 3600)
    with writing(engine) as db:
        assert leases.claim(db, Run, id, "w1") is None
        db.execute(update(Pause).values(until=now(-1)))
        assert pauses.every(db) == []
        assert leases.claim(db, Run, id, "w1") is not None


@pytest.mark.parametrize(
    ("lane", "reason", "for_s"), [("manual", "", None), ("manual", "x", 0), ("manual", "x", 1e9), ("manul", "x", None)]
)
def test_a_pause_needs_a_lane_a_reason_and_a_sensible_end(console: Served, lane: str, reason: str, for_s: float | None) -> None:
    with pytest.raises(ConfigError):
        holding.pause_lane(console.here, lane, reason, for_s)


def test_what_is_not_paused_cannot_be_resumed(console: Served) -> None:
    with pytest.raises(ConfigError, match="not paused"):
        holding.resume_lane(console.here, "manual")


def test_a_paused_automation_is_in_force_no_more(console: Served, engine: Engine) -> None:
    a_run(engine)
    switching.pause_automation(console.here, "rule", "too loud")
    with reading(engine) as db:
        assert definitions.active(db) == []
    with pytest.raises(ConfigError, match="paused already"):
        switching.pause_automation(console.here, "rule", "again")
    switching.resume_automation(console.here, "rule")
    with reading(engine) as db:
        assert [one.name for one in definitions.active(db)] == ["rule"]


# Effects


def test_an_effect_that_arrived_is_not_made_again_and_its_run_goes_on(console: Served, engine: Engine) -> None:
    run = a_run(engine, state="parked")
    effect = an_effect(engine, run)
    assert "goes on" in settling.settle(console.here, effect, "applied", "order 12 is there")
    assert state_of(engine, run) == "waiting"
    with writing(engine) as db:
        row, fresh = runs.intend(db, effect_of(run))
    assert (row.state, fresh) == ("applied", False)


def test_an_effect_that_did_not_arrive_is_made_again(console: Served, engine: Engine) -> None:
    run = a_run(engine, state="parked")
    effect = an_effect(engine, run)
    settling.settle(console.here, effect, "not applied", "")
    with writing(engine) as db:
        row, fresh = runs.intend(db, effect_of(run))
    assert (row.state, fresh) == ("intent", True)


def test_what_is_settled_or_at_work_is_left_alone(console: Served, engine: Engine) -> None:
    applied = an_effect(engine, a_run(engine, state="ok"), "applied")
    with pytest.raises(ConfigError, match="applied already"):
        settling.settle(console.here, applied, "applied", "")
    working = an_effect(engine, a_run(engine, "e2", state="running"))
    with pytest.raises(ConfigError, match="at work"):
        settling.settle(console.here, working, "applied", "")
    with pytest.raises(NotThere):
        settling.settle(console.here, 999, "applied", "")


# Failures


def fail(engine: Engine, key: str, message: str, kind: str = "http_429") -> int:
    error = {"step": "do/0", "kind": kind, "message": message}
    return a_run(engine, key, state="failed", finished_at=now(), error=error, cause=causes.of("failed", None, error))


def test_failures_that_differ_in_ids_alone_are_one_cause(console: Served, engine: Engine) -> None:
    for number in range(4):
        fail(engine, f"e{number}", f"429 on /projects/{number}/rfis/{number}77")
    fail(engine, "other", "403 on /orders", "http_403")
    groups = failing.groups(console.here)
    assert [(one["kind"], one["count"]) for one in groups] == [("http_429", 4), ("http_403", 1)]


def test_an_acknowledged_cause_counts_what_failed_since(console: Served, engine: Engine) -> None:
    fail(engine, "e1", "429 on /a/1")
    (group,) = failing.groups(console.here)
    failing.mark(console.here, group["cause"], "acknowledged", "Procore knows")
    with writing(engine) as db:
        db.execute(update(Run).values(created_at=now(-60)))
    fail(engine, "e2", "429 on /a/2")
    (group,) = failing.groups(console.here)
    assert (group["state"], group["note"], group["count"], group["fresh"]) == ("acknowledged", "Procore knows", 2, 1)
    failing.mark(console.here, group["cause"], "open", "")
    with reading(engine) as db:
        assert causes.every(db) == {}


def test_the_runs_of_a_cause_are_found_by_it(console: Served, engine: Engine) -> None:
    ids = [fail(engine, "e1", "429 on /a/1"), fail(engine, "e2", "429 on /a/2")]
    fail(engine, "other", "403 on /orders", "http_403")
    group = failing.groups(console.here)[0]
    assert (group["count"], group["newest"]) == (2, ids[1])
    assert [run["id"] for run in looking.runs(console.here, 9, cause=group["cause"])] == ids[::-1]
    assert failing.groups(replace(console.here, only=frozenset({"north"}))) == []


# The verdict


def ready(engine: Engine) -> None:
    with writing(engine) as db:
        definitions.set_fact(db, "site_loaded", "1")
        for role in ("relay", "worker"):
            beats.beat(db, f"{role}:h", role)


def test_all_is_well_when_everything_lives_and_nothing_failed(console: Served, engine: Engine) -> None:
    ready(engine)
    assert standing.verdict(console.here) == {"level": "good", "word": "All is well", "reasons": []}


def test_the_worst_reason_stands_first_and_names_its_page(console: Served, engine: Engine) -> None:
    ready(engine)
    fail(engine, "e1", "429")
    holding.pause_lane(console.here, "manual", "the ERP is down", None)
    found = standing.verdict(console.here)
    assert found["level"] == "warn"
    assert [(one["level"], one["where"]) for one in found["reasons"]] == [("warn", "/failures"), ("held", "/queues")]
    with writing(engine) as db:
        beats.gone(db, "relay:h")
    assert standing.verdict(console.here)["reasons"][0] == {
        "level": "bad", "seen": "No relay has given a sign of life for 10 s", "where": "/queues"
    }  # fmt: skip


def test_bars_of_a_plot_add_up_to_the_runs(console: Served, engine: Engine) -> None:
    for number in range(3):
        a_run(engine, f"e{number}", state="ok", finished_at=now(-3600 * number))
    fail(engine, "bad", "429")
    with reading(engine) as db:
        counted = board.finished(db, 86_400, 1800, None)
        assert sum(count for _, _, count in counted) == 4
        assert all(start % 1800 == 0 for start, _, _ in counted)


# Searching


def test_runs_are_found_by_each_filter(filled: tuple[Served, dict[str, object]]) -> None:
    console, _ = filled
    every = looking.runs(console.here, 200)
    for name in ("state", "automation", "connector", "lane"):
        for value in {run[name] for run in every}:
            found = looking.runs(console.here, 200, **{name: value})
            assert found == [run for run in every if run[name] == value]
    assert {run["state"] for run in looking.runs(console.here, 200, text="Procore ASKS us")} <= {"failed", "parked"}
    assert looking.runs(console.here, 200, text="100% nowhere_") == []
    assert looking.runs(console.here, 2, before=every[1]["id"]) == every[2:4]


def test_events_are_found_by_words_inside_what_was_sent(filled: tuple[Served, dict[str, object]]) -> None:
    console, _ = filled
    assert [one["delivery_id"] for one in looking.events(console.here, 200, text=f"01J{7:023d}")] == [8]
    assert len(looking.events(console.here, 200, text="Slab edge")) == 60
    assert looking.events(console.here, 200, text="no such words") == []


@pytest.mark.parametrize("text", ["rfi 103", "RFIs 103", "rfi #103", "103"])
def test_a_record_is_found_by_its_number(filled: tuple[Served, dict[str, object]], text: str) -> None:
    console, _ = filled
    found = looking.find(console.here, text)
    assert found
    assert {one["body"]["number"] for one in found} == {"103"}
    assert text == "103" or {one["resource"] for one in found} == {"RFIs"}


def test_from_the_overview_to_why_a_message_was_not_sent_in_three_clicks(filled: tuple[Served, dict[str, object]]) -> None:
    # Given somebody who looks for a submittal by its number
    console, _ = filled
    vera = Visitor(console.url)
    vera.sign_in("vera")
    # When they type it at the top of the overview
    page = vera.get("/find?q=submittal+101")
    record = page.location or "/records/" + page.text.split('href="/records/')[1].split('"')[0]
    page = vera.get(record)
    # Then the record's own page leads to its event, which says why each automation did not run
    assert "submittal-message" in page.text
    event = page.text.split('href="/events/')[1].split('"')[0]
    assert "line 1 does not hold" in vera.get(f"/events/{event}").text


def test_what_differs_between_two_copies_is_named_by_its_path() -> None:
    before = {"status": "open", "assignee": {"name": "Ana", "id": 1}, "tags": [1]}
    after = {"status": "closed", "assignee": {"name": "Bob", "id": 1}, "tags": [1, 2]}
    assert [one["path"] for one in looking.differences(before, after)] == ["status", "assignee.name", "tags"]


def test_the_pauses_in_force_are_rows_with_their_reason(console: Served, engine: Engine) -> None:
    holding.pause_lane(console.here, "webhook", "moving house", 4 * 3600)
    with reading(engine) as db:
        (row,) = db.execute(select(Pause.__table__))
    assert (row.lane, row.reason, row.by) == ("webhook", "moving house", "console")


def test_the_bars_count_what_has_just_ended_although_older_ones_are_kept(console: Served, engine: Engine) -> None:
    a_run(engine, "e1", state="ok", finished_at=now())
    assert sum(bar["good"] for bar in overviewing.overview(console.here)["plots"]["24 hours"]["bars"]) == 1
    a_run(engine, "e2", state="ok", finished_at=now())
    a_run(engine, "e3", state="failed", finished_at=now(-7000))
    bars = overviewing.overview(console.here)["plots"]["24 hours"]["bars"]
    assert sum(bar["good"] for bar in bars) == 2
    assert sum(bar["bad"] for bar in bars) == 0, "an older bar is counted anew once an hour"
