"""`tests:` of automations: a world and a time of their own, and what is expected of them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from automations.claims import Verdict, verdicts
from automations.definition import load
from automations.scope import SiteTables
from config.problems import Problems

HEAD = """\
format: 1
id: watch
stage: live
"""
RFIS = "when:\n  - webhook: {connector: acme-prod, resource: RFIs}\n"
TELL = 'do:\n  - {id: tell, use: notify.send, with: {to: "slack:ops", text: "RFI ${record.number} ${record.status}"}}\n'


def proved(body: str, tests: str, tables: SiteTables | None = None) -> list[Verdict]:
    source = HEAD + body + "tests:\n" + textwrap.indent(textwrap.dedent(tests), "  ")
    return verdicts(load(source, "watch.yaml"), tables)


def all_hold(body: str, tests: str, tables: SiteTables | None = None) -> None:
    found = proved(body, tests, tables)
    assert found
    assert {one.test: (one.differences, one.why) for one in found if not one.ok} == {}


def refused(body: str, tests: str) -> list[tuple[int, str, str | None]]:
    with pytest.raises(Problems) as caught:
        proved(body, tests)
    return [(one.line, one.code, one.suggestion) for one in caught.value.found]


def test_a_transition_fires_and_another_one_says_why_not() -> None:
    when = RFIS + "    field: status\n    from: [draft]\n    to: [open]\n"
    all_hold(
        when + TELL,
        """\
        - name: draft to open is told
          given: {webhook: {resource: RFIs}, previous: {status: draft}, record: {status: open, number: "12"}}
          expect: {trigger: webhook, fired: true, state: ok, calls: {notify.send: 1}, messages: RFI 12 open, steps: {tell: ok}}
        - name: closed to open is not
          given: {webhook: {resource: RFIs}, previous: {status: closed}, record: {status: open}}
          expect: {fired: false, because: 'from "closed" not in ["draft"]', calls: {notify.send: 0}, messages: []}
        - name: nobody knows what it was
          given: {webhook: {resource: RFIs}, record: {status: open}}
          expect: {fired: false, because: no earlier copy; import RFIs once}
        - name: what was stored before is the copy before
          given:
            webhook: {resource: RFIs, action: create}
            record: {status: draft}
            then: [{after: 1h, webhook: {resource: RFIs}, record: {status: open}}]
          expect: {runs: 1, calls: {notify.send: 1}}
        """,
    )


def test_what_differs_is_said_with_what_was_seen() -> None:
    (verdict,) = proved(
        RFIS + 'if: record.status == "open"\n' + TELL,
        "- {name: one, given: {webhook: {resource: RFIs}, record: {status: closed}}, "
        "expect: {fired: true, calls: {notify.send: 2}, steps: {tell: ok}}}\n",
    )
    said = {one.claim: (one.expected, one.seen) for one in verdict.differences}
    assert said == {"fired": ("true", "false"), "calls.notify.send": ("2", "0"), "steps.tell.status": ("ok", "not run")}
    assert verdict.why == 'if[0] is false: record.status = "closed"'
    assert verdict.values == {"record.status": "closed"}


def test_a_hold_fires_once_it_has_lasted_and_not_when_it_ended() -> None:
    when = RFIS + "    field: status\n    to: [open]\n    hold: 30m\n"
    all_hold(
        when + TELL,
        """\
        - name: it is not told at once
          given: {webhook: {resource: RFIs, action: create}, record: {status: open}, then: [{after: 29m}]}
          expect: {fired: false, because: it is watched from now on, waits: watched}
        - name: it is told after half an hour
          given: {webhook: {resource: RFIs, action: create}, record: {status: open}, then: [{after: 31m}]}
          expect: {runs: 1, calls: {notify.send: 1}}
        - name: it is not told when it was closed meanwhile
          given:
            webhook: {resource: RFIs, action: create}
            record: {status: open}
            then: [{after: 10m, webhook: {resource: RFIs}, record: {status: closed}}, {after: 1h}]
          expect: {fired: false, because: 'to "closed" not in ["open"]'}
        - name: a change of something else leaves it as it is
          given:
            webhook: {resource: RFIs, action: create}
            record: {status: open, number: "1"}
            then: [{after: 10m, webhook: {resource: RFIs}, record: {number: "2"}}, {after: 21m}]
          expect: {runs: 1, messages: RFI 2 open}
        """,
    )


def test_a_sweep_tells_of_a_record_once_and_again_after_its_repeat() -> None:
    body = """\
when:
  - id: late
    sweep: {connector: acme-prod, resource: RFIs, every: 15m}
    where: record.due_date != null && record.due_date < run.today
    repeat: 3d
