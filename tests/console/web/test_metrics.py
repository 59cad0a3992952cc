"""The figures are true, complete as documented, and never more than a Prometheus can keep."""

from __future__ import annotations

from typing import Any

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, insert

from console.verbs import measuring, tokens
from store import alerts, beats, counters, notices, pauses
from store.models import Delivery, Event, Run, Schedule, Version
from store.session import writing
from store.types import now
from tests.console.web.conftest import console as console
from tests.console.web.conftest import filled as filled
from tests.console.web.served import Served

Sample = tuple[str, tuple[tuple[str, str], ...]]


def families(console: Served) -> dict[str, Metric]:
    """As Prometheus would read them."""
    text = measuring.Scraped(console.here, 0).text().decode()
    return {one.name: one for one in text_string_to_metric_families(text)}


def samples(console: Served) -> dict[Sample, float]:
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for one in families(console).values() for s in one.samples}


def of(found: dict[Sample, float], name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def bare(name: str) -> str:
    return name.removesuffix("_total")


def test_what_is_given_out_is_what_is_documented(filled: tuple[Served, dict[str, object]]) -> None:
    # Given a store with something of everything, and one of what it lacks
    served, _ = filled
    with writing(served.engine) as db:
        alerts.raise_(db, "silence", "a", "nothing came")
        notices.keep(db, alerts.every(db)[0].id, "slack:ops", "begin", 0)
        counters.add(db, "door:answers", {"kind": "webhooks", "status": "204"}, 3)
        counters.add(db, "rfis_seen", {"status": "open"}, 2)
    # When it is scraped
    found = families(served)
    # Then each family of the table is there with its kind and labels, and nothing that is not in it but what rules count
    rules = {name for name in found if name.startswith(measuring.RULES)}
    missing = {bare(name) for name in measuring.TABLE} - set(found)
    assert missing == set()
    assert set(found) - rules <= {bare(name) for name in measuring.TABLE}
    for name, known in measuring.TABLE.items():
        if bare(name) not in found:
            continue
        family = found[bare(name)]
        assert (family.type, family.documentation) == (known.kind, known.help)
        assert {label for s in family.samples for label in s.labels} - {"le"} <= set(known.labels)
    assert "tieback_rule_rfis_seen" in rules


def test_every_process_counts_and_the_dead_do_not(console: Served) -> None:
    with writing(console.engine) as db:
        beats.beat(db, "worker:a", "worker", {"memory_bytes": 5_000_000})
        beats.beat(db, "worker:b", "worker", {"memory_bytes": 7_000_000})
    found = samples(console)
    assert of(found, "tieback_processes", role="worker") == 2
    assert of(found, "tieback_processes", role="relay") == 0
    assert of(found, "tieback_process_memory_bytes", role="worker") == 7_000_000
    assert ("tieback_beat_age_seconds", (("role", "relay"),)) not in found


def test_what_waits_to_be_told_is_counted_for_each_destination(console: Served) -> None:
    with writing(console.engine) as db:
        alerts.raise_(db, "disk", "var", "full")
        notices.keep(db, 1, "slack:ops", "begin", 0)
        notices.keep(db, 1, "email:office", "begin", 0)
        notices.sent(db, notices.take(db, "email:office")[0].message)
    found = samples(console)
    assert of(found, "tieback_alerts_untold", destination="slack:ops") == 1
    assert of(found, "tieback_alerts_untold", destination="email:office") == 0


def test_threads_of_the_living_workers_are_busy_or_idle(console: Served) -> None:
    with writing(console.engine) as db:
        beats.beat(db, "worker:a", "worker", {"slots": 8, "busy": 3})
        beats.beat(db, "worker:b", "worker", {"slots": 8, "busy": 0})
    found = samples(console)
    assert (of(found, "tieback_worker_threads", state="busy"), of(found, "tieback_worker_threads", state="idle")) == (3, 13)


def test_runs_are_told_by_automation_and_state(console: Served) -> None:
    with writing(console.engine) as db:
        version = made(db, Version, automation="a", hash="h", file="a.yaml", source="")
        for number, (automation, state) in enumerate([("a", "failed"), ("b", "failed"), ("b", "ok"), ("a", "waiting")]):
            times = {"run_after": now(-90)} if state == "waiting" else {"finished_at": now()}
            made(db, Run, event_id=an_event(db, number), automation=automation, version_id=version, trigger="t", stage="live",
                 connector="acme", lane="webhook", state=state, **times)  # fmt: skip
    found = samples(console)
    assert of(found, "tieback_runs_last_hour", automation="b", state="failed") == 1
    assert of(found, "tieback_runs_last_hour", automation="b", state="ok") == 1
    assert of(found, "tieback_runs_open", automation="a", state="waiting") == 1
    assert of(found, "tieback_lane_due", lane="webhook") == 1
    assert of(found, "tieback_lane_oldest_due_seconds", lane="webhook") >= 90
    assert of(found, "tieback_events_last_hour", state="matched") == 4


def made(db: Connection, model: Any, **values: object) -> int:
    key = db.execute(insert(model).values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def an_event(db: Connection, number: int) -> int:
    return made(db, Event, connector="acme", event_key=f"k{number}", source="webhook", action="update", resource_name="RFIs",
                resource_id=str(number), company_id="8", project_id="", user_id="", app_id="", timestamp=now(),
                payload_version="v4.0", state="matched")  # fmt: skip


def test_a_site_of_thousands_of_automations_does_not_make_thousands_of_series() -> None:
    rows = [(f"rule_{number:04}", "ok", 1 + (number == 2999)) for number in range(3000)]
    few = measuring._few(rows)
    assert len(few) == measuring.MOST_NAMES + 1
    assert few["rule_2999", "ok"] == 2
    assert sum(few.values()) == sum(count for *_, count in rows)


def test_what_came_and_what_waits_is_counted(console: Served) -> None:
    with writing(console.engine) as db:
        for number, state in enumerate(["received", "quarantined", "quarantined"]):
            made(db, Delivery, connector="acme", hook_key="k", delivery_key=f"d{number}", raw=b"", state=state)
        made(
            db, Delivery, connector="acme", hook_key="k", delivery_key="old", raw=b"", state="quarantined", received_at=now(-7200)
        )
    found = samples(console)
    assert of(found, "tieback_deliveries_unsorted") == 1
    assert of(found, "tieback_deliveries_last_hour", state="quarantined") == 2


def test_what_people_must_look_at_is_counted(console: Served) -> None:
    with writing(console.engine) as db:
        alerts.raise_(db, "silence", "a", "nothing came")
        alerts.raise_(db, "silence", "b", "nothing came")
        pauses.put(db, "backfill", "quiet, please", "ana", None)
        for name, late_s in (("late", 300), ("soon", -300)):
            values = {"automation": name, "trigger": "t", "zone": "UTC", "written": "0 2 * * *", "next_at": now(-late_s)}
            db.execute(insert(Schedule).values(name=name, **values))
    found = samples(console)
    assert of(found, "tieback_alerts_open", kind="silence", state="new") == 2
    assert of(found, "tieback_lane_paused", lane="backfill") == 1
    assert (of(found, "tieback_schedules"), of(found, "tieback_schedules_late")) == (2, 1)
    assert of(found, "tieback_schedule_latest_seconds") >= 300
    assert of(found, "tieback_database_bytes") > 0


def test_what_a_rule_counts_cannot_pass_for_a_figure_of_ours(console: Served) -> None:
    with writing(console.engine) as db:
        counters.add(db, "ready", {"status": 'a"\n} 1', "counter": "x"}, 2)
    found = samples(console)
    assert of(found, "tieback_rule_ready_total", status='a"\n} 1', counter="x") == 2
    assert of(found, "tieback_ready") == 0


def test_who_asks_often_is_told_what_was_gathered_before(console: Served) -> None:
    often = measuring.Scraped(console.here, 60)
    before = often.text()
    with writing(console.engine) as db:
        beats.beat(db, "worker:a", "worker")
    assert often.text() == before


def test_tokens_may_be_made_for_metrics(console: Served) -> None:
    assert tokens.add(console.here, "prometheus", ["metrics"]).startswith("tb_")
