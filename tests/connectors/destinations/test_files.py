"""kind: files: a folder below the files root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import yamlfile
from config.errors import Permanent
from config.problems import Problems
from connectors import destinations, usage


def loaded(source: str) -> Any:
    node = yamlfile.parse(f"format: 1\nkind: files\nname: exports\n{source}", "destinations/exports.yaml")
    return destinations.load(node, {}, Path("/nowhere"))


def test_a_folder_has_the_name_of_its_destination_unless_it_says_another(tmp_path: Path) -> None:
    loaded("").below(tmp_path).replace("a.csv", lambda draft: draft.write(b"x"))
    loaded("folder: pay/weekly").below(tmp_path).replace("a.csv", lambda draft: draft.write(b"x"))
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("a.csv")) == ["exports/a.csv", "pay/weekly/a.csv"]


@pytest.mark.parametrize(("written", "size"), [("500", 500), ("500MB", 500_000_000), ("2 GB", 2_000_000_000), ("1KB", 1000)])
def test_a_quota_is_a_size(written: str, size: int) -> None:
    assert loaded(f"quota: {written}").quota == size


def test_the_quota_holds(tmp_path: Path) -> None:
    usage._known.clear()
    files = loaded("quota: 1KB").below(tmp_path)
    with pytest.raises(Permanent, match="quota"):
        files.replace("a.csv", lambda draft: draft.write(b"x" * 1001))


def test_the_group_may_read_where_that_is_written(tmp_path: Path) -> None:
    loaded("readable_by: group").below(tmp_path).replace("a.csv", lambda draft: draft.write(b"x"))
    assert (tmp_path / "exports/a.csv").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("folder: ../x", "TB403"), ("folder: /srv", "TB403"), ("folder: .hidden", "TB403"), ("folder: 'a:b'", "TB403"),
        ("quota: lots", "TB403"), ("quota: 0", "TB403"), ("readable_by: all", "TB403"), ("path: x", "TB401"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_said(source: str, code: str) -> None:
    with pytest.raises(Problems) as raised:
        loaded(source)
    assert [p.code for p in raised.value.found] == [code]
