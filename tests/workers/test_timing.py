"""What time brings: schedules, sweeps over our own copies, conditions that must last, questions to people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, text

from automations.parts import Timing
from automations.timing import day_of, following, missed
from config.settings import Settings
from store import approvals, projects, schedules, timers
from store.session import reading, writing
from tests.workers.rig import Rig, payload, rig
from workers import expecting
from workers import schedules as planning

NOTE = """
    do:
      - id: note
        use: db.upsert
        with: {table: seen, key: [run], row: {run: "${run.id}", at: "${event.timestamp}", project: "${event.project_id}"}}
"""


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Any:
    @contextmanager
    def one(**rules: str) -> Iterator[Rig]:
        with rig(engine, settings, far, **rules) as made:
            yield made

    return one


def scheduled(when: str, more: str = "", do: str = NOTE) -> str:
    return f"\n    format: 1\n    id: rule\n    stage: live\n    when:\n      - {when}\n{more}{do}"


def row_of(one: Rig, name: str = "rule/schedule/UTC") -> Any:
    with reading(one.engine) as db:
        return schedules.get(db, name)


def turn_back(one: Rig, hours: float) -> None:
    """As if the schedule had been made, and was last due, so long ago."""
    with writing(one.engine) as db:
        moment = timers.clock(db) - dt.timedelta(hours=hours)
        db.execute(text("UPDATE tieback_schedules SET next_at = :at, created_at = :at"), {"at": _stored(db, moment)})
        for row in schedules.every(db):
            schedules.arm(db, row.name, moment)


def _stored(db: Any, moment: dt.datetime) -> Any:
    from store.types import Instant

    return Instant().process_bind_param(moment, db.dialect)


def due(one: Rig) -> None:
    one.relay.look()
    one.work()
    one.settle()


def states(one: Rig) -> list[str]:
    return [run["state"] for run in one.runs()]


def test_a_schedule_has_its_next_time_from_when_it_is_in_force(site: Any) -> None:
    with site(rule=scheduled('schedule: {at: "07:00"}')) as one:
        row = row_of(one)
        assert (row.next_at.hour, row.next_at.minute) == (7, 0)
        assert row.written == "0 7 * * * (UTC, catch up: one)"
        assert states(one) == []


def test_a_time_that_has_come_makes_one_run_however_often_it_is_looked_at(site: Any) -> None:
    with site(rule=scheduled('schedule: {cron: "0 * * * *"}')) as one:
        turn_back(one, 1)
        due(one)
        assert states(one) == ["ok"]
        # When the same time is looked at again, as after a crash
        with writing(one.engine) as db:
            db.execute(text("UPDATE tieback_schedules SET last_at = NULL"))
        planning.due(one.desk, "rule/schedule/UTC")
        one.settle()
        # Then nothing is made twice
        assert states(one) == ["ok"]
        assert row_of(one).next_at > row_of(one).last_at


@pytest.mark.parametrize("catch_up, count", [("one", 1), ("all", 5), ("none", 0)])
def test_what_was_missed_is_caught_up_as_the_rule_says(site: Any, catch_up: str, count: int) -> None:
    # A time in the middle between two, so that the last one is long past
    minute = (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=30)).minute
    with site(rule=scheduled(f'schedule: {{cron: "{minute} * * * *", catch_up: {catch_up}}}')) as one:
        turn_back(one, 5)
        due(one)
        assert len(one.runs()) == count


def test_each_project_has_its_own_morning(site: Any, far: Any) -> None:
    with site() as one:
        with writing(one.engine) as db:
            projects.seen(db, "acme", {"11": "East", "12": "West"}, {"11": "America/New_York", "12": "US/Pacific"})
        (one.settings.site / "automations/rule.yaml").write_text(
            scheduled('schedule: {at: "07:00", timezone: project, connector: acme}').replace("\n    ", "\n").lstrip()
        )
        assert one.load_site() == []
        with reading(one.engine) as db:
            hours = {row.zone: row.next_at.astimezone(dt.UTC).hour for row in schedules.every(db)}
        assert (hours["US/Pacific"] - hours["America/New_York"]) % 24 == 3
        turn_back(one, 24)
        due(one)
        assert sorted(row["project"] for row in one.rows("SELECT project FROM seen")) == ["11", "12"]


def test_a_retired_rule_leaves_no_schedule(site: Any) -> None:
    with site(rule=scheduled('schedule: {at: "07:00"}')) as one:
        (one.settings.site / "automations/rule.yaml").unlink()
        one.load_site()
        assert row_of(one) is None


def test_saving_a_rule_does_not_begin_its_schedule_anew(site: Any) -> None:
    with site(rule=scheduled('schedule: {at: "07:00"}')) as one:
        turn_back(one, 3)
        before = row_of(one).next_at
        file = one.settings.site / "automations/rule.yaml"
        file.write_text(file.read_text() + "# a remark\n")
        one.load_site()
        assert row_of(one).next_at == before


class TestDaylightSaving:
    """Chicago: on 8 March 2026 two o'clock does not exist, on 1 November one o'clock comes twice."""

    NIGHTLY = Timing(("30 2 * * *",), zone="America/Chicago")
    EARLY = Timing(("30 1 * * *",), zone="America/Chicago")

    def test_a_time_that_the_night_skips_comes_once_the_night_is_over(self) -> None:
        first = following(self.NIGHTLY, dt.datetime(2026, 3, 8, 6, tzinfo=dt.UTC), "America/Chicago")
        assert first == dt.datetime(2026, 3, 8, 8, 0, tzinfo=dt.UTC)  # 3:00 there

    def test_a_time_that_the_night_repeats_comes_once(self) -> None:
        night = (dt.datetime(2026, 11, 1, 4, tzinfo=dt.UTC), dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC))
        every = Timing(self.EARLY.crons, zone="America/Chicago", catch_up="all")
        assert len(missed(every, *night, "America/Chicago")) == 1


SWEEP = """
    format: 1
    id: rule
    stage: live
    when:
      - id: late
        sweep: {connector: acme, resource: RFIs, every: 15m}
        where: record.status == "open"
        %s
    do:
      - id: note
        use: db.upsert
        with: {table: seen, key: [run], row: {run: "${run.id}", record: "${record.id}", status: "${record.status}"}}
