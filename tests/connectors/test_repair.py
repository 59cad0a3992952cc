"""What counts as news in a list, and what counts as proof that a record is gone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connectors import catalogue, repair
from connectors.catalogue import Resource

RFI = {"id": 5, "subject": "beam", "updated_at": "2026-03-01T10:00:00Z", "assignee": {"id": 1, "name": "Ana", "locale": "en"}}


def row(name: str) -> Resource:
    found = catalogue.resource(name)
    assert found is not None
    return found


def new(record: dict[str, Any], kept: dict[str, Any] = RFI) -> bool:
    of = row("RFIs")
    copy = SimpleNamespace(record_hash=catalogue.record_hash(of, kept), updated_at=kept["updated_at"], body=kept)
    return not repair.says_nothing_new(of, record, catalogue.record_hash(of, record), copy)


@pytest.mark.parametrize(
    ("record", "is_new"),
    [
        (RFI, False),
        ({"id": 5, "subject": "beam", "updated_at": "2026-03-01T10:00:00Z"}, False),  # thinner
        ({**RFI, "assignee": {"id": 1, "name": "Ana"}}, False),  # thinner inside
        ({**RFI, "subject": "old", "updated_at": "2026-02-01T10:00:00Z"}, False),  # staler
        ({**RFI, "subject": "column"}, True),  # the same second, another content
        ({**RFI, "assignee": {"id": 2, "name": "Kim"}}, True),
        ({**RFI, "assignee": None}, True),
        ({**RFI, "priority": {"value": 1}}, True),  # a field that we do not have
    ],
)
def test_only_what_a_list_says_beyond_our_copy_is_news(record: dict[str, Any], is_new: bool) -> None:
    assert new(record) is is_new


def test_a_signed_address_that_differs_is_no_news() -> None:
    kept = {**RFI, "attachments": [{"id": 1, "url": "https://files.example/a?sig=1"}]}
    assert not new({**RFI, "attachments": [{"id": 1, "url": "https://files.example/a?sig=2"}]}, kept)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("RFIs", None),
        ("Meetings", "Meetings has no updated_at filter: only a full comparison (--ids) or a full import sees its changes."),
        ("RFI Replies", "RFI Replies is listed only under its rfi_id: a full import reads it, a look for changes does not."),
        ("ToDos", "ToDos has no list at Procore, so what webhooks missed of it cannot be found."),
    ],
)
def test_why_a_resource_cannot_be_swept_is_told(name: str, said: str | None) -> None:
    assert repair.why_not_swept(row(name)) == said


def test_every_resource_is_swept_or_says_why_not() -> None:
    swept = [name for name in catalogue.names() if repair.why_not_swept(row(name)) is None]
    assert all("U" in row(name).filters for name in swept)
    assert {"RFIs", "Submittals", "Punch Items", "Change Events"} <= set(swept)
    compared = [name for name in catalogue.names() if repair.why_not_compared(row(name)) is None]
    assert set(swept) < set(compared)
