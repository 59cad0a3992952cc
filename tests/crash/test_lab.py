"""The laboratory itself: plans are fixed by their seed, the checker sees what is wrong, one storm of each kind is stood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.crash.lab import check, plan, settle, site
from tests.crash.lab.bugs import PROFILE
from tests.crash.lab.evidence import Evidence
from tests.crash.lab.inside.planted import BUGS
from tests.crash.lab.run import Result, run
from tests.crash.lab.supervise import servers
from tests.crash.sweep import simulator

EVENTS = 60
ROOT = Path(__file__).parents[2]


def stood(profile: str, seed: int, into: Path) -> Result:
    with servers(profile) as up, simulator() as far:
        return run(plan.plan(seed, profile, EVENTS), far, up, into)


@pytest.mark.timeout(400)
def test_a_storm_over_tieback_up_keeps_every_promise(tmp_path: Path) -> None:
    found = stood("sqlite", 1, tmp_path)
    assert (found.violations, found.void) == ([], ""), list(tmp_path.rglob("violations.txt"))
    assert found.acked > EVENTS / 2


@pytest.mark.services
@pytest.mark.timeout(400)
@pytest.mark.parametrize("profile", ["redis", "rabbitmq"])
def test_a_storm_over_the_procfiles_processes_keeps_every_promise(profile: str, tmp_path: Path) -> None:
    found = stood(profile, 1, tmp_path)
    assert (found.violations, found.void) == ([], ""), list(tmp_path.rglob("violations.txt"))
    assert found.acked > EVENTS / 2


@pytest.mark.parametrize("profile", plan.PROFILES)
def test_a_seed_is_a_schedule(profile: str) -> None:
    first, again, other = plan.plan(3, profile, 150), plan.plan(3, profile, 150), plan.plan(4, profile, 150)
    assert first == again
    assert first.faults != other.faults
    assert first.run != other.run
    assert {one.kind for one in first.sent} == {"event", "poison", "forged"}


def test_every_planted_bug_has_a_profile_in_which_it_can_show() -> None:
    assert sorted(PROFILE) == sorted(BUGS)
    assert len(PROFILE) == 12


def test_nothing_of_the_laboratory_is_in_the_product() -> None:
    product = ("config", "store", "connectors", "automations", "workers", "webhook", "console", "simulator")
    named = [path for folder in product for path in (ROOT / folder).rglob("*.py") if "CRASHLAB" in path.read_text("utf-8")]
    assert named == []


def evidence(**other: Any) -> Evidence:
    """One event that went as it should; `other` says what is different."""
    id = "abc123-000000"
    runs = [
        {"id": n, "event_id": 1, "automation": rule, "state": "ok", "reason": None, "attempt": 1, "fence": 1, "lost": 0}
        for n, rule in enumerate(site.RULES, 1)
    ]
    numbers = {row["automation"]: row["id"] for row in runs}
    tables: dict[str, list[dict[str, Any]]] = {
        "deliveries": [{"id": 1, "delivery_key": id, "state": "sorted", "reason": None, "raw": f'{{"id": "{id}"}}'}],
        "events": [{"id": 1, "event_key": id, "delivery_id": 1, "state": "matched", "reason": None}],
        "runs": runs,
        "steps": [{"run_id": numbers["kept"], "path": "count", "state": "ok", "attempt": 1}],
        "effects": [
            {"effect_key": rule, "run_id": numbers[rule], "step": "tell", "policy": "x", "state": "applied", "fence": 1}
            for rule in ("keyed", "once")
        ],
        "audit": [], "versions": [], "counters": [{"name": "kept", "value": 1.0}], "kept": [{"event": id, "run": "4"}],
        "rfis": [{"id": "7", "body": {"subject": id}}],
    }  # fmt: skip
    target = {sink: [{"at": "", "applied": True, "mode": "apply", "body": {"event": id}}] for sink in ("keyed", "once")}
    values: dict[str, Any] = {
        "run": "abc123", "profile": "sqlite", "sent": [{"id": id, "kind": "event", "about": "7"}],
        "attempts": [{"at": 0.0, "id": id, "kind": "event", "status": 204, "error": ""}], "tables": tables, "target": target,
        "foreign": 0, "states": {"7": id}, "settled_s": 1.0, "unfinished": {}, "promised": [], "retried": [], "edition": 1,
        "probes": {"compared": 2}, "logged": {}, "leaked": [], "integrity": "ok",
    }  # fmt: skip
    changed = {name: value for name, value in other.items() if name not in tables}
    tables.update({name: value for name, value in other.items() if name in tables})
    return Evidence(**{**values, **changed})


def broken(**other: Any) -> set[str]:
    return {one.invariant for one in check.check(evidence(**other))}


def test_what_went_well_is_no_violation() -> None:
    assert check.check(evidence()) == []


TWICE = [{"at": "", "applied": True, "mode": "apply", "body": {"event": "abc123-000000"}}] * 2


REFUSED = {"run_id": 2, "path": "tell", "state": "waiting", "attempt": 1, "error": {"kind": "http_403"}}


@pytest.mark.parametrize(
    ("invariant", "different"),
    [
        ("I1", {"deliveries": []}),
        ("I1", {"integrity": "row 3 missing"}),
        ("I1", {"attempts": [{"at": 0.0, "id": "abc123-000000", "kind": "event", "status": 400, "error": ""}]}),
        ("I1", {"attempts": [{"at": 0.0, "id": "abc123-000009", "kind": "forged", "status": 204, "error": ""}]}),
        ("I2", {"events": []}),
        ("I2", {"settled_s": None}),
        ("I3", {"target": {"keyed": TWICE[:1], "once": TWICE}}),
        ("I4", {"counters": [{"name": "kept", "value": 2.0}]}),
        ("I4", {"kept": []}),
        ("I4", {"steps": [{"run_id": 4, "path": "count", "state": "ok", "attempt": 1}] * 2}),
        ("I5", {"target": {"keyed": [], "once": TWICE[:1]}}),
        ("I5", {"effects": []}),
        ("I6", {"states": {"7": "something newer"}}),
        ("I7", {"target": {"keyed": TWICE[:1], "once": TWICE[:1] + [{**TWICE[0], "applied": False, "mode": "refused_403"}] * 3}}),
        ("I7", {"steps": [REFUSED]}),
        ("I7", {"steps": [{**REFUSED, "error": '{"kind": "http_403"}'}]}),  # as SQLite has it
        ("I8", {"leaked": ["secret 1"]}),
        ("I8", {"probes": {}}),
        ("I9", {"promised": [(0.0, "run retried", "1")]}),
        ("I10", {"limited": 3}),
        ("I11", {"sizes": [{"command": "worker", "mb": 90, "files": 9000, "threads": 20}]}),
        ("I12", {"still": [(10.0, 20.0)], "health": [(18.0, True), (19.0, True), (19.5, True)]}),
        ("I12", {"health": [(18.0, False)] * 4}),
    ],
)
def test_the_checker_sees(invariant: str, different: dict[str, Any]) -> None:
    assert invariant in broken(**different)


PURGED = [{"id": 1, "event_key": "abc123-000000", "delivery_id": None, "state": "matched", "purged_at": "2026"}]


def test_what_a_purge_took_when_it_was_over_is_no_violation_and_an_effect_twice_is() -> None:
    """The clean-up takes the delivery, the runs and their ledger; what is outside still tells."""
    gone: dict[str, Any] = {"deliveries": [], "events": PURGED, "runs": [], "steps": [], "effects": []}
    assert check.check(evidence(**gone)) == []
    assert "I3" in broken(**gone, target={"keyed": TWICE[:1], "once": TWICE})
    assert "I4" in broken(**gone, counters=[{"name": "kept", "value": 3.0}])


@pytest.mark.parametrize("late", [(16.0, False), (19.0, True)], ids=["told in time", "asked, and answered when it was over"])
def test_a_health_that_told_in_time_is_no_violation(late: tuple[float, bool]) -> None:
    assert check.check(evidence(still=[(10.0, 20.0)], health=[(11.0, True), late, (21.0, True)])) == []


def test_the_story_of_an_event_tells_all_that_is_known_of_it() -> None:
    told = check.timeline(evidence(faults=[(1.0, "kill worker")]), "abc123-000000")
    for part in ("sent", "delivery", "event", "run", "step", "effect", "far end", "fault"):
        assert f"\n{part} " in f"\n{told}"


@pytest.mark.parametrize(
    ("left", "settles"), [((9, 7, 5, 3, 1, 0), True), ((9, 7, 7, 7, 7, 0), False), ((9, 7, 8, 9, 8, 0), False)]
)
def test_a_run_that_gets_on_is_waited_for_and_one_that_is_stuck_is_not(
    left: tuple[int, ...], settles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given how many runs wait each half of a second, and patience for one second
    counts = iter(left)
    monkeypatch.setattr(settle, "unfinished", lambda _: {"runs": count} if (count := next(counts)) else {})
    settled_s, waiting = settle.settle("", lambda: True, 1.2)
    assert (settled_s is not None, bool(waiting)) == (settles, not settles)