"""


def copies(one: Rig, *records: dict[str, Any]) -> None:
    from store import records as kept

    with writing(one.engine) as db:
        for body in records:
            of = {"connector": "acme", "resource": "RFIs", "company_id": "1", "project_id": "11", "record_id": body["id"]}
            digest = f"{body['id']}-{body['status']}-{body.get('updated_at')}"
            kept.keep(db, {**of, "record_hash": digest, "updated_at": body.get("updated_at"), "body": body, "event_id": None})


def sweep(one: Rig) -> str:
    told = planning.now(one.desk, "rule/late/UTC")
    one.work()
    return told


def test_a_sweep_tells_once_of_each_record_that_comes_to_meet_its_condition(site: Any) -> None:
    with site(rule=SWEEP % "") as one:
        copies(one, {"id": "1", "status": "open"}, {"id": "2", "status": "closed"}, {"id": "3", "status": "open"})
        assert sweep(one) == "3 records, 2 meet the condition, told of 2"
        assert sweep(one) == "3 records, 2 meet the condition, told of 0"
        assert [row["record"] for row in one.rows("SELECT record FROM seen ORDER BY record")] == ["1", "3"]
        # When one no longer meets it, and does again
        copies(one, {"id": "1", "status": "closed", "updated_at": "2026-01-01T00:00:00Z"})
        sweep(one)
        copies(one, {"id": "1", "status": "open", "updated_at": "2026-01-02T00:00:00Z"})
        # Then it is told of anew
        assert sweep(one) == "3 records, 2 meet the condition, told of 1"


def test_a_repeat_tells_again_after_its_time_and_not_before(site: Any) -> None:
    with site(rule=SWEEP % "repeat: 3d") as one:
        copies(one, {"id": "1", "status": "open"})
        sweep(one)
        sweep(one)
        assert len(one.runs()) == 1
        with writing(one.engine) as db:
            db.execute(text("UPDATE tieback_watches SET due_at = fired_at"))
        sweep(one)
        assert len(one.runs()) == 2


def test_a_hold_tells_only_of_what_has_lasted(site: Any) -> None:
    with site(rule=SWEEP % "hold: 30m") as one:
        copies(one, {"id": "1", "status": "open"})
        assert sweep(one).endswith("told of 0")
        with writing(one.engine) as db:
            db.execute(text("UPDATE tieback_watches SET due_at = since"))
        assert sweep(one).endswith("told of 1")
        assert states(one) == ["ok"]


def test_a_record_that_cannot_be_judged_fails_with_the_reason_rather_than_in_silence(site: Any) -> None:
    rule = SWEEP.replace('record.status == "open"', "record.due_date < run.today") % ""
    with site(rule=rule) as one:
        copies(one, {"id": "1", "status": "open", "due_date": None})
        assert "1 could not be judged" in sweep(one)
        assert states(one) == ["failed"]
        assert "does not work on null and a time" in str(one.runs()[0]["error"])


HELD = """
    format: 1
    id: rule
    stage: live
    when:
      - id: stuck
        webhook: {connector: acme, resource: RFIs, actions: [update]}
        field: status
        to: [draft]
        hold: 30m
    do:
      - id: note
        use: db.upsert
        with: {table: seen, key: [run], row: {run: "${run.id}", status: "${record.status}"}}
