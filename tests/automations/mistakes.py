"""Seeded mistakes: a rule that is right, the one thing done to it, and the one line that must answer."""

from __future__ import annotations

from dataclasses import dataclass

RIGHT = """\
format: 1
id: rfi-watch
title: Watch RFIs
stage: live
vars: {late_after_days: 3}
when:
  - webhook: {connector: acme-prod, resource: RFIs, actions: [create, update]}
if:
  - record.status == "open"
  - record.due_date != null && record.due_date < run.today - days(vars.late_after_days)
limits: {timeout: 2m, api_calls: 3}
retry: {attempts: 8, backoff: exponential, first: 5s, max: 1h}
do:
  - id: project
    use: procore.get
    with: {resource: Projects, id: "${event.project_id}"}
  - id: write
    use: db.upsert
    with: {table: rfis, row: "${record}", version: "${record.updated_at}"}
  - id: tell
    if: steps.write.output.result == "inserted"
    use: http.call
    with:
      to: http:erp
      path: /rfis
      idempotency_key: "rfi-${record.id}"
      json: {title: "${record.title}", project: "${steps.project.output.name}"}
"""


@dataclass(frozen=True)
class Mistake:
    """`old` becomes `new` in the right rule; the answer stands at line:column with this code and holds these words."""

    name: str
    old: str
    new: str
    line: int
    column: int
    code: str
    says: tuple[str, ...]


MISTAKES = (
    Mistake(
        "a misspelt field", "record.status ==", "record.stauts ==", 9, 12, "TB204", ("RFIs", '"stauts"', 'did you mean "status"?')
    ),
    Mistake("a misspelt key", "title: Watch", "titel: Watch", 3, 1, "TB104", ('"titel"', 'did you mean "title"?')),
    Mistake("on for when", "when:", "on:", 6, 1, "TB114", ("write when:",)),
    Mistake("no format", "format: 1\n", "", 1, 1, "TB107", ("format: 1",)),
    Mistake("a format to come", "format: 1", "format: 2", 1, 9, "TB107", ("format: 1",)),
    Mistake("an id with a space", "id: rfi-watch", "id: RFI watch", 2, 5, "TB108", ("lower-case",)),
    Mistake("a step named as a word of CEL", "id: tell", "id: in", 20, 9, "TB108", ("word of CEL",)),
    Mistake("two steps of one id", "id: tell", "id: write", 20, 9, "TB109", ("first on line 17",)),
    Mistake("an unknown stage", "stage: live", "stage: lve", 4, 8, "TB112", ('did you mean "live"?',)),
    Mistake("a length of time without unit", "timeout: 2m", "timeout: 120", 11, 19, "TB113", ("30s",)),
    Mistake(
        "an unknown connector", "connector: acme-prod", "connector: acme-pord", 7, 26, "TB120", ('did you mean "acme-prod"?',)
    ),
    Mistake("an unknown resource", "resource: RFIs", "resource: RFIS Log", 7, 47, "TB121", ("did you mean", "RFIs")),
    Mistake(
        "an event that is not sent",
        "RFIs, actions: [create, update]",
        "Observation Item Response Logs, actions: [delete]",
        7,
        89,
        "TB122",
        ("only create",),
    ),
    Mistake(
        "a retired event",
        "RFIs, actions: [create, update]",
        "Project Users, actions: [update]",
        7,
        72,
        "TB123",
        ("2026-06-30", "Company Users"),
    ),
    Mistake("an unknown action", "use: db.upsert", "use: db.upsrt", 18, 10, "TB130", ('did you mean "db.upsert"?',)),
    Mistake(
        "an unknown parameter",
        "{table: rfis,",
        "{tabel: rfis, table: rfis,",
        19,
        12,
        "TB131",
        ("db.upsert", 'did you mean "table"?'),
    ),
    Mistake("a missing parameter", "{table: rfis, row", "{row", 19, 11, "TB132", ('"table:"',)),
    Mistake("a table of ours", "table: rfis", "table: tieback_runs", 19, 19, "TB134", ("tieback_",)),
    Mistake("a table with a quote", "table: rfis", "table: 'rfis; drop'", 19, 19, "TB134", ("lower-case",)),
    Mistake("a row without key", 'row: "${record}"', "row: {a: 1}", 19, 11, "TB135", ("key:",)),
    Mistake("an unknown destination", "to: http:erp", "to: http:epr", 24, 11, "TB136", ('did you mean "http:erp"?',)),
    Mistake("one = for two", 'status == "open"', 'status = "open"', 9, 19, "TB201", ('write "=="',)),
    Mistake("and for &&", "null && record", "null and record", 10, 29, "TB201", ('write "&&"',)),
    Mistake("text compared with a number", '== "open"', "== 1", 9, 19, "TB202", ("quotes around the number",)),
    Mistake("an unknown name", "run.today", "rnu.today", 10, 50, "TB203", ('did you mean "run"?',)),
    Mistake("has() on a field", "record.due_date != null", "has(record.due_date)", 10, 9, "TB205", ("record.due_date != null",)),
    Mistake("an unknown step", "steps.write.output", "steps.wrte.output", 21, 15, "TB206", ('did you mean "write"?',)),
    Mistake("a step that runs later", "steps.write.output", "steps.tell.output", 21, 15, "TB206", ("no earlier step",)),
    Mistake(
        "an unknown output", "output.result", "output.reslt", 21, 28, "TB204", ("steps.write.output", 'did you mean "result"?')
    ),
    Mistake("a function that is none", "record.status ==", "lower(record.status) ==", 9, 5, "TB208", ("x.lowerAscii()",)),
    Mistake("a condition that is text", 'record.status == "open"', "record.status", 9, 5, "TB209", ("true or false",)),
    Mistake("a template without its end", '"rfi-${record.id}"', '"rfi-${record.id"', 26, 29, "TB212", ("closing",)),
    Mistake("a misspelt field in a template", "${record.title}", "${record.titel}", 27, 31, "TB204", ('did you mean "title"?',)),
    Mistake("a secret in text", '"${record.title}"', "Bearer abcdef0123456789abcdef", 27, 21, "TB115", ("no secrets",)),
    Mistake(
        "a trigger of no kind",
        "webhook: {connector: acme-prod, resource: RFIs, actions: [create, update]}",
        "id: x",
        7,
        5,
        "TB117",
        ("webhook:",),
    ),
    Mistake("a key written twice", "stage: live", "stage: live\nstage: off", 5, 1, "TB102", ("written twice",)),
    Mistake("a tab for spaces", "  - webhook", "\t- webhook", 7, 1, "TB101", ("spaces, not tabs",)),
    Mistake("the record as a whole in a sum", 'record.status == "open"', 'record == "open"', 9, 5, "TB215", ("name a field",)),
    Mistake("too many attempts", "attempts: 8", "attempts: 800", 12, 19, "TB106", ("attempts",)),
)
