"""How long a thousand automations take to load, and what matching one event against them costs.

    python -m bench.matching [--count 1000] [--json FILE]

Seconds are the processor's, so that whatever else the machine does is not counted.
Prints, beside the figures, the targets: loaded in under 3 s, and an event matched against a thousand for less than five
times what it costs against ten.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from automations.definition import Automation, load, reload
from automations.event import Event
from automations.match import Index

RULE = """\
format: 1
id: rule-{n}
title: Rule {n}
stage: live
vars: {{late: {n}}}
when:
  - id: moved
    webhook: {{connector: acme-prod, resource: {resource}, actions: [update]}}
    field: status
    from: [open]
    to: [closed]
if:
  - event.project_id != "{n}"
  - record.number != "x{n}" && record.updated_at != null
flow:
  overlap: {{key: event.resource_id, policy: latest}}
do:
  - id: write
    use: db.upsert
    with: {{table: t{n}, row: "${{record}}", version: "${{record.updated_at}}"}}
  - id: tell
    if: record.status == "closed"
    use: notify.send
    with: {{to: "http:erp", text: "No. ${{record.number}} is ${{record.status}} ({n})", once: "${{run.rule}} ${{record.id}}"}}
"""
RESOURCES = ("Observation Items", "Work Order Contracts")


def texts(count: int) -> list[tuple[str, str]]:
    return [
        (RULE.format(n=n, resource="RFIs" if n < 10 else RESOURCES[n % len(RESOURCES)]), f"rule{n}.yaml") for n in range(count)
    ]


def seconds(index: Index, event: Event, times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        index.match(event)
    return (time.process_time() - began) / times


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--json", help="also write the result to this file")
    options = parser.parse_args(argv)
    count = options.count
    given = texts(count)
    load(*given[0])  # the catalogue, CEL and pydantic are there
    began = time.process_time()
    rules: list[Automation] = [load(text, name) for text, name in given]
    checked_s = time.process_time() - began
    began = time.process_time()
    rules = [reload(text, name) for text, name in given]
    loaded_s = time.process_time() - began
    event = Event("acme-prod", "k", "update", "RFIs", "1", "1", "2026-03-20T12:00:00Z", project_id="5")
    few, many = Index(rules[:10]), Index([*rules[:10], *(one for one in rules[10:] if one.triggers[0].resource != "RFIs")])
    for index in (few, many):
        seconds(index, event, 200)
    ten, thousand = seconds(few, event, 2000), seconds(many, event, 2000)
    print(f"{count} automations checked and loaded  {checked_s:6.2f} s  ({checked_s / count * 1000:.2f} ms each)")
    print(f"{count} automations loaded               {loaded_s:6.2f} s  (target < 3 s)")
    print(f"an event against 10                 {ten * 1e6:6.1f} us")
    print(f"an event against {count:<4}               {thousand * 1e6:6.1f} us  ({thousand / ten:.2f} x, target < 5 x)")
    if options.json:
        found = {
            "count": count, "loaded_s": loaded_s, "ten_us": ten * 1e6, "many_us": thousand * 1e6, "ratio": thousand / ten,
        }  # fmt: skip
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
