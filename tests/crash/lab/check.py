"""From evidence to violations: a pure function, so that the evidence of an old run can be judged again.

Each violation names its invariant and the event it is about; `timeline` tells everything that is known of that event.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.crash.lab import site
from tests.crash.lab.evidence import Evidence, Row

ENDED = ("ok", "failed", "skipped", "parked", "cancelled")
MOST_ATTEMPTS = 20
FORGIVEN = 2
MOST_HELD = {"mb": 600, "files": 250, "threads": 120}
NOTICED_S = 5.5  # a sign of life is missed after 4 s in the laboratory


@dataclass(frozen=True)
class Violation:
    invariant: str
    event: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.event}: {self.what}"


class _Facts:
    """The evidence, indexed."""

    def __init__(self, seen: Evidence):
        self.seen = seen
        kinds = {one["id"]: one["kind"] for one in seen.sent}
        self.acked = {one["id"] for one in seen.attempts if one["status"] is not None and 200 <= one["status"] < 300}
        self.events = [id for id in sorted(self.acked) if kinds.get(id) == "event"]
        self.event_ids = {row["event_key"]: row["id"] for row in seen.tables["events"]}
        self.purged = {row["event_key"] for row in seen.tables["events"] if row.get("purged_at")}
        self.runs: dict[tuple[Any, str], list[Row]] = defaultdict(list)
        for row in seen.tables["runs"]:
            self.runs[row["event_id"], row["automation"]].append(row)
        self.effects: dict[Any, list[Row]] = defaultdict(list)
        for row in seen.tables["effects"]:
            self.effects[row["run_id"]].append(row)
        self.applied = {sink: Counter(_said(one) for one in calls if one["applied"]) for sink, calls in seen.target.items()}
        self.received = {sink: Counter(_said(one) for one in calls) for sink, calls in seen.target.items()}

    def event_of(self, run_id: Any) -> str:
        ids = {row["event_id"] for row in self.seen.tables["runs"] if row["id"] == run_id}
        return next((key for key, id in self.event_ids.items() if id in ids), "-")

    def run(self, key: str, rule: str) -> Row | None:
        found = self.runs.get((self.event_ids.get(key), rule), [])
        return found[0] if len(found) == 1 else None


def check(seen: Evidence) -> list[Violation]:
    """What was promised and not kept, in the order of the invariants."""
    facts = _Facts(seen)
    return [violation for law in LAWS for violation in law(facts)]


def _i1_acknowledged_is_kept(facts: _Facts) -> Iterator[Violation]:
    kept = {row["delivery_key"] for row in facts.seen.tables["deliveries"]} | facts.purged
    raw = [row["raw"] for row in facts.seen.tables["deliveries"]]
    purges = bool(facts.purged)  # then what was quarantined is gone as well, as it should be
    kinds = {one["id"]: one["kind"] for one in facts.seen.sent}
    for id in sorted(facts.acked):
        if purges and kinds.get(id) != "event":
            continue
        if id not in kept and not any(id in text for text in raw):
            yield Violation("I1", id, "was acknowledged and is not in the database")
    if facts.seen.integrity != "ok":
        yield Violation("I1", "-", f"the database is damaged: {facts.seen.integrity}")
    if locked := facts.seen.logged.get("~locked"):
        yield Violation("I1", "-", f"SQLite was locked {locked} times: somebody does not wait for their turn")


def _door_never_refuses_what_is_authentic(facts: _Facts) -> Iterator[Violation]:
    for one in facts.seen.attempts:
        if one["kind"] != "forged" and one["status"] is not None and 400 <= one["status"] < 500:
            yield Violation("I1", one["id"], f"an authentic delivery was answered {one['status']}; that stops the hook")
        if one["kind"] == "forged" and one["status"] is not None and 200 <= one["status"] < 300:
            yield Violation("I1", one["id"], "a forged delivery was accepted")


def _secrets_are_compared_in_constant_time(facts: _Facts) -> Iterator[Violation]:
    judged = sum(1 for one in facts.seen.attempts if one["status"] in (204, 401))
    compared = facts.seen.probes.get("compared", 0)
    if compared < judged:
        yield Violation("I8", "-", f"{judged} deliveries were judged with {compared} comparisons in constant time")


def _i2_everything_ends(facts: _Facts) -> Iterator[Violation]:
    if facts.seen.settled_s is None:
        yield Violation("I2", "-", f"patience ended with this waiting: {facts.seen.unfinished}")
    for id in facts.events:
        if id not in facts.event_ids:
            yield Violation("I2", id, "was acknowledged and never became an event")
            continue
        for rule in site.RULES:
            found = facts.runs.get((facts.event_ids[id], rule), [])
            if id in facts.purged and not found:
                continue
            if len(found) != 1:
                yield Violation("I2", id, f"{rule} has {len(found)} runs instead of one")
            elif found[0]["state"] not in ENDED:
                yield Violation("I2", id, f"{rule} is still {found[0]['state']}")


def _i3_applied_once(facts: _Facts) -> Iterator[Violation]:
    for sink, counts in facts.applied.items():
        for id, count in counts.items():
            if count > 1:
                yield Violation("I3", id, f"{sink}: applied {count} times")


def _i4_the_ledger_has_it_once(facts: _Facts) -> Iterator[Violation]:
    kept = Counter(str(row["event"]) for row in facts.seen.tables["kept"])
    for id in facts.events:
        run = facts.run(id, "kept")
        whole = id in facts.purged and run is None  # what it was is not known, what it left is
        if (whole and kept[id] > 1) or (run is not None and run["state"] == "ok" and kept[id] != 1):
            yield Violation("I4", id, f"kept: {kept[id]} rows for a run that is ok")
    mine = {row["id"] for row in facts.seen.tables["runs"] if row["automation"] == "kept"}
    steps = facts.seen.tables["steps"]
    committed = {row["run_id"] for row in steps if row["run_id"] in mine and row["path"] == "count" and row["state"] == "ok"}
    counted = sum(int(row["value"]) for row in facts.seen.tables["counters"] if row["name"] == "kept")
    gone = len(facts.purged)  # how many of those counted nobody can tell
    if not len(committed) <= counted <= len(committed) + gone:
        yield Violation(
            "I4", "-", f"the counter says {counted} for {len(committed)} runs that counted: a step was committed twice"
        )
    for id, count in kept.items():
        if count > 1:
            yield Violation("I4", id, f"kept: {count} rows")
    done = Counter((row["run_id"], row["path"]) for row in steps if row["state"] == "ok")
    for (run_id, path), count in done.items():
        if count > 1:
            yield Violation("I4", facts.event_of(run_id), f"step {path} of run {run_id} was committed {count} times")


def _i5_done_means_applied(facts: _Facts) -> Iterator[Violation]:
    for id in facts.events:
        for rule in facts.applied:
            run = facts.run(id, rule)
            if run is None:
                continue
            applied = facts.applied[rule][id]
            effects = facts.effects.get(run["id"], [])
            if run["state"] == "ok" and applied != 1:
                yield Violation("I5", id, f"{rule}: its run is ok, applied {applied} times")
            if run["state"] == "ok" and [one["state"] for one in effects] != ["applied"] and id not in facts.purged:
                yield Violation("I5", id, f"{rule}: its run is ok with effects {[one['state'] for one in effects]}")
            if rule == "once" and [one["state"] for one in effects] == ["failed"] and applied:
                yield Violation("I5", id, f"{rule}: the ledger says failed, and it was applied")


def _i6_latest_state(facts: _Facts) -> Iterator[Violation]:
    rows = {str(row["id"]): row["body"] for row in facts.seen.tables["rfis"]}
    last = {str(one["about"]): one["id"] for one in facts.seen.sent if one["kind"] == "event" and one["id"] in facts.acked}
    for record, id in last.items():
        body = rows.get(record)
        body = json.loads(body) if isinstance(body, str) else body
        seen = None if body is None else body.get("subject")
        if seen != facts.seen.states[record]:
            yield Violation("I6", id, f"record {record} says {seen!r} here and {facts.seen.states[record]!r} there")


def _i7_no_storm_of_retries(facts: _Facts) -> Iterator[Violation]:
    again = Counter(facts.seen.retried)
    for sink, calls in facts.seen.target.items():
        for id, count in Counter(_said(one) for one in calls if one.get("mode") == "refused_403").items():
            run = facts.run(id, sink)
            # A worker that is lost before it could say how the call ended makes it once more, and so does a person.
            allowed = FORGIVEN + (2 * again[run["id"]] + int(run["lost"]) if run is not None else 0)
            if count > allowed:
                yield Violation("I7", id, f"{sink}: called {count} times after a 403, which is no answer to try again on")
    for row in facts.seen.tables["steps"]:
        if row["state"] == "waiting" and _kind(row) == "http_403":
            what = f"step {row['path']} of run {row['run_id']} waits to be tried again after a 403"
            yield Violation("I7", facts.event_of(row["run_id"]), what)
    for row in facts.seen.tables["runs"]:
        if int(row["attempt"]) > MOST_ATTEMPTS + 1:
            yield Violation("I7", "-", f"run {row['id']} had {row['attempt']} attempts")


def _kind(row: Row) -> str:
    """Of the error with which a step ended; SQLite gives it as text."""
    error = row.get("error")
    return str(((json.loads(error) if isinstance(error, str) else error) or {}).get("kind"))


def _i8_no_secret_shows(facts: _Facts) -> Iterator[Violation]:
    for what in facts.seen.leaked:
        yield Violation("I8", "-", f"{what} stands in the log")


def _i9_what_a_person_did_is_known(facts: _Facts) -> Iterator[Violation]:
    known = Counter((row["verb"], str(row["subject"])) for row in facts.seen.tables["audit"])
    for (verb, subject), count in Counter((verb, subject) for _, verb, subject in facts.seen.promised).items():
        if known[verb, subject] < count:
            yield Violation("I9", "-", f"{verb} {subject}: acknowledged {count} times, audited {known[verb, subject]} times")
    for row in facts.seen.tables["versions"]:
        if row["name"] in site.RULES and f"edition {facts.seen.edition}\n" not in row["source"]:
            yield Violation("I9", "-", f"{row['name']}: the last edition ({facts.seen.edition}) is not in force: {row['broken']}")


def _i10_no_more_than_the_far_end_allows(facts: _Facts) -> Iterator[Violation]:
    if facts.seen.limited:
        yield Violation("I10", "-", f"the far end said {facts.seen.limited} times that we ask too much")


def _i11_nothing_piles_up(facts: _Facts) -> Iterator[Violation]:
    for one in facts.seen.sizes:
        for what, most in MOST_HELD.items():
            if one[what] > most:
                yield Violation("I11", "-", f"{one['command']} holds {one[what]} {what} after the storm, more than {most}")


def _i12_health_tells_when_nothing_gets_on(facts: _Facts) -> Iterator[Violation]:
    for began, ended in facts.seen.still:
        # Each asks when the one before has its answer.
        asked = [
            ready for (at, ready), (next_at, _) in pairwise(facts.seen.health) if began + NOTICED_S <= at and next_at < ended
        ]
        if asked and all(asked):
            yield Violation(
                "I12", "-", f"no worker was at work for {ended - began:.0f} s, and /readyz said ready {len(asked)} times"
            )
    if facts.seen.settled_s is not None and facts.seen.health and not any(ready for _, ready in facts.seen.health[-4:]):
        yield Violation("I12", "-", "all is done and calm, and /readyz does not say so")


LAWS: tuple[Callable[[_Facts], Iterator[Violation]], ...] = (
    _i1_acknowledged_is_kept, _door_never_refuses_what_is_authentic, _secrets_are_compared_in_constant_time, _i2_everything_ends,
    _i3_applied_once, _i4_the_ledger_has_it_once, _i5_done_means_applied, _i6_latest_state, _i7_no_storm_of_retries,
    _i8_no_secret_shows, _i9_what_a_person_did_is_known, _i10_no_more_than_the_far_end_allows, _i11_nothing_piles_up,
    _i12_health_tells_when_nothing_gets_on,
)  # fmt: skip


def uncertain(seen: Evidence) -> int:
    return sum(1 for row in seen.tables["effects"] if row["state"] == "uncertain")


def sometimes(seen: Evidence) -> dict[str, int]:
    """How often each interesting state was reached. A batch that missed one has shown nothing about it."""
    acked = Counter(one["id"] for one in seen.attempts if one["status"] == 204)
    received = Counter(_said(one) for one in seen.target.get("keyed", []))
    return {
        "redelivery absorbed": sum(1 for count in acked.values() if count > 1),
        "lease reclaimed": seen.probes.get("reclaimed", 0),
        "zombie fenced": seen.probes.get("fenced", 0) + seen.probes.get("refused-call", 0),
        "repeated call recognised": sum(1 for count in received.values() if count > 1),
        "uncertain parked": uncertain(seen),
        "rung again by the relay": seen.probes.get("rung-again", 0),
        "broker given up for a while": seen.logged.get("broker.silent", 0),
        "halted in the middle": seen.probes.get("halted-call", 0) + seen.probes.get("halted-commit", 0),
        "no worker at work": len(seen.still),
        "503 sent": sum(1 for one in seen.attempts if one["status"] == 503),
        "quarantined": sum(1 for row in seen.tables["deliveries"] if row["state"] == "quarantined"),
    }


def timeline(seen: Evidence, event: str) -> str:
    """Everything that is known of one event, in the order of time where there is one."""
    facts = _Facts(seen)
    id = facts.event_ids.get(event)
    runs = [row for row in seen.tables["runs"] if row["event_id"] == id and id is not None]
    mine = {row["id"] for row in runs}
    lines = [f"sent       {one}" for one in seen.attempts if one["id"] == event]
    lines += [
        f"delivery   { {**row, 'raw': row['raw'][:80]} }" for row in seen.tables["deliveries"] if row["delivery_key"] == event
    ]
    lines += [f"event      {row}" for row in seen.tables["events"] if row["event_key"] == event]
    lines += [f"run        {row}" for row in runs]
    lines += [f"step       {row}" for row in seen.tables["steps"] if row["run_id"] in mine]
    lines += [f"effect     {row}" for row in seen.tables["effects"] if row["run_id"] in mine]
    lines += [
        f"far end    {sink} {one['at']} applied={one['applied']} mode={one.get('mode')}"
        for sink, calls in seen.target.items()
        for one in calls
        if _said(one) == event
    ]
    lines += [f"fault      {at:.2f} {what}" for at, what in seen.faults]
    return "\n".join(lines)


def _said(one: Row) -> str:
    body = one.get("body")
    return str(body.get("event")) if isinstance(body, dict) else ""
