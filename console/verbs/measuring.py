"""Figures of the whole installation for Prometheus: every process counts, since they come from the database.

A name that is not in `TABLE` cannot be given out, and docs/metrics.md is made from it. No label has values without a limit:
they are names that the operator wrote (connectors, automations), words of ours, or what rules count, a hundred sets each.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from sqlalchemy import Connection

from console.verbs import spending
from console.verbs.at_hand import AtHand
from store import beats, board, counters, figures, notices, pauses, quota, switch
from store.session import reading
from webhook.measured import ANSWERS, BOUNDS, SECONDS, SUM

KEPT_S = 5.0
LATELY_S = 3600.0
LATE_S = 60.0
MOST_NAMES = 500  # automations shown by name; what the rest did is summed up as one
REST = "(other)"
RULES = "tieback_rule_"


@dataclass(frozen=True)
class Family:
    kind: str
    labels: tuple[str, ...]
    help: str


def _table(lines: str) -> dict[str, Family]:
    found = {}
    for line in lines.strip().splitlines():
        name, kind, labels, help = (part.strip() for part in line.split("|"))
        found[name] = Family(kind, tuple(labels.split()), help)
    return found


TABLE = _table("""
tieback_info                            | gauge     | version           | Always 1; which version answers.
tieback_ready                           | gauge     |                   | 1 when /readyz says ready: site loaded, relay and worker alive, no work due for more than 60 s.
tieback_processes                       | gauge     | role              | Processes that gave a sign of life within 10 s.
tieback_beat_age_seconds                | gauge     | role              | Age of the newest sign of life of the role.
tieback_process_memory_bytes            | gauge     | role              | Resident memory of the largest living process of the role.
tieback_worker_threads                  | gauge     | state             | Threads of the living workers: busy, idle.
tieback_lane_waiting                    | gauge     | lane work         | Rows that wait in the lane, due or not: runs, fetches, imports.
tieback_lane_running                    | gauge     | lane work         | Rows that a worker holds.
tieback_lane_due                        | gauge     | lane              | Rows that could begin now.
tieback_lane_oldest_due_seconds         | gauge     | lane              | How long the oldest of them has been due.
tieback_lane_paused                     | gauge     | lane              | 1 while a person has paused the lane.
tieback_changes_held                    | gauge     |                   | 1 while a person holds all changes outside.
tieback_deliveries_unsorted             | gauge     |                   | Deliveries that are kept and not yet sorted.
tieback_deliveries_unsorted_oldest_seconds | gauge  |                   | Age of the oldest of them.
tieback_deliveries_last_hour            | gauge     | state             | Deliveries that came within the last hour: received, sorted, ignored, quarantined.
tieback_delivery_age_seconds            | gauge     | connector         | Time since the connector's last delivery; missing when there was none.
tieback_events_last_hour                | gauge     | state             | Events of the last hour: matched, ignored, unsupported, quarantined.
tieback_runs_open                       | gauge     | automation state  | Runs that wait, run or are parked.
tieback_runs_last_hour                  | gauge     | automation state  | Runs that ended within the last hour.
tieback_automations                     | gauge     | state             | Automations that are active or paused.
tieback_site_files_broken               | gauge     |                   | Files of the site that do not load; the last good version stays in force.
tieback_effects_open                    | gauge     | state             | Changes outside that are not settled: intent (under way) or uncertain (a person must look).
tieback_approvals_open                  | gauge     |                   | Questions that wait for a person.
tieback_approvals_oldest_seconds        | gauge     |                   | Age of the oldest of them.
tieback_alerts_open                     | gauge     | kind state        | Alerts that are open: new, or seen by a person.
tieback_alerts_untold                   | gauge     | destination       | What waits to be told of alerts, for each destination of alerts.yaml that was ever told.
tieback_schedules                       | gauge     |                   | Schedules that are kept.
tieback_schedules_late                  | gauge     |                   | Schedules that should have fired more than 60 s ago.
tieback_schedule_latest_seconds         | gauge     |                   | How late the latest of them is.
tieback_imports_open                    | gauge     | state             | Imports that wait or run.
tieback_connectors                      | gauge     | connector state   | 1 for the state that the connector is in.
tieback_hooks                           | gauge     | connector status  | Subscriptions at Procore by status; all but active and planned want a look.
tieback_quota_left                      | gauge     | connector window  | Calls that may still begin in the window (spike, hour).
tieback_quota_limit                     | gauge     | connector window  | Calls that the window allows.
tieback_quota_blocked_seconds           | gauge     | connector         | How long nobody may call; 0 when calls may go out.
tieback_calls_last_hour                 | gauge     | connector status  | Calls of the last hour: 2xx, 3xx, 4xx, 429, 5xx, none (no answer).
tieback_database_bytes                  | gauge     |                   | Size of the database.
tieback_door_answers_total              | counter   | kind status       | Requests that the door answered, of all door processes, up to 10 s late.
tieback_door_seconds                    | histogram |                   | Time from a whole webhook request to its answer, of all door processes, up to 10 s late.
tieback_scrape_seconds                  | gauge     |                   | How long gathering these figures took.
""")  # noqa: E501


class _Figures:
    """What is to be given out: only names and labels of the table."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    def add(self, name: str, value: float, **labels: str) -> None:
        self.family(name).add_sample(name, {label: labels[label] for label in TABLE[name].labels}, value)

    def family(self, name: str) -> Metric:
        known = TABLE[name]
        return self._named(name.removesuffix("_total"), known.help, known.kind)

    def rule(self, counter: str, labels: dict[str, str], value: float) -> None:
        name = RULES + counter
        self._named(name, "Counted by rules (metrics.count).", "counter").add_sample(f"{name}_total", labels, value)

    def _named(self, name: str, help: str, kind: str) -> Metric:
        return self._families.setdefault(name, Metric(name, help, kind))

    def collect(self) -> Iterator[Metric]:
        yield from self._families.values()


