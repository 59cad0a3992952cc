"""S6: a deal that is won becomes a project, and a project is set up."""

from __future__ import annotations

from tests.recipes.stack import Installation


def projects(here: Installation, name: str) -> list[str]:
    (company, *_) = here.simulator("GET", "/_sim/state")["companies"]
    return [str(one["id"]) for one in company["projects"] if one["name"] == name]


def test_S6_two_identical_deal_events_make_one_project(here: Installation) -> None:
    # When the sales system says the same twice
    for _ in range(2):
        here.inbound("deal_won", {"deal": 4501, "name": "Bayview Clinic", "type": "Hospital"})
    here.ended("project-from-deal", "", 2)
    # Then there is one project, set up
    (project,) = projects(here, "Bayview Clinic")
    here.until(lambda: here.sink("chat-admin", "Bayview Clinic"), "its channel")
    here.settled()
    assert len({one["headers"]["Idempotency-Key"] for one in here.sink("chat-admin", "Bayview Clinic")}) == 1
    folders = here.listed("Project Folders", project)
    assert {"Drawings", "Infection control"} <= {one["name"] for one in folders}
    assert len([one for one in folders if one["name"] == "Infection control"]) == 1


def test_S6_errors_in_a_200_answer_are_a_failure(here: Installation) -> None:
    # Given a deal whose project Procore refuses inside a 200
    here.inbound("deal_won", {"deal": 4502, "name": "", "type": "Office"})
    (run,) = here.ended("project-from-deal", "", 1, "failed")
    assert "refused 1 of 1 rows of Projects" in str(run["error"])
    here.until(lambda: here.sink("tickets", "The project of deal 4502 was not made"), "the task")


def test_S6_a_missing_permission_is_named(here: Installation) -> None:
    # Given a new project on which we are not permitted
    here.simulator("POST", "/_sim/faults", {"name": "delay", "resource": "Projects", "verb": "create", "seconds": 1, "count": 1})
    id = here.create("Projects", name="Closed Yard")
    here.simulator("POST", "/_sim/permitted", {"project_id": int(id), "permitted": False})
    # Then the admin has a task that says where to click, and why
    (task,) = here.until(lambda: here.sink("tickets", f"permit-{id}"), "the task")
    assert id in task["body"]["task"]
    assert "Permitted projects > add the project" in task["body"]["how"]
    assert "403" in task["body"]["why"]
