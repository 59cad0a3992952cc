"""A changed rule over what is stored: what it would have done beside what was done, with nothing called or written."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, update

from automations.definition import load
from automations.scope import SiteTables
from config.settings import Settings
from store.models import Run
from store.session import writing
from tests.workers.conftest import changed
from tests.workers.rig import Rig, payload, rig
from workers import backtest
from workers.backtest import Result

RULE = """\
format: 1
id: rule
stage: live
when:
  - id: moved
    webhook: {connector: acme, resource: RFIs, actions: [create, update]}
if: record.title == "one"
do:
  - {id: tell, use: http.call, with: {to: "http:sink", method: PUT, path: /x}}
"""


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Any:
    return lambda: rig(engine, settings, far, rule=RULE)


def over(one: Rig, text: str, shown: int = 50) -> Result:
    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    return backtest.run(one.engine, load(text, "rule.yaml"), since, SiteTables(), shown=shown)


def change(far: Any, id: str, title: str) -> None:
    wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "id": id, "fields": {"title": title}}
    requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).raise_for_status()


def three_changes(one: Rig, far: Any) -> None:
    """An RFI becomes `one`, then `two`, then `one` again; each event is handled."""
    id = changed(far, title="zero")
    for number, title in enumerate(("one", "two", "one")):
        change(far, id, title)
        one.deliver(payload(far, id, key=f"01J{number:023d}"))
        one.work()
        one.settle()


def test_the_rule_as_it_stood_differs_in_nothing(site: Any, far: Any) -> None:
    with site() as one:
        three_changes(one, far)
        found = over(one, RULE)
        assert (found.would, found.was, found.differ) == (2, 2, 0)
        assert found.calls == {"http.call": 2}
        assert found.errors == {}


def test_a_changed_rule_says_which_events_differ_and_why_on_both_sides(site: Any, far: Any) -> None:
    with site() as one:
        three_changes(one, far)
        found = over(one, RULE.replace('record.title == "one"', 'record.title == "two"'))
        assert (found.would, found.was, found.differ) == (1, 2, 3)
        sides = [(row.was, row.would) for row in found.differing]
        assert sides[0] == ("fired", 'if[0] is false: record.title = "one"')
        assert sides[1] == ('if[0] is false: record.title = "two"', "fired")
        assert len(over(one, RULE.replace('record.title == "one"', 'record.title == "two"'), shown=1).differing) == 1


def test_a_rule_that_no_longer_listens_differs_in_what_it_did(site: Any, far: Any) -> None:
    with site() as one:
        three_changes(one, far)
        found = over(one, RULE.replace("resource: RFIs", "resource: Submittals"))
        assert (found.would, found.was, found.differ, found.heard) == (0, 2, 2, 0)
        assert found.differing[0].would == "it does not listen to this"


def test_transitions_are_judged_by_the_copies_that_were_kept(site: Any, far: Any) -> None:
    with site() as one:
        three_changes(one, far)
        moved = RULE.replace('if: record.title == "one"\n', "").replace(
            "[create, update]}\n", '[create, update]}\n    field: title\n    from: ["two"]\n    to: ["one"]\n'
        )
        found = over(one, moved)
        assert (found.would, found.differ) == (1, 1)
        assert (found.differing[0].was, found.differing[0].would) == ("fired", "trigger moved: no earlier copy; import RFIs once")


def test_nothing_is_called_and_nothing_is_written(site: Any, far: Any) -> None:
    with site() as one:
        three_changes(one, far)
        tables = ("tieback_events", "tieback_runs", "tieback_steps", "tieback_effects", "tieback_fetches", "tieback_watches")
        before = [one.rows(f"SELECT count(*) AS n FROM {table}") for table in tables]
        calls = requests.get(f"{far.url}/_sim/calls", timeout=10).json()
        sink = requests.get(f"{far.url}/_sim/sink/erp", timeout=10).json()
        reads = RULE.replace(
            "do:\n", "do:\n  - {id: get, use: procore.get, with: {resource: RFIs, id: '${event.resource_id}'}}\n"
        )
        found = over(one, reads)
        assert found.calls == {"http.call": 2, "procore.get": 2}
        assert found.errors == {}
        assert requests.get(f"{far.url}/_sim/calls", timeout=10).json() == calls
        assert requests.get(f"{far.url}/_sim/sink/erp", timeout=10).json() == sink
        assert [one.rows(f"SELECT count(*) AS n FROM {table}") for table in tables] == before


def test_flow_and_errors_are_counted(site: Any, far: Any) -> None:
    with site() as one:
        three_changes(one, far)
        found = over(one, RULE + "flow: {throttle: {rate: 1/1h}}\n")
        assert found.would == 1
        assert found.held == {"N runs in 1h are the most (throttle)": 1}
        broken = over(one, RULE.replace("path: /x", 'path: "${record.title}"'))
        assert (broken.would, broken.calls) == (2, {})
        ((sentence, count),) = broken.errors.items()
        assert 'path: "one" is no path' in sentence
        assert count == 2


def test_our_own_changes_fire_nothing_however_the_rule_is_written(site: Any, far: Any) -> None:
    with site() as one:
        # Given three changes, the first of which a run of ours had made
        three_changes(one, far)
        with writing(one.engine) as db:
            echo = {"state": "skipped", "reason": "our own change: run 9"}
            db.execute(update(Run).where(Run.id == 1).values(echo))
        found = over(one, RULE)
        assert (found.would, found.was, found.differ) == (1, 1, 0)


def test_sweeps_look_at_the_copies_as_they_stood(site: Any, far: Any) -> None:
    with site() as one:
        three_changes(one, far)
        swept = RULE.replace(
            "webhook: {connector: acme, resource: RFIs, actions: [create, update]}",
            "sweep: {connector: acme, resource: RFIs, every: 1h}",
        )
        found = over(one, swept)
        # They were read just now, after the last full hour
        assert (found.would, found.was) == (0, 2)
        assert found.notes == []
