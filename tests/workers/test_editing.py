"""One run once more with edits: the first stays as it is, and no effect that was applied is made again unless it differs."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from config.errors import ConfigError
from config.settings import Settings
from console.verbs import editing, running
from console.verbs.at_hand import AtHand, NotThere
from store import definitions, events
from store.session import writing
from tests.store import samples
from tests.workers.conftest import fault
from tests.workers.rig import Rig, rig

RULE = """
    format: 1
    id: rule
    stage: live
    when: [{manual: {}}]
    do:
      - {id: one, use: http.call, with: {to: "http:sink", path: /one, json: {title: "${event.body.title}", at: "${run.now}"}}}
      - {id: two, use: http.call, with: {to: "http:sink", path: /two, json: {n: "${int(event.body.n)}"}}}
"""


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Any:
    return lambda: rig(engine, settings, far, rule=RULE)


@pytest.fixture
def here(engine: Engine, settings: Settings) -> AtHand:
    return AtHand(settings, engine, "user:ana")


def a_run(one: Rig, **body: Any) -> int:
    with writing(one.engine) as db:
        (version,) = [active.version_id for active in definitions.active(db)]
        event = samples.event(db, "e1", source="manual", body={"body": body}, connector="acme")
        row = {"event_id": event, "automation": "rule", "version_id": version, "trigger": "manual", "stage": "live"}
        id = events.add_run(db, {**row, "connector": "acme", "lane": "manual"}, due=True)
    assert id is not None
    work(one, id)
    return id


def work(one: Rig, id: int) -> None:
    one.bell.rung = [("run", id)]
    one.work()


def posted(far: Any, path: str) -> list[Any]:
    return [call["body"] for call in requests.get(f"{far.url}/_sim/sink/erp", timeout=10).json() if call["path"].endswith(path)]


def state(one: Rig, id: int) -> str:
    (row,) = [row for row in one.runs() if row["id"] == id]
    return str(row["state"])


def whole(one: Rig, id: int) -> list[dict[str, Any]]:
    return one.rows(f"SELECT * FROM tieback_runs WHERE id = {id}") + one.rows(f"SELECT * FROM tieback_steps WHERE run_id = {id}")


def test_a_failed_step_goes_on_with_other_inputs_and_what_succeeded_is_not_repeated(site: Any, far: Any, here: AtHand) -> None:
    with site() as one:
        # Given a run whose second step the far end refused
        fault(far, "sink", sink="erp", mode="refused_403", path="/two")
        id = a_run(one, title="slab", n="1")
        assert (state(one, id), len(posted(far, "/one"))) == ("failed", 1)
        requests.delete(f"{far.url}/_sim/faults", timeout=10)
        before = whole(one, id)
        # When it is tried with other inputs, which are told although the step failed
        assert inputs(here, id, "two")["json"] == {"n": 1}
        new = editing.retry(here, id, inputs={"two": {**inputs(here, id, "two"), "json": {"n": 2}}})
        work(one, new)
        # Then the first step is not done again, and the first run is untouched
        assert state(one, new) == "ok"
        assert (len(posted(far, "/one")), posted(far, "/two")[-1]) == (1, {"n": 2})
        assert whole(one, id) == before


def inputs(here: AtHand, id: int, path: str) -> dict[str, Any]:
    (found,) = [step["inputs"] for step in editing.offered(here, id)["steps"] if step["path"] == path]
    return dict(found)


def test_a_step_that_was_given_nothing_is_given_all_by_hand(site: Any, far: Any, here: AtHand) -> None:
    with site() as one:
        id = a_run(one, title="slab", n="no number")
        (step,) = [step for step in editing.offered(here, id)["steps"] if step["path"] == "two"]
        assert (step["state"], step["inputs"]) == ("failed", None)
        new = editing.retry(here, id, inputs={"two": {"to": "http:sink", "path": "/two", "json": {"n": 5}}})
        work(one, new)
        assert (state(one, new), posted(far, "/two"), len(posted(far, "/one"))) == ("ok", [{"n": 5}], 1)


def test_with_another_body_only_effects_that_are_others_are_made(site: Any, far: Any, here: AtHand) -> None:
    with site() as one:
        # Given a run whose second step cannot read what was sent; the first one has called
        id = a_run(one, title="slab", n="no number")
        assert (state(one, id), len(posted(far, "/one"))) == ("failed", 1)
        # When what was sent is mended
        new = editing.retry(here, id, body={"title": "slab", "n": "7"})
        work(one, new)
        # Then the first call, which is the same, is not made again, even though it carries the time of the run
        assert state(one, new) == "ok"
        assert (len(posted(far, "/one")), posted(far, "/two")) == (1, [{"n": 7}])
        # And one that differs is made beside the first
        third = editing.retry(here, id, body={"title": "beam", "n": "7"})
        work(one, third)
        assert [call["title"] for call in posted(far, "/one")] == ["slab", "beam"]


def test_who_edits_an_edited_run_back_to_what_it_was_repeats_nothing(site: Any, far: Any, here: AtHand) -> None:
    with site() as one:
        id = a_run(one, title="slab", n="1")
        beam = editing.retry(here, id, body={"title": "beam", "n": "1"})
        work(one, beam)
        slab = editing.retry(here, beam, body={"title": "slab", "n": "1"})
        work(one, slab)
        again = editing.retry(here, slab, body={"title": "beam", "n": "1"})
        work(one, again)
        assert [state(one, run) for run in (beam, slab, again)] == ["ok"] * 3
        assert [call["title"] for call in posted(far, "/one")] == ["slab", "beam"]
        assert posted(far, "/two") == [{"n": 1}]


def test_an_edit_of_inputs_stays_when_the_edited_run_is_edited_again(site: Any, far: Any, here: AtHand) -> None:
    with site() as one:
        id = a_run(one, title="slab", n="1")
        second = editing.retry(here, id, inputs={"two": {**inputs(here, id, "two"), "json": {"n": 2}}})
        work(one, second)
        third = editing.retry(here, second, inputs={"one": {**inputs(here, second, "one"), "json": {"title": "x"}}})
        work(one, third)
        assert posted(far, "/one")[-1] == {"title": "x"}
        assert posted(far, "/two") == [{"n": 1}, {"n": 2}], "the second step of the third run is that of the second, done already"


def test_a_retry_of_the_first_run_after_it_makes_nothing_twice(site: Any, far: Any, here: AtHand) -> None:
    with site() as one:
        id = a_run(one, title="slab", n="no number")
        work(one, editing.retry(here, id, body={"title": "slab", "n": "7"}))
        running.retry(here, id)
        work(one, id)
        assert state(one, id) == "failed", "it is as it was: its event still has no number"
        assert (len(posted(far, "/one")), posted(far, "/two")) == (1, [{"n": 7}])


def test_the_new_run_says_what_was_edited_and_by_whom(site: Any, far: Any, here: AtHand) -> None:
    with site() as one:
        id = a_run(one, title="slab", n="no number")
        new = editing.retry(here, id, body={"title": "slab", "n": "7"}, inputs={"one": {**inputs(here, id, "one"), "path": "/x"}})
        told = editing.edited(here, new)
        assert told is not None
        assert (told["of"], told["by"]) == (id, "user:ana")
        assert [(one["where"], one["path"], one["before"], one["after"]) for one in told["changes"]] == [
            ("event.body", "n", "no number", "7"),
            ("one", "path", "/one", "/x"),
        ]
        assert editing.edited(here, id) is None
        assert editing.edited_as(here, id) == [new]
        (noted,) = one.rows("SELECT actor, subject FROM tieback_audit WHERE verb = 'run retried with edits'")
        assert noted == {"actor": "user:ana", "subject": str(id)}


def test_what_does_not_fit_makes_no_run(site: Any, far: Any, here: AtHand) -> None:
    with site() as one:
        id = a_run(one, title="slab", n="1")
        same = {"body": {"title": "slab", "n": "1"}, "inputs": {"two": inputs(here, id, "two")}}
        for wrong, said in (
            (same, "nothing was edited"),
            ({"inputs": {"too": {}}}, 'the run has no step "too"'),
            ({"inputs": {"two": []}}, "step two: its inputs are an object"),
        ):
            with pytest.raises(ConfigError, match=said):
                editing.retry(here, id, **wrong)  # type: ignore[arg-type]
        with pytest.raises(NotThere):
            editing.retry(here, 99, body={})
        assert len(one.runs()) == 1