"""


def moved(one: Rig, far: Any, id: str, status: str, key: str) -> None:
    import requests

    body = {"resource": "RFIs", "verb": "update", "id": int(id), "fields": {"status": status}}
    requests.post(f"{far.url}/_sim/change", json=body, timeout=10).raise_for_status()
    one.deliver(payload(far, id, key=key))
    one.settle()


def ripe(one: Rig) -> None:
    with writing(one.engine) as db:
        db.execute(text("UPDATE tieback_watches SET due_at = since"))
        timers.arm(db, "watch", "rule/stuck", in_s=0)
    one.relay.look()
    one.work()


@pytest.fixture
def stuck(site: Any, far: Any) -> Iterator[tuple[Rig, str]]:
    with site(rule=HELD) as one:
        id = str(next(one.desk.loaded.procore("acme").pages("RFIs", str(far.project_id)))["id"])
        moved(one, far, id, "open", "01JA0000000000000000000000")
        moved(one, far, id, "draft", "01JB0000000000000000000000")
        yield one, id


def test_a_change_that_must_last_fires_once_it_has(stuck: tuple[Rig, str]) -> None:
    one, _ = stuck
    assert "watched from now on" in one.runs()[-1]["reason"]
    ripe(one)
    assert [row["status"] for row in one.rows("SELECT status FROM seen")] == ["draft"]


def test_a_change_that_was_taken_back_in_time_never_fires(stuck: tuple[Rig, str], far: Any) -> None:
    one, id = stuck
    moved(one, far, id, "open", "01JC0000000000000000000000")
    ripe(one)
    assert one.rows("SELECT id FROM tieback_watches") == []
    assert all(run["state"] == "skipped" for run in one.runs())


ASK = """
    do:
      - id: ask
        use: ask.approve
        with: {question: "Really?", timeout: 3d}
      - id: note
        if: steps.ask.output.choice == "approve"
        use: db.upsert
        with: {table: seen, key: [run], row: {run: "${run.id}", who: "${steps.ask.output.by}"}}
