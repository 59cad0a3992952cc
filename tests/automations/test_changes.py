"""What differs between two copies, and whether a field moved as a trigger says."""

from __future__ import annotations

from typing import Any

import pytest

from automations.changes import changed_paths
from automations.fields import TEXT, Field
from automations.parts import Transition, Trigger
from automations.transitions import why_not
from tests.automations.given import event, rfi


@pytest.mark.parametrize(
    "before, after, paths",
    [
        ({}, {}, []),
        ({"status": "closed"}, {}, ["status"]),
        (
            {"assignee": {"id": 7, "name": "x", "locale": "en", "login": "l"}},
            {},
            ["assignee.id", "assignee.login", "assignee.name"],
        ),
        ({"assignees": []}, {}, ["assignees"]),
        ({"assignee": None}, {}, ["assignee"]),
        ({"private": 0}, {"private": False}, ["private"]),
        ({"link": "https://a/b?sig=1"}, {"link": "https://a/b?sig=2"}, []),
        ({"link": "https://a/b"}, {"link": "https://a/c"}, ["link"]),
        ({"files": [{"id": 1, "url": "https://a/1?x"}]}, {"files": [{"id": 1, "url": "https://a/2"}]}, []),
        ({}, {"new": None}, []),
    ],
)
def test_the_paths_that_differ(before: dict[str, Any], after: dict[str, Any], paths: list[str]) -> None:
    assert changed_paths(rfi(**before), rfi(**after)) == paths


def test_without_an_earlier_copy_only_a_creation_changes_all() -> None:
    assert changed_paths(None, rfi()) == []
    assert "title" in changed_paths(None, rfi(), created=True)
    assert "location" not in changed_paths(None, rfi(), created=True)
    assert changed_paths(rfi(), None) == []


def trigger(was: tuple[Any, ...] | None, becomes: tuple[Any, ...] | None, path: str = "status", kind: Field = TEXT) -> Trigger:
    transition = Transition(tuple(path.split(".")), kind, was, becomes)
    return Trigger("moved", "webhook", "acme-prod", "RFIs", frozenset({"create", "update"}), transition)


@pytest.mark.parametrize(
    "was, becomes, before, after, reason",
    [
        (("draft",), ("open",), "draft", "open", None),
        (None, ("open",), "draft", "open", None),
        (("draft",), None, "draft", "open", None),
        (None, None, "draft", "open", None),
        (None, None, "open", "open", 'trigger moved: status did not change ("open")'),
        (("draft",), ("open",), "closed", "open", 'trigger moved: from "closed" not in ["draft"]'),
        (None, ("closed",), "draft", "open", 'trigger moved: to "open" not in ["closed"]'),
        ((None,), None, None, "open", None),
    ],
)
def test_an_update_moves_from_one_value_to_another(was: Any, becomes: Any, before: Any, after: Any, reason: str | None) -> None:
    assert why_not(trigger(was, becomes), event(), rfi(status=before), rfi(status=after)) == reason


def test_without_an_earlier_copy_an_update_says_what_to_do() -> None:
    assert why_not(trigger(None, ("open",)), event(), None, rfi()) == "trigger moved: no earlier copy; import RFIs once"


@pytest.mark.parametrize(
    "was, becomes, reason",
    [
        (None, ("open",), None),
        (None, ("closed",), 'trigger moved: to "open" not in ["closed"]'),
        (("draft",), ("open",), "trigger moved: status is new, it did not change"),
        (None, None, "trigger moved: status is new, it did not change"),
    ],
)
def test_to_without_from_also_fires_on_create(was: Any, becomes: Any, reason: str | None) -> None:
    assert why_not(trigger(was, becomes), event(action="create"), None, rfi()) == reason


def test_ids_are_compared_as_text() -> None:
    moved = trigger(None, ("7002",), "assignee.id", Field("id"))
    assert why_not(moved, event(), rfi(assignee=None), rfi()) is None