"""
    all_hold(
        body + TELL,
        """\
        - name: an overdue one is told of once a day or less
          given:
            now: "2026-03-20T12:00:00Z"
            sweep: {}
            records: [{id: 1, due_date: "2026-03-01"}, {id: 2, due_date: "2026-04-01"}]
            then: [{after: 2d}]
          expect: {runs: 1, calls: {notify.send: 1}}
        - name: and again after three days
          given: {now: "2026-03-20T12:00:00Z", sweep: {}, record: {id: 1, due_date: "2026-03-01"}, then: [{after: 3d}]}
          expect: {runs: 2}
        """,
    )


def test_a_day_begins_where_the_project_is() -> None:
    late = "when:\n  - sweep: {connector: acme-prod, resource: RFIs, every: 15m}\n    where: record.created_at < run.today\n"
    given = 'now: "2026-04-01T23:30:00Z", sweep: {}, record: {created_at: "2026-04-01T12:00:00Z"}'
    all_hold(
        late + TELL,
        f"""\
        - {{name: London, given: {{{given}, timezone: UTC, then: [{{after: 1h}}]}}, expect: {{runs: 1}}}}
        - {{name: Chicago, given: {{{given}, timezone: America/Chicago, then: [{{after: 1h}}]}}, expect: {{fired: false}}}}
        - {{name: later, given: {{{given}, timezone: America/Chicago, then: [{{after: 6h}}]}}, expect: {{runs: 1}}}}
        """,
    )


def test_events_that_gather_make_one_run() -> None:
    flow = "flow:\n  coalesce: {key: event.resource_id, quiet: 3s, max_wait: 10s, max_events: 3}\n"
    body = RFIS + flow + 'do:\n  - {id: a, use: set, with: {n: "${size(events)}", status: "${record.status}"}}\n'
    all_hold(
        body,
        """\
        - name: two at once are one
          given: {events: [{resource: RFIs, resource_id: 1}, {resource: RFIs, resource_id: 1}]}
          expect: {runs: 1, steps: {a: {output: {n: 2}}}}
        - name: those of another record are their own
          given: {events: [{resource: RFIs, resource_id: 1}, {resource: RFIs, resource_id: 2}]}
          expect: {runs: 2}
        - name: it waits while they keep coming, but not for ever
          given:
            webhook: {resource: RFIs, resource_id: 1}
            then: [{after: 2s, webhook: {resource: RFIs, resource_id: 1}, record: {id: 1, status: open}}, {after: 2s}]
          expect: {runs: 1, steps: {a: {output: {n: 2, status: open}}}}
        - name: three are the most
          given: {events: [{resource: RFIs}, {resource: RFIs}, {resource: RFIs}, {resource: RFIs}]}
          expect: {runs: 1, because: unchanged since run 1}
        """,
    )


def test_over_its_rate_messages_become_one_digest() -> None:
    body = RFIS + "flow:\n  throttle: {rate: 1/1h, over: digest}\n" + TELL
    events = "[{resource: RFIs, resource_id: 1}, {resource: RFIs, resource_id: 2}, {resource: RFIs, resource_id: 3}]"
    all_hold(
        body,
        f"""\
        - name: the first goes out, the others wait
          given: {{events: {events}}}
          expect: {{runs: 3, calls: {{notify.send: 1}}}}
        - name: then they go out together
          given: {{events: {events}, then: [{{after: 1h}}]}}
          expect: {{calls: {{notify.send: 2}}, messages: 2 messages of watch}}
        """,
    )


def test_over_its_rate_a_run_is_skipped_or_waits() -> None:
    events = "[{resource: RFIs, resource_id: 1}, {resource: RFIs, resource_id: 2}]"
    all_hold(
        RFIS + "flow:\n  throttle: {rate: 1/1h}\n" + TELL,
        f"- {{name: a, given: {{events: {events}}}, expect: {{runs: 1, because: 1 runs in 1h are the most (throttle)}}}}\n",
    )
    all_hold(
        RFIS + "flow:\n  throttle: {rate: 1/1h, over: wait}\n" + TELL,
        f"- {{name: a, given: {{events: {events}}}, expect: {{runs: 1, waits: it goes on in 3600 s}}}}\n"
        f"- {{name: b, given: {{events: {events}, then: [{{after: 1h}}]}}, expect: {{runs: 2, waits: false}}}}\n",
    )


PUT = """\
retry: {attempts: 3, first: 10s, backoff: fixed}
do:
  - {id: put, use: http.call, with: {to: "http:erp", method: PUT, path: /x}}
