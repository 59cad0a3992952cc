"""A write that Procore does and whose answer never comes: looked up, sent again with its key, or left to a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import ConfigError
from config.settings import Settings
from console.verbs import settling, switching
from console.verbs.at_hand import AtHand
from store.session import reading
from tests.workers.conftest import changed, fault
from tests.workers.rig import Rig, payload, rig

CREATE = """
    format: 1
    id: reply
    stage: live
    when:
      - webhook: {{connector: acme, resource: RFIs, actions: [update]}}
    retry: {{attempts: 9, backoff: fixed, first: 1s}}
    do:
      - id: make
        use: procore.create
        with: {{resource: {resource}, {key}fields: {{{fields}}}}}
      - id: after
        use: set
        with: {{made: "${{steps.make.output.id}}"}}
"""


def rule(resource: str = "Punch Items", key: str = "", fields: str = "name: 'Beam of ${record.number}'") -> str:
    return CREATE.format(resource=resource, key=key and key + ", ", fields=fields)


@pytest.fixture
def at(engine: Engine, settings: Settings) -> AtHand:
    return AtHand(settings, engine, "cli:ana")


def travelled(desk: Rig, far: Any, path: str, cuts: int = 1) -> dict[str, Any]:
    """A change comes in, and the answer to the first write is cut; the run as it is then."""
    id = changed(far, subject="open")
    fault(far, "truncated", path=path, count=cuts)
    desk.deliver(payload(far, id))
    desk.work()
    desk.settle()
    return desk.runs()[-1]


def made(far: Any, resource: str, **fields: Any) -> list[Any]:
    shelf = far.world.shelves.of(resource, far.project_id if resource != "Company Vendors" else far.company_id)
    return [one for one in shelf if one.live and all(one.body.get(k) == v for k, v in fields.items())]


def effects(desk: Rig) -> list[dict[str, Any]]:
    return desk.rows("SELECT id, state, policy FROM tieback_effects ORDER BY id")


@pytest.fixture
def alone(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    with rig(engine, settings, far, reply=rule(fields="name: Only one")) as one:
        yield one


def test_what_can_be_looked_up_is_found_and_not_made_again(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, reply=rule(key="find_by: {name: Look for me}", fields="name: Look for me")) as desk:
        run = travelled(desk, far, "punch_items")
        assert (run["state"], effects(desk)[0]["state"]) == ("ok", "applied")
        (only,) = made(far, "Punch Items", name="Look for me")
        # And the record that was found is the step's output
        assert str(only.id) in str(desk.rows("SELECT output FROM tieback_steps WHERE path = 'after'"))


def test_what_has_an_origin_id_is_sent_again_and_adopted(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, reply=rule("Company Vendors", "origin_id: v-77", "name: Volt")) as desk:
        run = travelled(desk, far, "vendors")
        assert (run["state"], effects(desk)[0]["policy"]) == ("ok", "natural_key")
        assert len(made(far, "Company Vendors", origin_id="v-77")) == 1


def test_two_events_with_one_key_make_one_record(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, reply=rule("Company Vendors", "origin_id: v-78", "name: Volt")) as desk:
        for number in range(2):
            desk.deliver(payload(far, changed(far, subject=f"deal {number}"), key=f"01J{number}"))
            desk.settle()
        assert [run["state"] for run in desk.runs()] == ["ok", "ok"]
        assert len(made(far, "Company Vendors", origin_id="v-78")) == 1


def test_what_cannot_be_told_is_parked_and_never_made_again_by_itself(alone: Rig, far: Any) -> None:
    run = travelled(alone, far, "punch_items")
    assert (run["state"], effects(alone)[0]["state"]) == ("parked", "uncertain")
    assert "nobody can tell" in run["reason"]
    alone.settle()
    assert len(made(far, "Punch Items", name="Only one")) == 1


def test_a_person_who_saw_it_lets_the_run_go_on_behind_it(alone: Rig, far: Any, at: AtHand) -> None:
    travelled(alone, far, "punch_items")
    (only,) = made(far, "Punch Items", name="Only one")
    said = settling.settle(at, effects(alone)[0]["id"], settling.APPLIED, "seen in Procore", {"id": only.id})
    assert "goes on behind it" in said
    alone.settle()
    assert alone.runs()[-1]["state"] == "ok"
    assert len(made(far, "Punch Items", name="Only one")) == 1
    assert str(only.id) in str(alone.rows("SELECT output FROM tieback_steps WHERE path = 'after'"))


def test_a_person_who_did_not_see_it_has_it_made(alone: Rig, far: Any, at: AtHand) -> None:
    travelled(alone, far, "punch_items")
    (lost,) = made(far, "Punch Items", name="Only one")
    far.world.delete(lost, None)
    settling.settle(at, effects(alone)[0]["id"], settling.NOT_APPLIED)
    alone.settle()
    assert (alone.runs()[-1]["state"], effects(alone)[0]["state"]) == ("ok", "applied")
    assert len(made(far, "Punch Items", name="Only one")) == 1


def test_a_person_may_give_it_up(alone: Rig, far: Any, at: AtHand) -> None:
    travelled(alone, far, "punch_items")
    settling.settle(at, effects(alone)[0]["id"], settling.GIVE_UP, "entered by hand")
    alone.settle()
    assert alone.runs()[-1]["state"] == "cancelled"
    assert alone.runs()[-1]["reason"] == "given up by cli:ana: entered by hand"
    assert len(made(far, "Punch Items", name="Only one")) == 1


def test_settling_is_audited_and_happens_once(alone: Rig, far: Any, at: AtHand) -> None:
    travelled(alone, far, "punch_items")
    id = effects(alone)[0]["id"]
    settling.settle(at, id, settling.GIVE_UP)
    (row,) = alone.rows("SELECT actor, subject FROM tieback_audit WHERE verb = 'effect settled'")
    assert row == {"actor": "cli:ana", "subject": str(id)}
    with pytest.raises(ConfigError, match="is failed already"):
        settling.settle(at, id, settling.APPLIED)
    with pytest.raises(ConfigError, match="there is no effect"):
        settling.settle(at, 4711, settling.APPLIED)


def test_the_switch_holds_every_change_back_and_lets_go(engine: Engine, settings: Settings, far: Any, at: AtHand) -> None:
    # Given a rule that writes a row and then makes a change outside
    keep = rule().replace("do:\n", "do:\n      - {id: row, use: db.upsert, with: {table: rfis, row: '${record}'}}\n")
    with rig(engine, settings, far, reply=keep) as desk:
        switching.pause_effects(at, "wrong numbers")
        desk.deliver(payload(far, changed(far, subject="open")))
        desk.settle(passes=3)
        # Then the row is there, nothing went out, and the run waits without losing an attempt
        (run,) = desk.runs()
        assert (run["state"], run["reason"]) == ("waiting", "changes outside are paused by cli:ana: wrong numbers")
        assert len(desk.rows("SELECT id FROM rfis")) == 1
        assert effects(desk) == []
        # And when it is let go the run does the rest
        assert switching.resume_effects(at) == 1
        desk.settle()
        assert desk.runs()[0]["state"] == "ok"
        assert len(effects(desk)) == 1
        with pytest.raises(ConfigError, match="are not paused"):
            switching.resume_effects(at)
        verbs = [row["verb"] for row in desk.rows("SELECT verb FROM tieback_audit WHERE verb LIKE 'effects%' ORDER BY id")]
        assert verbs == ["effects paused", "effects resumed"]


def test_the_switch_is_looked_at_again_before_each_change(engine: Engine, settings: Settings, far: Any, at: AtHand) -> None:
    # Given a run that has made its first change, when the switch is thrown before its second
    two = (
        rule(key="find_by: {name: First}", fields="name: First")
        + """
      - id: more
        use: procore.create
        with: {resource: Punch Items, find_by: {name: Second}, fields: {name: Second}}
    """
    )
    with rig(engine, settings, far, reply=two) as desk:
        thrown: list[bool] = []
        create = far.world.create

        def create_and_throw(*given: Any) -> Any:
            if not thrown:
                thrown.append(True)
                switching.pause_effects(at, "stop")
            return create(*given)

        far.world.create = create_and_throw
        desk.deliver(payload(far, changed(far, subject="open")))
        desk.settle(passes=3)
        assert (len(made(far, "Punch Items", name="First")), len(made(far, "Punch Items", name="Second"))) == (1, 0)
        switching.resume_effects(at)
        desk.settle()
        assert (len(made(far, "Punch Items", name="First")), len(made(far, "Punch Items", name="Second"))) == (1, 1)


def test_what_is_held_back_and_in_doubt_is_in_doctor(alone: Rig, far: Any, at: AtHand) -> None:
    from console.doctor.changing import LOOKS

    travelled(alone, far, "punch_items")
    switching.pause_effects(at, "stop")
    switching.pause_automation(at, "reply", "noisy")
    said = [f"{one.name}: {one.seen}" for look in LOOKS for one in look(at.settings)]
    assert any("1 of which nobody knows" in one for one in said)
    assert any("by cli:ana: stop" in one for one in said)
    assert "automation reply: paused by cli:ana: noisy" in said
    switching.resume_automation(at, "reply")
    with reading(at.engine) as db:
        alone.desk.loaded.fresh(db)
    assert [rule.id for rule in alone.desk.loaded.automations] == ["reply"]
