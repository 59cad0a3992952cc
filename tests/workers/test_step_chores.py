"""What steps have done by the workers: imports, looks for what was missed, hooks, checks of automations."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from sqlalchemy import Engine

from automations.chores import Wish
from config.errors import ConfigError, Permanent
from config.settings import Settings
from console.verbs import running
from console.verbs.at_hand import AtHand
from store.session import reading
from tests.workers.conftest import KEEP, changed, fault
from tests.workers.rig import Rig, payload, rig
from tests.workers.served import served
from workers import jobs
from workers.hooks import Hooks
from workers.step_checks import StepRepairs, StepRules
from workers.step_hooks import StepHooks
from workers.step_imports import StepImports

LOAD = """
    format: 1
    id: load
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    do:
      - id: rfis
        use: procore.import
        with: {resource: RFIs, mode: full, table: our_rfis, projects: ["${event.project_id}"]}
      - id: told
        use: set
        with: {new: "${steps.rfis.output.new}"}
"""


class Run:
    def __init__(self, id: int = 7):
        self.id, self.automation = id, "rule"


def imports(desk: Rig) -> list[dict[str, Any]]:
    return desk.rows("SELECT id, state, mode, requested_by, reason FROM tieback_imports ORDER BY id")


def by_hand(desk: Rig) -> None:
    """Work with time made to pass for runs, but not for imports."""
    for _ in range(6):
        desk.skip_ahead()
        desk.relay.look()
        desk.work()


def test_a_run_starts_an_import_waits_for_it_and_has_its_counts(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, load=LOAD) as desk:
        desk.deliver(payload(far, changed(far, subject="open")))
        by_hand(desk)
        # Then there was one import, into the table of the rule's choice
        (row,) = imports(desk)
        assert (row["state"], row["mode"], row["requested_by"]) == ("ok", "full", "run:1/rfis")
        assert desk.runs()[0]["state"] == "ok"
        count = desk.rows("SELECT count(*) AS n FROM our_rfis")[0]["n"]
        assert count > 0
        told = desk.rows("SELECT output FROM tieback_steps WHERE path = 'told'")[0]["output"]
        assert (json.loads(told) if isinstance(told, str) else told) == {"new": count}


def test_an_import_ends_with_the_run_that_asked_for_it(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, load=LOAD) as desk:
        desk.deliver(payload(far, changed(far, subject="open")))
        # Given a run that waits for its import, which nobody has taken yet
        while not imports(desk):
            desk.skip_ahead()
            desk.relay.look()
            while desk.bell.rung:
                actor, id = desk.bell.rung.pop(0)
                if actor != "import":
                    jobs.one(actor, jobs.ACTORS[actor], desk.desk, id)
        # When the run is cancelled
        running.cancel(AtHand(settings, engine, "cli:ana"), desk.runs()[0]["id"], "wrong table")
        # Then so is the import
        (row,) = imports(desk)
        assert (row["state"], row["reason"]) == ("cancelled", "run 1 was cancelled: wrong table")


def wish(**changes: Any) -> Wish:
    given = {
        "connector": "acme",
        "resource": "RFIs",
        "mode": "full",
        "projects": None,
        "table": "",
        "deletions": True,
        "fresh": False,
    }
    return Wish(**(given | changes))


def test_an_attempt_finds_the_import_of_the_one_before(keeping: Rig) -> None:
    port = StepImports(keeping.desk, Run())
    assert port.start(wish(), "a") == port.start(wish(), "a")
    assert len(imports(keeping)) == 1


def test_the_same_import_is_shared_and_another_one_of_the_same_list_is_waited_for(keeping: Rig) -> None:
    first = StepImports(keeping.desk, Run(7)).start(wish(), "a")
    other = StepImports(keeping.desk, Run(8))
    assert other.start(wish(), "a") == first
    assert other.start(wish(mode="incremental"), "b") is None
    assert other.start(wish(fresh=True), "c") is None
    assert other.start(wish(resource="Submittals"), "d") not in (None, first)


@pytest.mark.parametrize(
    "changes, error", [({"connector": "nobody"}, Permanent), ({"resource": "Budget Line Items"}, ConfigError)]
)
def test_what_cannot_be_imported_is_refused_at_once(keeping: Rig, changes: Any, error: Any) -> None:
    with pytest.raises(error):
        StepImports(keeping.desk, Run()).start(wish(**changes), "a")
    assert imports(keeping) == []


def test_an_import_without_deletions_marks_none(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, keep=KEEP) as desk:
        port = StepImports(desk.desk, Run())
        for deletions, marked in ((False, 0), (False, 0), (True, 1)):
            port.start(wish(deletions=deletions, projects=(str(far.project_id),)), f"s{deletions}{time.monotonic()}")
            by_hand(desk)
            assert imports(desk)[-1]["state"] == "ok"
            gone = desk.rows("SELECT count(*) AS n FROM rfis WHERE deleted_at IS NOT NULL")[0]["n"]
            assert gone == marked
            if not deletions and not [one for one in far.world.shelves.of("RFIs", far.project_id) if not one.live]:
                far.world.delete(next(one for one in far.world.shelves.of("RFIs", far.project_id) if one.live), None)


def test_what_procore_could_not_deliver_is_brought_in(engine: Engine, settings: Settings, far: Any) -> None:
    with served(engine, settings, far, keep=KEEP) as desk:
        mine = Hooks(engine, desk.box, desk.settings, desk.desk.loaded, "acme")
        mine.apply(mine.plan().changes, "test")
        fault(far, "unreachable", for_s=30)
        changed(far, subject="lost")
        found = None
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = StepRepairs(desk.desk, "manual").look("acme", 3600, ["failing", "discarded"])
            if found.found:
                break
            time.sleep(0.1)
        assert found is not None
        assert (found.found, found.repaired, found.unrepairable) == (1, 1, 0)
        assert StepRepairs(desk.desk, "manual").look("acme", 3600, ["failing", "discarded"]).found == 0


def test_hooks_are_planned_kept_and_applied_once(engine: Engine, settings: Settings, far: Any) -> None:
    with served(engine, settings, far, keep=KEEP) as desk:
        port = StepHooks(desk.desk, Run(), "manual")
        plan = port.plan(["acme"], "plan")
        assert plan.changes > 0
        assert plan.deletes == 0
        assert "create hook" in plan.lines[0]
        assert port.planned(plan.id) == plan
        assert len(port.apply(plan.id)) == plan.changes
        assert port.plan(None, "plan").changes == 0
        with pytest.raises(Permanent, match="has no plan"):
            StepHooks(desk.desk, Run(8), "manual").planned(plan.id)
        with pytest.raises(Permanent, match="has no plan"):
            port.planned("x' OR 1=1")


def test_automations_are_checked_by_name_by_connector_or_all(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, keep=KEEP, load=LOAD) as desk:
        port = StepRules(engine)
        assert (port.check([]).errors, port.check(["acme"]).errors, port.check(["keep"]).errors) == (0, 0, 0)
        # When one of them breaks
        broken = settings.site / "automations/load.yaml"
        broken.write_text(broken.read_text().replace("resource: RFIs, mode", "resorce: RFIs, mode"))
        desk.load_site()
        with reading(engine) as db:
            desk.desk.loaded.fresh(db)
        for names, errors in (([], 1), (["load"], 1), (["keep"], 0), (["acme"], 1), (["nobody"], 0), ([""], 1)):
            assert port.check(names).errors == errors, names
        assert "resorce" in port.check(["load"]).lines[0]


def test_a_check_with_a_backtest_says_what_they_would_have_done_and_did(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, keep=KEEP) as desk:
        desk.deliver(payload(far, changed(far, subject="open")))
        desk.settle()
        assert [run["state"] for run in desk.runs()] == ["ok"]
        verdict = StepRules(engine).check(["keep-rfis"], 3600.0)
        assert (verdict.errors, verdict.would_fire, verdict.fired, verdict.differing) == (0, 1, 1, 0)
