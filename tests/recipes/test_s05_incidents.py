"""S5: serious incidents are told at once, also while a large import runs."""

from __future__ import annotations

import time

from tests.recipes.stack import CONNECTOR, Installation, tell

NAME = "incident-alert"


def test_S5_an_incident_is_told_while_a_backfill_is_busy(here: Installation) -> None:
    # Given an import that takes a while
    here.simulator("POST", "/_sim/fill", {"resource": "Observation Items", "count": 30_000, "project_id": int(here.project)})
    here.stage.start("import", "import", CONNECTOR, "Observation Items")
    here.until(lambda: here.table("observation_items"), "the first page of the import")
    # When somebody reports an incident
    began = time.monotonic()
    id = here.create("Incidents", title="Fall from a ladder", severity_level={"name": "Serious"}, recordable=False)
    here.until(lambda: here.sink("site-ops", "Fall from a ladder"), "the message")
    told = time.monotonic() - began
    # Then it was told in the lane of webhooks, before the import had ended
    (busy,) = here.rows("SELECT state, lane FROM tieback_imports ORDER BY id DESC LIMIT 1")
    tell(f"S5: event to message in {told:.1f} s, the import is {busy['state']}")
    assert busy["state"] == "running"
    assert [row["lane"] for row in here.rows("SELECT lane FROM tieback_runs WHERE automation = :name", name=NAME)][
        -1
    ] == "webhook"
    here.waits(NAME, id, "wait")
    assert len(here.sink("tickets", "Fall from a ladder")) == 1
    assert [row["severity"] for row in here.table("incident_register", incident_id=id)] == ["Serious"]
    # And a day later without a root cause there is a task
    here.pass_time(NAME, id)
    here.ended(NAME, id)
    assert len(here.sink("tickets", "Find the root cause of Fall from a ladder")) == 1


def test_S5_a_severity_raised_later_alerts_again_and_lowered_does_not(here: Installation) -> None:
    # Given an incident that is nothing to tell of
    id = here.create("Incidents", title="Slippery stairs", severity_level={"name": "Minor"}, recordable=False)
    here.ended(NAME, id, 1, "skipped")
    told: list[int] = []
    for name in ("Critical", "Serious", "Critical"):
        # When its severity goes up, down, and up again
        here.settled(1.2)
        here.update("Incidents", id, severity_level={"name": name})
        here.until(lambda: len(here.runs(NAME, id)) == len(told) + 2, f"a run for {name}")
        here.settled()
        told.append(len(here.sink("site-ops", "Slippery stairs")))
    # Then the way up is told, and the way down is not
    assert told == [1, 1, 2]
    assert len(here.sink("tickets", "Slippery stairs", '"/_sim/sink/tickets/incidents"')) == 2