class Scraped:
    """All figures in Prometheus' text format, a few seconds old at most: who asks often must not keep the database busy."""

    def __init__(self, here: AtHand, kept_s: float = KEPT_S):
        self._here = here
        self._kept_s = kept_s
        self._lock = threading.Lock()
        self._made_at = float("-inf")
        self._made = b""

    def text(self) -> bytes:
        with self._lock:
            if time.monotonic() - self._made_at > self._kept_s:
                registry = CollectorRegistry()
                registry.register(gather(self._here))
                self._made, self._made_at = generate_latest(registry), time.monotonic()
            return self._made


def gather(here: AtHand) -> _Figures:
    began = time.perf_counter()
    found = _Figures()
    found.add("tieback_info", 1, version=version("tieback"))
    with reading(here.engine) as db:
        for part in (_processes, _lanes, _arrivals, _runs, _people, _outside, _door):
            part(db, found)
        found.add("tieback_database_bytes", figures.database_bytes(db))
    _quota(here, found)
    found.add("tieback_scrape_seconds", time.perf_counter() - began)
    return found


def _processes(db: Connection, found: _Figures) -> None:
    found.add("tieback_ready", float(beats.not_ready(db) is None))
    by_role: dict[str, list[Any]] = {"relay": [], "worker": []}
    for row in beats.alive(db):
        by_role.setdefault(row["role"], []).append(row)
    for role, rows in by_role.items():
        living = [row for row in rows if row["age_s"] <= beats.ALIVE_S]
        found.add("tieback_processes", len(living), role=role)
        if rows:
            found.add("tieback_beat_age_seconds", min(row["age_s"] for row in rows), role=role)
        if memory := [(row["about"] or {}).get("memory_bytes", 0) for row in living]:
            found.add("tieback_process_memory_bytes", max(memory), role=role)
    told = [row["about"] or {} for row in by_role["worker"] if row["age_s"] <= beats.ALIVE_S]
    busy, slots = (sum(one.get(name, 0) for one in told) for name in ("busy", "slots"))
    found.add("tieback_worker_threads", busy, state="busy")
    found.add("tieback_worker_threads", max(0, slots - busy), state="idle")


def _lanes(db: Connection, found: _Figures) -> None:
    here, lanes = board.clock(db), board.lanes(db)
    paused = {row.lane for row in pauses.every(db)}
    for name in sorted({"webhook", "manual", "schedule", "backfill"} | set(lanes) | paused):
        one = lanes.get(name) or {"waiting": {}, "running": {}, "due": 0, "oldest": None}
        for work in ("runs", "fetches", "imports"):
            found.add("tieback_lane_waiting", one["waiting"].get(work, 0), lane=name, work=work)
            found.add("tieback_lane_running", one["running"].get(work, 0), lane=name, work=work)
        oldest_s = 0.0 if one["oldest"] is None else max(0.0, (here - one["oldest"]).total_seconds())
        found.add("tieback_lane_due", one["due"], lane=name)
        found.add("tieback_lane_oldest_due_seconds", oldest_s, lane=name)
        found.add("tieback_lane_paused", float(name in paused), lane=name)
    found.add("tieback_changes_held", float(switch.state(db) is not None))


