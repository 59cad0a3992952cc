"""Digests: one message for many at the end of a window, said once whatever dies, and never lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, select, update

from automations.journal import Gathered, StepResult
from config.settings import Settings
from store import digests, leases, runs, switch, timers
from store.models import Gathered as Kept
from store.models import Run, Timer
from store.session import reading, writing
from store.types import now
from tests.store import samples
from tests.workers.conftest import fault, write_slack
from tests.workers.rig import Rig, rig
from workers import digests as sending
from workers.journal import StoreJournal


@pytest.fixture
def one(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    """A site with `slack:ops` and `http:sink`, both at the simulator's sinks."""
    write_slack(settings.site, far)
    with rig(engine, settings, far) as made:
        yield made


def gather(one: Rig, count: int, *, to: str = "slack:ops", key: str = "k", after_s: float = -1.0) -> None:
    """What a run over its rate does: its step's journal takes the messages and commits them."""
    with writing(one.engine) as db:
        held = leases.claim(db, Run, samples.run(db, samples.event(db, f"event {key}{to}")), "w")
        assert held is not None
        row, until = runs.get(db, held.id), timers.clock(db).replace(microsecond=0) + dt.timedelta(seconds=after_s)
    journal = StoreJournal(one.desk, held, row, None, None)
    for number in range(count):
        link = f"https://a.example/{number}"
        journal.gather(Gathered(f"{key}{number}{to}", "rule", to, "p1", until, f"RFI {number}", "is <!channel> late", link))
    journal.finish(StepResult("tell", "ok"))


def work(one: Rig) -> None:
    """Digest timers are due now and done."""
    with writing(one.engine) as db:
        late = (Timer.kind == "digest", Timer.state == "waiting")
        db.execute(update(Timer).where(*late).values(run_after=now(-1), rung_at=None))
    one.relay.look()
    one.work()


