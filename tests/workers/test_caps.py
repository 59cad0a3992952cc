"""`limits: writes:` and `deletes:`: counted over all runs, exact however many workers count, and named where it holds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from automations.parts import Limits, Rate
from config.settings import Settings
from store.session import writing
from tests.workers.conftest import changed
from tests.workers.rig import Rig, payload, rig
from workers.caps import Caps


@dataclass(frozen=True)
class Row:
    id: int = 7
    automation: str = "rule"


def caps(engine: Engine, **limits: Any) -> Caps:
    return Caps(engine, Row(), Limits(**limits))


def take(of: Caps, wanted: int, effect: str, kind: Any = "writes", at_procore: bool = True) -> int:
    return of.take(kind, wanted, effect, "x", at_procore=at_procore)


def test_what_fits_is_granted_and_the_rest_is_held_back(engine: Engine) -> None:
    of = caps(engine, writes=Rate(10, 3600))
    assert [take(of, 4, f"e{n}") for n in range(4)] == [4, 4, 2, 0]


def test_the_same_effect_counts_once_and_a_refused_one_is_granted_when_there_is_room(engine: Engine) -> None:
    of = caps(engine, writes=Rate(2, 3600))
    assert [take(of, 1, name) for name in ("a", "a", "b", "c", "a", "c")] == [1, 1, 1, 0, 1, 0]
    with writing(engine) as db:
        db.execute(text("UPDATE tieback_spent SET at = '2020-01-01 00:00:00' WHERE effect_key = 'a'"))
    assert take(of, 1, "c") == 1


def test_automations_and_kinds_are_counted_apart(engine: Engine) -> None:
    of = caps(engine, writes=Rate(1, 3600), deletes=Rate(1, 86_400))
    other = Caps(engine, replace(Row(), automation="other"), Limits(writes=Rate(1, 3600)))
    assert [take(of, 1, "a"), take(of, 1, "b", "deletes"), take(other, 1, "c"), take(of, 1, "d")] == [1, 1, 1, 0]


def test_without_a_limit_only_what_goes_to_procore_is_counted(engine: Engine) -> None:
    of = caps(engine)
    assert take(of, 5000, "erp", at_procore=False) == 5000
    assert take(of, 5000, "procore") == 1000
    assert take(of, 100, "gone", "deletes") == 25


def test_two_workers_that_count_at_once_never_exceed_the_cap(engine: Engine) -> None:
    of, granted, lock = caps(engine, writes=Rate(30, 3600)), [0], threading.Lock()

    def work(name: str) -> None:
        for number in range(10):
            got = take(of, 1, f"{name}{number}")
            with lock:
                granted[0] += got

    threads = [threading.Thread(target=work, args=(f"w{n}-",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert granted == [30]


def test_the_refusal_says_the_limit_what_is_left_and_when_there_is_room(engine: Engine) -> None:
    of = caps(engine, writes=Rate(1, 3600))
    take(of, 1, "a")
    said = of.refusal("writes", 3)
    assert said.startswith("rule may make 1 writes in 1h over all its runs (limits: writes:), and 3 more are held back.")
    assert "There is room again in" in said


SYNC = """
    format: 1
    id: vendors
    stage: live
    limits: {writes: 5/1h}
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    do:
      - id: send
        use: procore.sync
        with:
          resource: Company Vendors
          rows: [{origin_id: "${event.id}a", name: A}, {origin_id: "${event.id}b", name: B}, {origin_id: "${event.id}c", name: C}]
"""


@pytest.fixture
def capped(engine: Engine, settings: Settings, far: Any) -> Any:
    with rig(engine, settings, far, vendors=SYNC) as desk:
        yield desk


def test_over_many_runs_a_rule_writes_no_more_than_its_cap_and_doctor_says_so(capped: Rig, far: Any) -> None:
    from console.doctor.changing import LOOKS

    for number in range(3):
        capped.deliver(payload(far, changed(far, subject=str(number)), key=f"01J{number}"))
        capped.settle()
    shelf = far.world.shelves.of("Company Vendors", far.company_id)
    assert len([one for one in shelf if one.body.get("name") in "ABC" and one.body.get("origin_id")]) == 5
    outputs = [row["output"] for row in capped.rows("SELECT output FROM tieback_steps WHERE path = 'send' ORDER BY id")]
    assert "origin_id" in str(outputs[1])
    assert [run["state"] for run in capped.runs()] == ["ok", "ok", "failed"]
    assert capped.runs()[2]["error"] is not None
    assert "are held back" in str(capped.runs()[2]["error"])
    said = [one.seen for look in LOOKS for one in look(capped.settings) if one.name == "caps"]
    assert said == ["vendors: 4 writes are held back by limits: writes: in the last 24 hours"]