"""


def test_a_far_end_that_fails_is_tried_again_in_simulated_time() -> None:
    all_hold(
        RFIS + PUT,
        """\
        - name: it waits for the next attempt
          given: {webhook: {resource: RFIs}, answers: {put: {status: 503}}}
          expect: {state: waiting, waits: tried again in 10 s, calls: {http.call: 1}}
        - name: it goes through the second time
          given: {webhook: {resource: RFIs}, answers: {put: [{error: timeout}, {json: {id: 5}}]}, then: [{after: 10s}]}
          expect: {state: ok, calls: {http.call: 2}, steps: {put: {status: ok, output: {json: {id: 5}}}}}
        - name: it gives up
          given: {webhook: {resource: RFIs}, answers: {put: {status: 503}}, then: [{after: 1m}]}
          expect: {state: failed, error: given up after 3 attempts, calls: {http.call: 3}}
        - name: a refusal is not tried again
          given: {webhook: {resource: RFIs}, answers: {put: {error: http_422, message: no such order}}}
          expect: {state: failed, error: no such order, calls: {http.call: 1}}
        """,
    )


def test_a_second_run_waits_for_its_turn() -> None:
    events = "[{resource: RFIs, resource_id: 1}, {resource: RFIs, resource_id: 2}]"
    all_hold(
        RFIS + "flow:\n  overlap: {policy: queue}\n" + PUT,
        f"""\
        - name: while the first waits for a retry
          given: {{events: {events}, answers: {{put: [{{error: timeout}}, {{}}]}}}}
          expect: {{runs: 1, waits: before it is run 1}}
        - name: and goes on when it has ended
          given: {{events: {events}, answers: {{put: [{{error: timeout}}, {{}}]}}, then: [{{after: 10s}}]}}
          expect: {{runs: 2, state: ok, calls: {{http.call: 3}}}}
        """,
    )
    all_hold(
        RFIS + "flow:\n  overlap: {policy: latest}\n" + PUT,
        f"- {{name: a, given: {{events: {events[:-1]}, {{resource: RFIs, resource_id: 3}}], "
        "answers: {put: [{error: timeout}, {}]}, then: [{after: 10s}]}, expect: {runs: 2, because: overtaken by run 3}}\n",
    )


def test_a_person_answers_or_nobody_does_in_time() -> None:
    body = RFIS + (
        "do:\n  - {id: ask, use: ask.approve, with: {question: Pay it?, timeout: 2d}}\n"
        '  - {id: pay, if: steps.ask.output.choice == "approve", use: http.call, with: {to: "http:erp", method: PUT, path: /p}}\n'
    )
    all_hold(
        body,
        """\
        - name: it asks
          given: {webhook: {resource: RFIs}}
          expect: {state: waiting, waits: Pay it?, calls: {http.call: 0}}
        - name: it pays when somebody agrees a day later
          given: {webhook: {resource: RFIs}, then: [{after: 1d, answers: {ask: approve}}]}
          expect: {state: ok, calls: {http.call: 1}}
        - name: it does not when somebody refuses at once
          given: {webhook: {resource: RFIs}, answers: {ask: reject}}
          expect: {state: ok, steps: {pay: skipped}}
        - name: nor when nobody says anything
          given: {webhook: {resource: RFIs}, then: [{after: 2d}]}
          expect: {state: ok, steps: {ask: {output: {choice: timeout}}, pay: skipped}}
        """,
    )


def test_rows_are_expected_by_table_with_what_matters() -> None:
    body = (
        RFIS
        + """\
do:
  - id: write
    if: event.action != "delete"
    use: db.upsert
    with: {table: rfis, row: "${record}"}
  - id: gone
    if: event.action == "delete"
    use: db.mark_deleted
    with: {table: rfis, key: {id: "${event.resource_id}"}, at: "${event.timestamp}"}
"""
    )
    all_hold(
        body,
        """\
        - name: a change is a row
          given: {webhook: {resource: RFIs, resource_id: 7}, record: {status: open, location: {id: 3}}}
          expect: {rows: {rfis: [{id: "7", location: {id: 3}}]}, deleted: {rfis: 0}}
        - name: a deletion is a mark
          given: {webhook: {resource: RFIs, resource_id: 7, action: delete}}
          expect: {rows: {rfis: 0}, deleted: {rfis: 1}}
        """,
    )


def test_the_other_kinds_of_events_reach_their_triggers() -> None:
    body = """\
when:
  - schedule: {at: "07:00"}
  - config: {kinds: [connector.*]}
  - inbound: {source: erp}
  - run: {automation: nightly, status: failed}
  - manual: {}
do:
  - {id: a, use: set, with: {now: "${run.now}"}}
