"""Whole lists against our copies: what is gone with proof is deleted, what is unknown comes in, and nothing else is touched."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from config.settings import Settings
from store.session import reading
from tests.workers.conftest import changed, fault
from tests.workers.rig import Rig, payload, rig
from workers import comparing, sweeps
from workers.repair import Report

MIRROR = """
    format: 1
    id: mirror-{table}
    stage: live
    when:
      - id: changed
        webhook: {{connector: acme, resource: {resource}, actions: [create, update]}}
    do:
      - id: write
        use: db.upsert
        with: {{table: {table}, row: "${{record}}"}}
"""
GONE = """
    format: 1
    id: gone-{table}
    stage: live
    when:
      - webhook: {{connector: acme, resource: {resource}, actions: [delete]}}
    do:
      - id: mark
        use: db.mark_deleted
        with: {{table: {table}, key: {{project_id: "${{event.project_id}}", id: "${{event.resource_id}}"}}}}
"""


def mirror(resource: str, table: str) -> dict[str, str]:
    return {
        f"mirror_{table}": MIRROR.format(resource=resource, table=table),
        f"gone_{table}": GONE.format(resource=resource, table=table),
    }


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    with rig(engine, settings, far, **mirror("RFIs", "rfis"), **mirror("Meetings", "meetings")) as one:
        with reading(engine) as db:
            one.desk.loaded.fresh(db)
        yield one


def change(far: Any, verb: str, resource: str = "RFIs", **about: Any) -> list[str]:
    wish = {"resource": resource, "verb": verb, "project_id": far.project_id, **about}
    answer = requests.post(f"{far.url}/_sim/change", json=wish, timeout=10)
    answer.raise_for_status()
    return [str(id) for id in answer.json()["ids"]]


def known(site: Rig, far: Any, count: int = 1, resource: str = "RFIs") -> list[str]:
    """Records that webhooks have told of."""
    ids = change(far, "update", resource, count=count, fields={"description": "told"})
    for number, id in enumerate(ids):
        site.deliver(payload(far, id, resource=resource, key=f"01J{resource[:4].upper()}{number:019d}"))
    site.work()
    site.settle()
    return ids


def compared(site: Rig, **about: Any) -> Report:
    report = comparing.compare(site.desk, "acme", **about)
    site.work()
    site.settle()
    return report


def deleted(site: Rig, table: str = "rfis") -> set[str]:
    return {row["id"] for row in site.rows(f"SELECT id FROM {table} WHERE deleted_at IS NOT NULL")}


def test_a_deletion_that_nobody_told_of_is_found_once_with_its_proof(site: Rig, far: Any) -> None:
    # Given records that we know, one of which is deleted
    gone, _ = known(site, far, 2)
    change(far, "delete", id=int(gone))
    # When the lists are compared, twice
    first, second = compared(site), compared(site)
    # Then its row is marked, and the other is not
    assert deleted(site) == {gone}
    (item,) = [item for item in first.items if item["outcome"] == "repaired"]
    assert item == {"what": f"RFIs {gone} delete", "outcome": "repaired", "proof": "it is in the recycle bin"}
    assert (first.repaired, second.found) == (1, 0)


def test_without_a_recycle_bin_two_404s_are_the_proof(site: Rig, far: Any) -> None:
    (gone,) = known(site, far, resource="Meetings")
    change(far, "delete", "Meetings", id=int(gone))
    (item,) = [item for item in compared(site).items if item["outcome"] == "repaired"]
    assert item["proof"] == "Procore answers 404, twice"
    assert deleted(site, "meetings") == {gone}


def test_a_resource_that_cannot_be_swept_is_compared_whole(site: Rig, far: Any) -> None:
    (id,) = known(site, far, resource="Meetings")
    compared(site)
    change(far, "update", "Meetings", id=int(id), fields={"title": "missed"})
    report = compared(site)
    assert [item["what"] for item in report.items if item["outcome"] == "repaired"] == [f"Meetings {id} update"]
    assert [row["source"] for row in site.rows("SELECT source FROM tieback_events ORDER BY id DESC LIMIT 1")] == ["sweep"]


def test_a_record_that_was_created_unseen_comes_in_and_older_ones_do_not(site: Rig, far: Any) -> None:
    (id,) = change(far, "create", fields={"subject": "unseen"})
    assert compared(site).repaired == 1
    assert {row["id"] for row in site.rows("SELECT id FROM rfis")} == {id}


def test_a_project_that_vanished_deletes_nothing(site: Rig, far: Any) -> None:
    known(site, far, 3)
    fault(far, "project_removed", project_id=far.project_id)
    report = compared(site)
    assert (deleted(site), report.repaired) == (set(), 0)


def test_very_many_missing_at_once_prove_nothing(site: Rig, far: Any) -> None:
    ids = known(site, far, 30)
    for id in ids[:25]:
        change(far, "delete", id=int(id))
    report = compared(site)
    assert deleted(site) == set()
    (left,) = [item for item in report.items if item["what"].startswith("RFIs in project")]
    assert "25 of 30 records are not in the list any more, more than a fifth: none was taken for deleted" in left["reason"]


def test_a_webhook_that_told_of_the_deletion_leaves_nothing_to_find(site: Rig, far: Any) -> None:
    (gone,) = known(site, far)
    change(far, "delete", id=int(gone))
    told = payload(far, gone, action="delete", key="01JX")
    site.deliver({**told, "timestamp": f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"})
    site.work()
    found = compared(site)
    assert found.found == 0, found.items


def test_a_list_is_compared_once_a_day_by_itself(site: Rig, far: Any) -> None:
    comparing.by_itself(site.desk, "acme")
    requests.delete(f"{far.url}/_sim/calls", timeout=10)
    comparing.by_itself(site.desk, "acme")
    assert {
        one["path"] for one in requests.get(f"{far.url}/_sim/calls", timeout=10).json() if one["path"].startswith("/rest")
    } == {"/rest/v1.1/projects"}


def test_the_sweep_and_the_comparison_find_a_change_once_between_them(site: Rig, far: Any) -> None:
    changed(far, subject="edit")
    found = sweeps.sweep(site.desk, "acme").repaired
    assert (found, comparing.compare(site.desk, "acme").repaired) == (1, 0)
