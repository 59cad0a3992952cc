"""kind: ics: one calendar file, or one per key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import yamlfile
from config.errors import Permanent
from config.problems import Problems
from connectors import destinations


def loaded(source: str) -> Any:
    node = yamlfile.parse(f"format: 1\nkind: ics\nname: pm\n{source}", "destinations/pm.yaml")
    return destinations.load(node, {}, Path("/nowhere"))


def test_one_file_for_all() -> None:
    assert loaded("").path_of(None) == "pm.ics"
    assert loaded("path: calendars/due.ics").path_of(None) == "calendars/due.ics"
    with pytest.raises(Permanent, match="is one file"):
        loaded("").path_of("7001")


def test_a_file_per_key_whatever_the_key() -> None:
    calendar = loaded("per_key: true\npath: calendars")
    assert calendar.path_of("7001") == "calendars/7001.ics"
    assert calendar.path_of("../../x").startswith("calendars/_")
    assert calendar.path_of("a/b") != calendar.path_of("a:b")
    with pytest.raises(Permanent, match="has a file per key"):
        calendar.path_of(None)


@pytest.mark.parametrize(
    ("source", "code"),
    [("path: x", "TB403"), ("path: ../x.ics", "TB403"), ("timezone: Mars/North", "TB403"), ("per_key: maybe", "TB403"),
     ("url: x", "TB401")],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_said(source: str, code: str) -> None:
    with pytest.raises(Problems) as raised:
        loaded(source)
    assert [p.code for p in raised.value.found] == [code]