"""
    all_hold(
        body,
        """\
        - {name: s, given: {now: "2026-03-20T07:00:00Z", schedule: {}, then: [{after: 2d}]}, expect: {trigger: schedule, runs: 3}}
        - {name: c, given: {config: {kind: connector.updated, name: acme}}, expect: {trigger: config, fired: true}}
        - {name: i, given: {inbound: {source: erp, body: {a: 1}}}, expect: {trigger: inbound}}
        - {name: o, given: {inbound: {source: other}}, expect: {fired: false, because: no automation listens to inbound other}}
        - {name: r, given: {run: {automation: nightly, status: failed}}, expect: {trigger: run}}
        - {name: n, given: {run: {automation: nightly}}, expect: {fired: false}}
        - {name: m, given: {manual: {}}, expect: {trigger: manual, steps: {a: {output: {now: "2026-06-01T12:00:00Z"}}}}}
        """,
    )


def test_reads_of_procore_are_answered_by_the_test() -> None:
    body = RFIS + (
        "do:\n  - {id: lines, use: procore.list, with: {resource: RFIs}}\n"
        "  - {id: each, foreach: steps.lines.output, parallel: 2, use: procore.update, "
        'with: {resource: RFIs, id: "${item.id}", fields: {title: x}}}\n'
    )
    all_hold(
        body,
        "- {name: a, given: {webhook: {resource: RFIs}, answers: {lines: {records: [{id: 1}, {id: 2}]}}}, "
        "expect: {state: ok, calls: {procore.list: 1, procore.update: 2}}}\n",
    )


def test_lookup_tables_are_the_sites_unless_the_test_gives_its_own() -> None:
    body = RFIS + "if: lookup.quiet.all(q, q.id != event.project_id)\ndo:\n  - {id: a, use: set, with: {n: 1}}\n"
    tests = """\
        - {name: site, given: {webhook: {resource: RFIs, project_id: 5}}, expect: {fired: false, because: event.project_id = "5"}}
        - {name: own, given: {webhook: {resource: RFIs, project_id: 5}, lookups: {quiet: [{id: "6"}]}}, expect: {fired: true}}
        """
    all_hold(body, tests, SiteTables({"quiet": [{"id": "5"}]}))


def test_files_of_a_test_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    all_hold(RFIS + TELL, "- {name: a, given: {webhook: {resource: RFIs}}, expect: {fired: true}}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "test, line, code, suggestion",
    [
        ("{name: a, given: {webhok: {resource: RFIs}}, expect: {fired: true}}", 9, "TB104", "webhook"),
        ("{name: a, given: {webhook: {resource: RFIs}}, expect: {fird: true}}", 9, "TB104", "fired"),
        ("{name: a, given: {webhook: {resource: RFIs}, now: soon}, expect: {fired: true}}", 9, "TB113", None),
        ("{name: a, given: {webhook: {resource: RFIs, action: updat}}, expect: {fired: true}}", 9, "TB112", "update"),
        ("{name: a, given: {webhook: {resource: RFIs}, timezone: America/Chicagoo}, expect: {runs: 1}}", 9, "TB113", None),
        ("{name: a, given: {webhook: {resource: RFIs}}, expect: {steps: {tel: ok}}}", 9, "TB191", "tell"),
        ("{name: a, given: {webhook: {resource: RFIs}}, expect: {calls: {notify.sent: 1}}}", 9, "TB191", "notify.send"),
        ("{name: a, given: {webhook: {resource: RFIs}, answers: {tel: {}}}, expect: {fired: true}}", 9, "TB191", "tell"),
        ("{name: a, given: {webhook: {resource: RFIs}}, expect: {trigger: webhok}}", 9, "TB191", "webhook"),
        ("{name: a, given: {sweep: {}}, expect: {fired: true}}", 9, "TB190", None),
        ("{name: a, given: {}, expect: {fired: true}}", 9, "TB190", None),
        ("{name: a, given: {webhook: {resource: RFIs}}, expect: {}}", 9, "TB190", None),
        ("{name: a, given: {webhook: {resource: RFIs}, manual: {}}, expect: {fired: true}}", 9, "TB190", "then:"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_test_is_found_where_it_stands(test: str, line: int, code: str, suggestion: str | None) -> None:
    assert refused(RFIS + TELL, f"- {test}\n")[:1] == [(line, code, suggestion)]


def test_the_outside_of_a_test_is_never_reached() -> None:
    found: list[Any] = proved(
        RFIS + TELL, "- {name: a, given: {webhook: {resource: RFIs}}, expect: {calls: {notify.send: 1}, messages: RFI}}\n"
    )
    assert [one.ok for one in found] == [True]