def sink(far: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{far.url}/_sim/sink/{name}", timeout=5).json()
    return found


def effects(one: Rig) -> list[tuple[str, str]]:
    return [(row["target"], row["state"]) for row in one.rows("SELECT target, state FROM tieback_effects ORDER BY id")]


def unsent(one: Rig) -> int:
    return int(one.rows("SELECT count(*) AS n FROM tieback_gathered WHERE sent_at IS NULL")[0]["n"])


def timer(one: Rig) -> dict[str, Any]:
    return one.rows("SELECT state, error FROM tieback_timers WHERE kind = 'digest'")[0]


def test_many_messages_become_one_with_the_first_lines_and_how_many_more(one: Rig, far: Any) -> None:
    gather(one, 13)
    work(one)
    (said,) = sink(far, "slack")
    shown = str(said["body"]["blocks"])
    assert "13 messages of rule came faster than its rate allows" in shown
    assert "… and 3 more" in shown
    assert "RFI 9: is &lt;!channel&gt; late <https://a.example/9|Open>" in shown
    assert "RFI 10" not in shown
    assert (unsent(one), effects(one), timer(one)["state"]) == (0, [("slack:ops", "applied")], "ok")


def test_nothing_is_said_before_the_window_ends(one: Rig, far: Any) -> None:
    gather(one, 2, after_s=3600)
    one.relay.look()
    one.work()
    assert (sink(far, "slack"), unsent(one)) == ([], 2)


def test_a_second_ring_says_nothing_again(one: Rig, far: Any) -> None:
    gather(one, 2)
    work(one)
    with writing(one.engine) as db:
        db.execute(update(Timer).where(Timer.kind == "digest").values(state="waiting", run_after=now(-1)))
    work(one)
    assert len(sink(far, "slack")) == 1


def test_what_comes_late_is_said_in_a_digest_of_its_own(one: Rig, far: Any) -> None:
    gather(one, 2, after_s=-5)
    work(one)
    with writing(one.engine) as db:
        row: Any = db.execute(select(Kept.__table__)).first()
        again = {name: row._mapping[name] for name in ("run_id", "automation", "destination", "until", "message")}
        digests.keep(db, {**again, "effect_key": "late"})
    work(one)
    assert len(sink(far, "slack")) == 2
    assert unsent(one) == 0


def taken(one: Rig) -> None:
    """What a process leaves that died between its intent and the outcome."""
    with writing(one.engine) as db:
        row = db.execute(select(Timer.__table__).where(Timer.kind == "digest")).one()
        db.execute(update(Timer).where(Timer.id == row.id).values(run_after=now(-1)))
        held = leases.claim(db, Timer, row.id, "dead")
        assert held is not None
        sending._intended(db, digests.take(db, row.subject), held)
        db.execute(update(Timer).where(Timer.id == row.id).values(lease_until=now(-1)))


def test_a_crash_in_the_middle_never_says_it_twice_in_a_chat(one: Rig, far: Any) -> None:
    gather(one, 2)
    taken(one)
    one.relay.look()
    work(one)
    assert sink(far, "slack") == []
    assert unsent(one) == 2
    assert "nobody can tell whether the digest of 2 messages reached slack:ops" in timer(one)["error"]
    # When a person looked and says that it did not arrive
    one_key = one.rows("SELECT effect_key FROM tieback_effects")[0]["effect_key"]
    with writing(one.engine) as db:
        runs.settle(db, one_key, "failed", None)
    work(one)
    assert (len(sink(far, "slack")), unsent(one)) == (1, 0)


def test_a_person_who_saw_it_arrive_ends_it(one: Rig, far: Any) -> None:
    gather(one, 2)
    taken(one)
    with writing(one.engine) as db:
        runs.settle(db, one.rows("SELECT effect_key FROM tieback_effects")[0]["effect_key"], "applied", None)
    one.relay.look()
    work(one)
    assert (sink(far, "slack"), unsent(one)) == ([], 0)


def test_a_crash_in_the_middle_is_repeated_with_the_same_key_over_http(one: Rig, far: Any) -> None:
    gather(one, 2, to="http:sink")
    taken(one)
    one.relay.look()
    work(one)
    (said,) = sink(far, "erp")
    assert said["headers"]["Idempotency-Key"] == one.rows("SELECT effect_key FROM tieback_effects")[0]["effect_key"]
    assert said["body"]["count"] == 2
    assert unsent(one) == 0


def test_an_answer_that_was_cut_parks_the_digest(one: Rig, far: Any) -> None:
    gather(one, 2)
    fault(far, "sink", sink="slack", mode="apply_then_cut", for_s=60)
    for _ in range(3):
        work(one)
    assert len(sink(far, "slack")) == 1
    assert effects(one) == [("slack:ops", "uncertain")]
    assert unsent(one) == 2


def test_what_is_refused_stays_and_is_tried_again(one: Rig, far: Any) -> None:
    gather(one, 2)
    name = one.settings.site / "destinations/ops.yaml"
    kept = name.read_text()
    name.unlink()
    assert one.load_site() == []
    work(one)
    assert unsent(one) == 2
    assert 'there is no destination "slack:ops"' in timer(one)["error"]
    with reading(one.engine) as db:
        assert [late["error"] for late in digests.overdue(db, 0)] == [timer(one)["error"]]
    # When the file is back
    name.write_text(kept)
    one.load_site()
    work(one)
    assert (len(sink(far, "slack")), unsent(one)) == (1, 0)


def test_while_changes_outside_are_paused_a_digest_waits(one: Rig, far: Any) -> None:
    gather(one, 2)
    with writing(one.engine) as db:
        switch.pause(db, "cli:ana", "moving")
    work(one)
    assert (sink(far, "slack"), unsent(one), timer(one)["error"]) == ([], 2, None)
    with writing(one.engine) as db:
        switch.resume(db)
    work(one)
    assert (len(sink(far, "slack")), unsent(one)) == (1, 0)


def test_a_digest_in_doubt_holds_up_no_later_one(one: Rig, far: Any) -> None:
    gather(one, 2)
    taken(one)
    gather(one, 1, key="later")
    one.relay.look()
    work(one)
    (said,) = sink(far, "slack")
    assert "1 message of rule came" in str(said["body"])
    assert unsent(one) == 2
    assert "nobody can tell whether the digest of 2 messages reached slack:ops" in timer(one)["error"]
