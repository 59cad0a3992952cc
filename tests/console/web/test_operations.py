"""Operations on the pages and through the API: counted first, begun carefully, refused with the field named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine, update

from console.verbs import looking, operating
from store import apitokens, cause_names, definitions, operations
from store.models import Run
from store.session import writing
from store.types import now
from tests.console.web.served import Page, Served, Visitor
from tests.store import samples

ERROR = {"step": "do/0", "kind": "http_429", "message": "429 on /a/1"}


def fail(engine: Engine, *keys: str) -> list[int]:
    with writing(engine) as db:
        ids = [samples.run(db, samples.event(db, key), due=False) for key in keys]
        cause = cause_names.of("failed", None, ERROR)
        db.execute(update(Run).where(Run.id.in_(ids)).values(state="failed", error=ERROR, cause=cause, finished_at=now(-60)))
    return ids


@pytest.fixture
def ask(console: Served) -> Any:
    with writing(console.engine) as db:
        token = apitokens.add(db, "robot", ["operate"])

    def asking(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        page = Visitor(console.url).ask(method, f"/api/v1/operations{path}", sent, headers)
        return page.status, json.loads(page.text)

    return asking


def begun(visitor: Visitor, page: Page, **fields: str) -> Page:
    return visitor.post("/operations", {"form_token": page.token, **fields})


def test_from_the_list_of_runs_one_comes_to_the_count_and_from_there_to_the_operation(otto: Visitor, engine: Engine) -> None:
    fail(engine, "e1", "e2")
    assert 'href="/operations/new?kind=retry&amp;state=failed"' in otto.get("/runs?state=failed").text
    page = otto.get("/operations/new?kind=retry&state=failed")
    assert "Retry 2 runs?" in page.text
    answer = begun(otto, page, kind="retry", state="failed", canary="1", rate="5", window_s="0", why="it is back")
    assert (answer.status, answer.location) == (303, "/operations/1")
    shown = otto.get("/operations/1").text
    assert 'data-every="2"' in shown, "a page of work that goes on renews itself more often"
    assert "it is back" in shown


def test_what_is_chosen_on_the_list_is_what_is_retried(otto: Visitor, engine: Engine, console: Served) -> None:
    ids = fail(engine, "e1", "e2", "e3")
    assert f'value="{ids[1]}" aria-label="Choose run {ids[1]}"' in otto.get("/runs").text
    page = otto.get(f"/operations/new?kind=retry&id={ids[0]}&id={ids[2]}")
    assert "Retry 2 runs?" in page.text
    assert page.text.count('name="id"') == 2
    begun(otto, page, kind="retry", id=str(ids[0]))
    assert operating.shown(console.here, 1)["what"]["ids"] == [ids[0]]


def test_a_cause_of_failures_leads_to_the_retry_of_its_runs(otto: Visitor, engine: Engine) -> None:
    fail(engine, "e1", "e2")
    cause = cause_names.of("failed", None, ERROR)
    assert f"cause={cause}" in otto.get("/failures").text
    assert "Retry 2 runs?" in otto.get(f"/operations/new?kind=retry&state=failed&state=parked&cause={cause}").text


def test_all_that_failed_since_a_moment_is_recovered(otto: Visitor, engine: Engine) -> None:
    old, _new = fail(engine, "e1", "e2")
    with writing(engine) as db:
        db.execute(update(Run).where(Run.id == old).values(finished_at=now(-8000)))
    assert "Retry 1 run?" in otto.get("/operations/new?kind=retry&ended_since=1h").text
    assert "Retry 2 runs?" in otto.get("/operations/new?kind=retry&ended_since=6h").text


def test_the_runs_of_an_operation_are_listed_and_chosen_by_it(otto: Visitor, engine: Engine, console: Served) -> None:
    ids = fail(engine, "e1", "e2")
    with writing(engine) as db:
        operation = operations.add(db, "retry", {"ids": ids[:1]}, "user:otto")
        operations.keep_items(db, operation, [(ids[0], ids[0], {})])
    assert [run["id"] for run in looking.runs(console.here, 9, operation=str(operation))] == ids[:1]
    assert f"/runs?operation={operation}" in otto.get(f"/operations/{operation}").text
    assert "Retry 1 run?" in otto.get(f"/operations/new?kind=retry&operation={operation}").text
    assert otto.get("/runs?operation=x").status == 422


def test_without_a_choice_it_is_a_question_and_not_everything(otto: Visitor, engine: Engine) -> None:
    fail(engine, "e1")
    page = otto.get("/operations/new?kind=retry")
    assert "No run was chosen and no filter set" in page.text
    assert '<button class="main">' not in page.text
    assert begun(otto, otto.get("/account"), kind="retry").status == 422
    assert "Retry 1 run?" in otto.get("/operations/new?kind=retry&everything=1").text


def test_a_replay_asks_for_its_automation_and_without_a_filter_is_a_question(otto: Visitor, engine: Engine) -> None:
    fail(engine, "e1", "e2")
    rule = "format: 1\nid: rule\nstage: live\nwhen: [{manual: {}}]\ndo: [{use: set, with: {n: 1}}]\n"
    with writing(engine) as db:
        definitions.activate(db, "rule", "automations/rule.yaml", rule)
    assert 'href="/operations/new?kind=replay&amp;source=webhook"' in otto.get("/events?source=webhook").text
    assert "/operations/new?kind=replay&amp;id=1" in otto.get("/events/1").text
    page = otto.get("/operations/new?kind=replay&source=webhook")
    assert "Replay these events for which automation?" in page.text
    assert "Replay 2 events?" in otto.get("/operations/new?kind=replay&source=webhook&rule=rule").text
    nothing = otto.get("/operations/new?kind=replay&rule=rule")
    assert "No event was chosen and no filter set" in nothing.text
    assert begun(otto, page, kind="replay", rule="rule").status == 422
    assert "Replay 2 events?" in otto.get("/operations/new?kind=replay&rule=rule&everything=1").text
    unknown = begun(otto, page, kind="replay", rule="rul", source="webhook")
    assert (unknown.status, "no automation &#34;rul&#34; is in force" in unknown.text) == (404, True)
    wrong = begun(otto, page, kind="replay", rule="rule", source="pigeon")
    assert (wrong.status, "source: there is no &#34;pigeon&#34;" in wrong.text) == (422, True)
    answer = begun(otto, page, kind="replay", rule="rule", source="webhook", canary="1", window_s="0")
    assert (answer.status, answer.location) == (303, "/operations/1")


def test_who_sees_some_companies_alone_is_offered_no_replay(filled: Any) -> None:
    nick = Visitor(filled[0].url)
    nick.sign_in("nick")
    page = nick.get("/events")
    assert (page.status, "kind=replay" in page.text) == (200, False)


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [("rate", "fast", "Per second: &#34;fast&#34; is no number"), ("canary", "-1", "Try first: &#34;-1&#34; is no number"),
     ("window_s", "9999999", "Undo window"), ("rate", "5000", "the rate is 5000 per second")],
)  # fmt: skip
def test_a_field_that_does_not_fit_is_named_and_what_was_typed_is_kept(
    otto: Visitor, engine: Engine, field: str, typed: str, said: str
) -> None:
    fail(engine, "e1")
    page = otto.get("/operations/new?kind=retry&state=failed")
    answer = begun(otto, page, kind="retry", state="failed", why="because", **{"canary": "1", field: typed})
    assert answer.status == 422
    assert said in answer.text
    assert f'value="{typed}"' in answer.text
    assert 'value="because"' in answer.text


def test_what_cannot_be_done_with_it_is_said_on_its_page(otto: Visitor, engine: Engine) -> None:
    fail(engine, "e1")
    page = otto.get("/operations/new?kind=retry&state=failed")
    begun(otto, page, kind="retry", state="failed", window_s="60")
    told = (
        ("pause", "Operation 1 is paused."),
        ("resume", "Operation 1 goes on."),
        ("cancel", "Operation 1 is cancelled."),
        ("cancel", "operation 1 (retry) is cancelled: cancel does not fit."),
        ("take-back", "take back does not fit"),
    )
    for verb, said in told:
        assert otto.post(f"/operations/1/{verb}", {"form_token": otto.token()}).status == 303
        assert said in otto.get("/operations/1").text, verb


def test_a_program_counts_begins_follows_and_ends_one(ask: Any, engine: Engine) -> None:
    ids = fail(engine, "e1", "e2", "e3")
    wanted = {"kind": "retry", "where": {"automation": "rule", "since": "1d"}}
    status, counted = ask("POST", "/count", wanted)
    assert (status, counted["total"], counted["what"]["where"]["state"]) == (200, 3, ["failed"])
    status, one = ask("POST", "", {**wanted, "rate": 2.0, "canary": 1, "undo_window_s": 60.0, "reason": "it is back"})
    assert (status, one["state"], one["total"], one["why"]) == (200, "waiting", 3, "it is back")
    assert ask("POST", f"/{one['id']}/pause", {"reason": "lunch"})[1]["reason"] == "lunch"
    assert ask("POST", f"/{one['id']}/resume", {})[1]["state"] == "waiting"
    assert ask("POST", f"/{one['id']}/cancel", {})[1]["state"] == "cancelled"
    assert [row["id"] for row in ask("GET", "?kind=retry&state=cancelled")[1]["items"]] == [one["id"]]
    assert ask("POST", "", {"kind": "cancel", "ids": ids[:2]})[0] == 422, "what has failed cannot be cancelled"


@pytest.mark.parametrize(
    "body",
    [{"kind": "retry"}, {"kind": "retry", "where": {}}, {"kind": "retry", "where": {"strange": "x"}}, {"kind": "delete"}, {},
     {"kind": "retry", "everything": True, "rate": 0}, {"kind": "retry", "ids": ["x"]}, {"kind": "replay", "everything": True}],
)  # fmt: skip
def test_a_wish_that_does_not_fit_is_refused_with_a_sentence(ask: Any, engine: Engine, body: dict[str, Any]) -> None:
    fail(engine, "e1")
    status, problem = ask("POST", "", body)
    assert status in (404, 422), problem
    assert problem["type"].startswith("urn:tieback:")
    assert ask("GET", "")[1]["items"] == []
