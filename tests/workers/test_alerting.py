"""Alerts are told to people: once, together, again while they last, and when they are over. Real receivers on sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, text, update

from config.settings import Settings
from store import alerts, beats, timers
from store.models import Alert, Notice, Timer
from store.session import reading, writing
from store.types import now
from tests.connectors.mail import Post
from tests.workers.conftest import fault
from tests.workers.rig import Rig, rig
from workers import alerting, chores, noticing, watchman
from workers.noticing import Trouble

ROUTES = """\
format: 1
group: 30s
repeat: 4h
settle: 0s
routes:
  - to: http:sink
  - to: email:office
    severity: page
"""


@pytest.fixture
def one(engine: Engine, settings: Settings, far: Any, post: tuple[Post, int]) -> Iterator[Rig]:
    """A site that tells `http:sink` everything and `email:office` what should wake somebody."""
    (settings.site / "destinations").mkdir()
    (settings.site / "destinations/office.yaml").write_text(
        f"format: 1\nkind: email\nname: office\nhost: 127.0.0.1\nport: {post[1]}\nsecurity: none\nprivate: true\n"
        "from: Tieback <tieback@acme.example>\nto: [ana@acme.example]\n"
    )
    (settings.site / "alerts.yaml").write_text(ROUTES)
    with rig(engine, settings, far) as made:
        yield made


def see(one: Rig, **kinds: list[Trouble]) -> None:
    """One look at which these kinds of trouble are seen, each with all that is wrong of it."""
    with writing(one.engine) as db:
        plan = alerting.plan_of(db)
        for kind, troubles in kinds.items():
            noticing.note(db, plan, kind, troubles)
        alerting.route(db, plan)


def tell(one: Rig) -> None:
    """What waits for destinations is due now, and said."""
    with writing(one.engine) as db:
        late = (Timer.kind == "tell", Timer.state == "waiting")
        db.execute(update(Timer).where(*late).values(run_after=now(-1), rung_at=None))
    one.relay.look()
    one.work()


def sink(far: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{far.url}/_sim/sink/erp", timeout=5).json()
    return found


def facts(far: Any) -> list[list[tuple[str, str, str]]]:
    """What each message that came by HTTP says: (what, kind, subject) of its alerts."""
    return [[(one["what"], one["kind"], one["subject"]) for one in got["body"]["alerts"]] for got in sink(far)]


def hours_pass(one: Rig, hours: float) -> None:
    with writing(one.engine) as db:
        for row in db.execute(Notice.__table__.select().add_columns(now().label("here"))).all():
            moved = {
                name: now((getattr(row, name) - row.here).total_seconds() - hours * 3600)
                for name in ("created_at", "ended_at")
                if getattr(row, name) is not None
            }
            db.execute(update(Notice).where(Notice.id == row.id).values(**moved))


DISK = Trouble("var", "3 MiB are free where var is")
LATE = Trouble("webhook", "9 pieces of work of the lane webhook are due", "ticket", lasted_s=900)


def test_what_begins_together_is_one_message_for_each_destination(one: Rig, far: Any, post: tuple[Post, int]) -> None:
    see(one, disk=[DISK], queue=[LATE])
    assert sink(far) == []  # the window is open still
    tell(one)
    assert facts(far) == [[("began", "disk", "var"), ("began", "queue", "webhook")]]
    # And the mail has what should wake somebody alone
    (mail,) = [post[0].read(number) for number in range(len(post[0].mails))]
    assert mail["Subject"] == "Tieback: disk began (page)"
    words = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "began: page: disk: 3 MiB are free where var is (since " in words
    assert "Type: df -h. What it means: docs/alerts.md, disk." in words
    assert "tieback alerts ack 1" in words


def test_nothing_is_told_twice_however_often_it_is_seen(one: Rig, far: Any) -> None:
    for _ in range(3):
        see(one, disk=[DISK])
        tell(one)
    assert facts(far) == [[("began", "disk", "var")]]


def test_the_end_is_told_to_those_who_heard_of_the_beginning(one: Rig, far: Any, post: tuple[Post, int]) -> None:
    see(one, disk=[DISK], queue=[LATE])
    tell(one)
    see(one, disk=[], queue=[])
    tell(one)
    assert facts(far)[1:] == [[("over", "disk", "var"), ("over", "queue", "webhook")]]
    assert [post[0].read(number)["Subject"] for number in range(2)] == [
        "Tieback: disk began (page)",
        "Tieback: disk is over (page)",
    ]
    see(one, disk=[], queue=[])
    tell(one)
    assert len(facts(far)) == 2


def test_what_began_and_ended_before_it_was_told_is_said_in_one_line(one: Rig, far: Any) -> None:
    see(one, disk=[DISK])
    see(one, disk=[])
    tell(one)
    assert facts(far) == [[("over", "disk", "var")]]


def test_what_lasts_is_said_again_after_the_hours_of_the_plan_unless_somebody_looks_after_it(one: Rig, far: Any) -> None:
    see(one, disk=[DISK])
    tell(one)
    hours_pass(one, 3.9)
    see(one, disk=[DISK])
    tell(one)
    assert len(facts(far)) == 1
    hours_pass(one, 0.2)
    see(one, disk=[DISK])
    tell(one)
    assert facts(far)[1:] == [[("lasts", "disk", "var")]]
    hours_pass(one, 4.1)
    with writing(one.engine) as db:
        assert alerts.ack(db, 1, "ana", "on it")
    see(one, disk=[DISK])
    tell(one)
    assert len(facts(far)) == 2
    # The end is told all the same
    see(one, disk=[])
    tell(one)
    assert facts(far)[2:] == [[("over", "disk", "var")]]


def test_a_storm_is_one_message_with_the_gravest_lines_and_how_many_more(one: Rig, far: Any) -> None:
    see(one, failures=[Trouble(f"cause{number}", f"cause {number}") for number in range(60)], disk=[DISK])
    tell(one)
    (got,) = sink(far)
    assert got["body"]["title"] == "Tieback: 61 began"
    assert got["body"]["text"] == "Alerts: 60 failures, 1 disk"
    assert got["body"]["items"][0]["text"].startswith("began: page: disk:")
    assert len(got["body"]["items"]) == 10
    assert got["body"]["fields"]["More"] == "51, listed by: tieback alerts list"


def test_a_destination_that_was_told_often_within_the_hour_is_told_at_longer_intervals(one: Rig, far: Any) -> None:
    for number in range(alerting.MANY):
        see(one, failures=[Trouble(f"cause{number}", "x")])
        tell(one)
    see(one, failures=[Trouble("one more", "x")])
    assert len(sink(far)) == alerting.MANY
    wait = one.rows("SELECT run_after FROM tieback_timers WHERE kind = 'tell' AND subject = 'http:sink'")
    with reading(one.engine) as db:
        in_s = -timers.late_s(db, "tell", "http:sink")
    assert wait
    assert alerting.MANY_GROUP_S - 60 < in_s <= alerting.MANY_GROUP_S


def test_a_second_ring_says_nothing_again(one: Rig, far: Any) -> None:
    see(one, disk=[DISK])
    tell(one)
    (row,) = one.rows("SELECT id FROM tieback_timers WHERE kind = 'tell' AND subject = 'http:sink'")
    chores.run(one.desk, row["id"])
    chores.run(one.desk, row["id"])
    assert len(sink(far)) == 1


def test_two_processes_that_look_at_once_tell_once(one: Rig, far: Any) -> None:
    see(one, disk=[DISK])
    with writing(one.engine) as db:
        db.execute(update(Timer).where(Timer.kind == "tell").values(run_after=now(-60)))
    barrier = threading.Barrier(3)

    def look() -> None:
        barrier.wait()
        watchman.look(one.desk, 20.0)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert facts(far) == [[("began", "disk", "var")]]


def test_a_crash_between_taking_and_telling_says_it_later_with_the_same_key(one: Rig, far: Any) -> None:
    see(one, disk=[DISK])
    with writing(one.engine) as db:
        from store import notices

        taken = notices.take(db, "http:sink")[0].message
    see(one, disk=[DISK], queue=[LATE])  # what begins meanwhile does not get into the message that was taken
    tell(one)
    assert facts(far) == [[("began", "disk", "var")], [("began", "queue", "webhook")]]
    assert sink(far)[0]["headers"]["Idempotency-Key"] == taken


def test_a_destination_that_refuses_is_tried_again_ever_more_seldom_and_becomes_an_alert(
    one: Rig, far: Any, post: tuple[Post, int]
) -> None:
    post[0].answer = "451 try later"
    waits = []
    see(one, disk=[DISK])
    for _ in range(3):
        tell(one)
        with reading(one.engine) as db:
            waits.append(round(-timers.late_s(db, "tell", "email:office"), -1))
    assert waits == [30, 60, 120]
    # From the third try on the others hear of it
    chores.run(one.desk, _look_is_due(one))
    tell(one)
    assert ("began", "destination", "email:office") in facts(far)[-1]
    assert "email:office does not take alerts, 1 wait" in sink(far)[-1]["body"]["items"][0]["text"]
    # When it takes mail again it hears of the disk, and the alert about it ends
    post[0].answer = "250 2.0.0 queued"
    tell(one)
    assert "disk began" in post[0].read()["Subject"]
    chores.run(one.desk, _look_is_due(one))
    tell(one)
    assert ("over", "destination", "email:office") in facts(far)[-1]


def _look_is_due(one: Rig) -> int:
    with writing(one.engine) as db:
        db.execute(update(Timer).where(Timer.kind == "alerts").values(run_after=now(-1)))
    return int(one.rows("SELECT id FROM tieback_timers WHERE kind = 'alerts'")[0]["id"])


def test_an_answer_that_never_came_is_said_again(one: Rig, far: Any) -> None:
    fault(far, "sink", sink="erp", mode="apply_then_cut", for_s=60)
    see(one, disk=[DISK])
    tell(one)
    requests.delete(f"{far.url}/_sim/faults", timeout=5)
    assert one.rows("SELECT state FROM tieback_notices WHERE destination = 'http:sink'") == [{"state": "waiting"}]
    tell(one)
    assert facts(far)[-1] == [("began", "disk", "var")]
    assert len({got["headers"]["Idempotency-Key"] for got in sink(far)}) == 1


def test_what_could_not_be_said_for_a_day_is_given_up(one: Rig, far: Any, post: tuple[Post, int]) -> None:
    post[0].answer = "554 no"
    see(one, disk=[DISK])
    tell(one)
    hours_pass(one, 25)
    see(one, disk=[DISK])
    assert one.rows("SELECT state FROM tieback_notices WHERE destination = 'email:office'") == [{"state": "dropped"}]


def test_a_destination_that_no_route_names_any_more_is_told_nothing(one: Rig, far: Any) -> None:
    see(one, disk=[DISK])
    (one.settings.site / "alerts.yaml").write_text("format: 1\n")
    assert one.load_site() == []
    see(one, disk=[DISK])
    tell(one)
    assert sink(far) == []


def test_a_broken_plan_leaves_the_last_good_one_in_force(one: Rig, far: Any) -> None:
    (one.settings.site / "alerts.yaml").write_text("format: 1\nroutes:\n  - {to: http:gone}\n")
    (message,) = one.load_site()
    assert message.startswith('alerts.yaml:3:10 error TB504: there is no destination "http:gone"')
    see(one, disk=[DISK])
    tell(one)
    assert len(facts(far)) == 1


def test_a_kind_that_is_off_is_no_alert_and_ends_where_it_was_one(one: Rig) -> None:
    see(one, disk=[DISK])
    (one.settings.site / "alerts.yaml").write_text(ROUTES + "kinds: {disk: {severity: off}}\n")
    assert one.load_site() == []
    see(one, disk=[DISK])
    assert [row["state"] for row in one.rows("SELECT state FROM tieback_alerts")] == ["resolved"]


def test_a_relay_tells_that_no_worker_is_alive(one: Rig, far: Any) -> None:
    """The timers are late since nobody takes them; the process that notices does it itself."""
    with writing(one.engine) as db:
        beats.beat(db, "relay:r", "relay")
        beats.beat(db, "worker:w", "worker")
        db.execute(text("UPDATE tieback_beats SET beat_at = :at WHERE role = 'worker'"), {"at": _ago(db, 90)})
        db.execute(update(Timer).where(Timer.kind == "alerts").values(run_after=now(-60)))
    assert watchman.look(one.desk, 20.0) == 1
    with writing(one.engine) as db:
        db.execute(update(Timer).where(Timer.kind == "tell").values(run_after=now(-60)))
    assert watchman.look(one.desk, 20.0) == 2  # the sink and the mail
    assert facts(far) == [[("began", "workers", "worker")]]
    assert one.rows("SELECT state FROM tieback_alerts") == [{"state": "open"}]


def _ago(db: Any, seconds: float) -> Any:
    import datetime as dt

    from store.types import Instant

    return Instant().process_bind_param(timers.clock(db) - dt.timedelta(seconds=seconds), db.dialect)


def test_an_alert_of_before_is_told_when_a_route_is_written(one: Rig, far: Any) -> None:
    (one.settings.site / "alerts.yaml").unlink()
    assert one.load_site() == []
    see(one, disk=[DISK])
    assert one.rows("SELECT id FROM tieback_notices") == []
    (one.settings.site / "alerts.yaml").write_text(ROUTES)
    assert one.load_site() == []
    see(one, disk=[DISK])
    tell(one)
    assert facts(far) == [[("began", "disk", "var")]]


def test_what_flaps_is_told_once_and_says_so_when_it_is_said_again(one: Rig, far: Any) -> None:
    (one.settings.site / "alerts.yaml").write_text(ROUTES.replace("settle: 0s", "settle: 5m"))
    assert one.load_site() == []
    for _ in range(6):
        see(one, disk=[DISK])
        tell(one)
        see(one, disk=[])
        tell(one)
    assert facts(far) == [[("began", "disk", "var")]]
    hours_pass(one, 5)
    see(one, disk=[DISK])
    tell(one)
    assert "came back 6 times" in sink(far)[-1]["body"]["text"]
    with reading(one.engine) as db:
        assert db.execute(Alert.__table__.select()).one().times == 6