"""


def test_a_run_waits_for_a_person_and_goes_on_with_the_answer(site: Any) -> None:
    with site(rule=scheduled('schedule: {cron: "0 * * * *"}', do=ASK)) as one:
        turn_back(one, 1)
        one.relay.look()
        one.work()
        assert one.runs()[0]["reason"] == "ask asks: Really?"
        with writing(one.engine) as db:
            (question,) = approvals.every(db, "open", 10)
            assert approvals.answer(db, question.id, "approve", "cli:ana", "fine")
            assert not approvals.answer(db, question.id, "reject", "cli:ben", None)
        one.relay.look()
        one.work()
        assert states(one) == ["ok"]
        assert [row["who"] for row in one.rows("SELECT who FROM seen")] == ["cli:ana"]


def test_nobodys_answer_in_time_is_the_choice_timeout(site: Any) -> None:
    with site(rule=scheduled('schedule: {cron: "0 * * * *"}', do=ASK)) as one:
        turn_back(one, 1)
        one.relay.look()
        one.work()
        with writing(one.engine) as db:
            db.execute(text("UPDATE tieback_approvals SET until = created_at"))
        one.settle()
        assert states(one) == ["ok"]
        assert one.rows("SELECT state FROM tieback_approvals") == [{"state": "expired"}]


def test_a_step_starts_another_automation_once(site: Any) -> None:
    begin = "\n    do:\n      - {id: begin, use: run.start, with: {automation: other, values: {n: 5}}}\n"
    other = """
    format: 1
    id: other
    stage: live
    when: [manual: {}]
    do:
      - id: note
        use: db.upsert
        with: {table: seen, key: [id], row: {id: "1", n: "${event.body.n}"}}
    """
    with site(rule=scheduled('schedule: {cron: "0 * * * *"}', do=begin), other=other) as one:
        turn_back(one, 1)
        due(one)
        assert [(run["automation"], run["state"]) for run in one.runs()] == [("rule", "ok"), ("other", "ok")]
        assert [row["n"] for row in one.rows("SELECT n FROM seen")] == [5]


def test_an_automation_hears_that_another_one_failed(site: Any) -> None:
    fails = '\n    do:\n      - {id: x, use: procore.get, with: {connector: acme, resource: RFIs, id: "0", project_id: "0"}}\n'
    hears = """
    format: 1
    id: hears
    stage: live
    when: [run: {automation: rule, status: failed}]
    do:
      - id: note
        use: db.upsert
        with: {table: seen, key: [id], row: {id: "${event.run_id}", name: "${event.name}", status: "${event.status}"}}
    """
    with site(rule=scheduled('schedule: {cron: "0 * * * *"}', do=fails), hears=hears) as one:
        turn_back(one, 1)
        due(one)
        assert [(row["name"], row["status"]) for row in one.rows("SELECT name, status FROM seen")] == [("rule", "failed")]


def test_silence_becomes_an_alert_and_success_ends_it(site: Any) -> None:
    with site(rule=scheduled('schedule: {cron: "0 * * * *"}', "    expect: {success_every: 2h}\n")) as one:
        (one.settings.site / "alerts.yaml").write_text("format: 1\nsettle: 0s\n")
        assert one.load_site() == []
        expecting.look(one.desk, "site")
        assert one.rows("SELECT kind FROM tieback_alerts") == []
        with writing(one.engine) as db:
            moment = timers.clock(db) - dt.timedelta(hours=3)
            db.execute(text("UPDATE tieback_versions SET created_at = :at"), {"at": _stored(db, moment)})
        expecting.look(one.desk, "site")
        (alert,) = one.rows("SELECT kind, subject, message, state FROM tieback_alerts")
        assert (alert["kind"], alert["subject"], alert["state"]) == ("silence", "rule", "open")
        assert "no run was ok since it is in force, and expect: success_every: is 2h" in alert["message"]
        # When a run is ok again
        turn_back(one, 1)
        due(one)
        expecting.look(one.desk, "site")
        assert one.rows("SELECT state FROM tieback_alerts") == [{"state": "resolved"}]


@pytest.mark.parametrize(
    "moment, zone, day",
    [
        ("2026-03-20T03:00:00+00:00", "America/Chicago", "2026-03-19"),
        ("2026-03-20T12:00:00+00:00", "America/Chicago", "2026-03-20"),
        ("2026-03-20T23:00:00+00:00", "Pacific/Auckland", "2026-03-21"),
        ("2026-03-20T12:00:00+00:00", "Nowhere/At_All", "2026-03-20"),
    ],
)
def test_what_is_due_today_is_not_overdue_before_the_day_is_over_there(moment: str, zone: str, day: str) -> None:
    assert day_of(dt.datetime.fromisoformat(moment), zone) == dt.datetime.fromisoformat(f"{day}T00:00:00+00:00")
