"""Any event and any automation: why it ran, did not, waits or was held, from stored rows alone."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from automations.scope import SiteTables
from config.settings import Settings
from store import audit, definitions, tracing
from store.session import reading, writing
from tests.workers.conftest import changed
from tests.workers.rig import Rig, payload, rig
from workers.explaining import Explanation, explain

RULE = """
    format: 1
    id: rule
    stage: live
    when:
      - id: moved
        webhook: {connector: acme, resource: RFIs, actions: [create, update]}
"""
DO = """
    do:
      - {id: a, use: set, with: {n: 1}}
"""


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Any:
    return lambda rest="": rig(engine, settings, far, rule=RULE + rest + DO)


def told(one: Rig, event: int = 1, name: str = "rule", version: str | None = None) -> Explanation:
    with reading(one.engine) as db:
        row = tracing.event(db, event)
        assert row is not None
        known = tracing.versions(db, name)
        asked = next((v for v in known if v.hash == version), None)
        return explain(db, name, row, SiteTables(), asked)


def events(one: Rig) -> list[int]:
    return [row["id"] for row in one.rows("SELECT id FROM tieback_events WHERE source = 'webhook' ORDER BY id")]


def arrives(one: Rig, far: Any, id: Any, number: int = 0, **about: Any) -> int:
    one.deliver(payload(far, id, key=f"01J{number:023d}", **about))
    one.work()
    return events(one)[-1]


def test_a_run_that_was_ok_is_told_with_its_steps(site: Any, far: Any) -> None:
    with site() as one:
        event = arrives(one, far, changed(far))
        one.settle()
        found = told(one, event)
        assert found.headline == "it ran: run 1 was ok"
        assert [(step["path"], step["state"]) for step in found.steps] == [("a", "ok")]
        assert ("trigger", "moved") in found.facts


def test_a_condition_that_kept_it_out_is_told_with_the_values_it_saw(site: Any, far: Any) -> None:
    with site('    if: record.status == "nowhere"\n') as one:
        event = arrives(one, far, changed(far))
        one.settle()
        found = told(one, event)
        assert "if[0] is false: record.status = " in found.headline
        assert [line["held"] for line in found.lines] == [False]


def test_a_cheap_condition_makes_no_run_and_is_told_all_the_same(site: Any, far: Any) -> None:
    with site('    if: event.project_id == "1"\n') as one:
        event = arrives(one, far, "7")
        found = told(one, event)
        assert found.run_id is None
        assert found.headline.startswith("it did not fire: if[0] is false: event.project_id = ")


@pytest.mark.parametrize(
    "about, said",
    [
        ({"resource": "Submittals"}, "listens to RFIs, and this is of Submittals"),
        ({"action": "delete"}, "listens to create, update, and this is delete"),
    ],
)
def test_what_it_does_not_listen_to_is_said_trigger_by_trigger(site: Any, far: Any, about: dict[str, Any], said: str) -> None:
    with site() as one:
        event = arrives(one, far, "7", **about)
        assert told(one, event).headline == f"it does not listen: trigger moved {said}"


def test_a_transition_is_judged_by_the_copies_that_stood_around_the_event(site: Any, far: Any) -> None:
    with site('    if: record.title != "none"\n') as one:
        # Given an RFI that was read twice, and a rule which came later and looks at a move that did not happen
        id = changed(far, title="one")
        arrives(one, far, id, 0)
        one.settle()
        wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "id": id, "fields": {"title": "two"}}
        requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).raise_for_status()
        event = arrives(one, far, id, 1)
        one.settle()
        late = RULE.replace("id: rule", "id: late") + '        field: title\n        from: ["three"]\n' + DO
        with writing(one.engine) as db:
            definitions.activate(db, "late", "automations/late.yaml", "\n".join(line[4:] for line in late.splitlines()))
        # When it is asked about the second event
        found = told(one, event, "late")
        # Then it says first that it was not there, and then what it would have seen
        assert found.headline.startswith("it was not in force yet")
        assert found.judged
        assert any("from " in text and 'not in ["three"]' in text for name, text in found.facts if name == "else")
        assert ("copies", "those that another run of this event worked with") in found.facts


def test_a_pause_is_told_with_who_and_why(site: Any, far: Any) -> None:
    with site() as one:
        with writing(one.engine) as db:
            definitions.set_state(db, "rule", "paused")
            audit.note(db, "cli:ana", "automation paused", "rule", {"reason": "floods the site"})
            definitions.changed(db)
        event = arrives(one, far, "7")
        assert told(one, event).headline.startswith("it was paused by cli:ana since ")
        assert told(one, event).headline.endswith(": floods the site")


def test_gathering_waiting_and_throttled_runs_say_so_and_since_when(site: Any, far: Any) -> None:
    with site("    flow: {coalesce: {key: event.project_id, quiet: 1h, max_wait: 2h}}\n") as one:
        first, second = arrives(one, far, "7", 0), arrives(one, far, "8", 1)
        found = told(one, first)
        assert found.headline.startswith("run 1 waits: it gathers events of its key, 2 so far, at the latest until ")
        assert ("gathered", f"into run 1 with events {second}") in found.facts
        assert told(one, second).run_id == 1


def test_a_run_that_is_over_its_rate_says_how_long_it_waits(site: Any, far: Any) -> None:
    with site("    flow: {throttle: {rate: 1/1h, over: wait}}\n") as one:
        arrives(one, far, "7", 0)
        event = arrives(one, far, "8", 1)
        assert "1 runs in 1h are the most (throttle)" in told(one, event).headline


def test_an_old_version_is_asked_what_it_would_have_done(site: Any, far: Any) -> None:
    with site('    if: event.project_id == "1"\n') as one:
        # Given a rule whose condition was taken out
        (old,) = [row["hash"] for row in one.rows("SELECT hash FROM tieback_versions WHERE automation = 'rule'")]
        path = one.settings.site / "automations/rule.yaml"
        path.write_text(path.read_text("utf-8").replace('if: event.project_id == "1"\n', "\n"), "utf-8")
        assert one.load_site() == []
        event = arrives(one, far, "7")
        one.settle()
        # When the version before it is asked
        found = told(one, event, version=old)
        # Then it answers for itself, though another one ran
        assert found.headline.startswith("it does not fire: if[0] is false: event.project_id = ")
        assert told(one, event).run_id == 1


def test_a_foreign_event_is_quarantined_for_every_automation(site: Any, far: Any) -> None:
    with site() as one:
        foreign = {**payload(far, "7"), "company_id": "1"}
        one.deliver(foreign)
        one.work()
        assert told(one, events(one)[-1]).headline.startswith("the event is quarantined: company 1 is not the company")


def test_what_a_hold_watches_is_told_with_when_it_fires(site: Any, far: Any) -> None:
    with site("        hold: 2h\n        where: record.id != null\n") as one:
        event = arrives(one, far, changed(far))
        one.settle()
        found = told(one, event)
        assert "it is watched from now on" in found.headline
        assert any(name == "watched" and "it fires at" in text for name, text in found.facts)