def _arrivals(db: Connection, found: _Figures) -> None:
    here = board.clock(db)
    count, since = board.unsorted(db)
    found.add("tieback_deliveries_unsorted", count)
    found.add("tieback_deliveries_unsorted_oldest_seconds", 0.0 if since is None else max(0.0, (here - since).total_seconds()))
    lately = figures.deliveries_lately(db, LATELY_S)
    for state in ("received", "sorted", "ignored", "quarantined"):
        found.add("tieback_deliveries_last_hour", lately.get(state, 0), state=state)
    events = board.events_lately(db, LATELY_S, None)
    for state in ("matched", "ignored", "unsupported", "quarantined"):
        found.add("tieback_events_last_hour", events.get(state, 0), state=state)
    names = [name for name, _ in figures.connectors(db)]
    for name, moment in board.last_deliveries(db, names).items():
        found.add("tieback_delivery_age_seconds", max(0.0, (here - moment).total_seconds()), connector=name)


def _runs(db: Connection, found: _Figures) -> None:
    for name, rows in (
        ("tieback_runs_open", figures.runs_open(db)),
        ("tieback_runs_last_hour", figures.runs_finished(db, LATELY_S)),
    ):
        for (automation, state), count in _few(rows).items():
            found.add(name, count, automation=automation, state=state)
    automations = figures.automations(db)
    for state in ("active", "paused"):
        found.add("tieback_automations", automations.get(state, 0), state=state)
    found.add("tieback_site_files_broken", figures.broken_files(db))
    imports = figures.imports_open(db)
    for state in ("waiting", "running"):
        found.add("tieback_imports_open", imports.get(state, 0), state=state)


def _few(rows: figures.Counted) -> dict[tuple[str, str], int]:
    """The automations that do most, by name; a site with thousands must not break its Prometheus."""
    totals: dict[str, int] = defaultdict(int)
    for automation, _, count in rows:
        totals[automation] += count
    named = set(sorted(totals, key=lambda one: (-totals[one], one))[:MOST_NAMES])
    few: dict[tuple[str, str], int] = defaultdict(int)
    for automation, state, count in rows:
        few[automation if automation in named else REST, state] += count
    return few


def _people(db: Connection, found: _Figures) -> None:
    effects = figures.effects(db)
    for state in ("intent", "uncertain"):
        found.add("tieback_effects_open", effects.get(state, 0), state=state)
    count, oldest_s = figures.approvals(db)
    found.add("tieback_approvals_open", count)
    found.add("tieback_approvals_oldest_seconds", oldest_s)
    found.family("tieback_alerts_open")
    for kind, state, count in figures.alerts(db):
        found.add("tieback_alerts_open", count, kind=kind, state=state)
    found.family("tieback_alerts_untold")
    for destination, count in notices.waiting(db).items():
        found.add("tieback_alerts_untold", count, destination=destination)
    count, late, latest_s = figures.schedules(db, LATE_S)
    found.add("tieback_schedules", count)
    found.add("tieback_schedules_late", late)
    found.add("tieback_schedule_latest_seconds", latest_s)


def _outside(db: Connection, found: _Figures) -> None:
    for name, state in figures.connectors(db):
        found.add("tieback_connectors", 1, connector=name, state=state)
    for connector, status, count in figures.hooks(db):
        found.add("tieback_hooks", count, connector=connector, status=status)
    calls: dict[tuple[str, str], int] = defaultdict(int)
    for row in quota.calls_of_last_hour(db):
        calls[row.connector, _sort_of(row.status)] += row.calls
    for (connector, status), made in calls.items():
        found.add("tieback_calls_last_hour", made, connector=connector, status=status)


def _sort_of(status: int | None) -> str:
    return "none" if not status else "429" if status == 429 else f"{status // 100}xx"


def _door(db: Connection, found: _Figures) -> None:
    """What the door processes wrote, and what rules count; a histogram's buckets hold all that is below them."""
    within: dict[str, float] = {}
    total_s = 0.0
    found.family("tieback_door_answers_total")
    for row in counters.every(db):
        if row["name"] == ANSWERS:
            found.add("tieback_door_answers_total", row["value"], **row["labels"])
        elif row["name"] == SECONDS:
            within[row["labels"]["le"]] = row["value"]
        elif row["name"] == SUM:
            total_s = row["value"]
        else:
            found.rule(row["name"], row["labels"], row["value"])
    family, sofar = found.family("tieback_door_seconds"), 0.0
    for bound in (*(f"{one:g}" for one in BOUNDS), "+Inf"):
        sofar += within.get(bound, 0.0)
        family.add_sample("tieback_door_seconds_bucket", {"le": bound}, sofar)
    family.add_sample("tieback_door_seconds_count", {}, sofar)
    family.add_sample("tieback_door_seconds_sum", {}, total_s)


def _quota(here: AtHand, found: _Figures) -> None:
    for row in spending.windows(here):
        found.add("tieback_quota_left", row["left"], connector=row["connector"], window=row["window"])
        found.add("tieback_quota_limit", row["limit"], connector=row["connector"], window=row["window"])
        if row["window"] == "hour":
            found.add("tieback_quota_blocked_seconds", row["blocked_s"] or 0.0, connector=row["connector"])
