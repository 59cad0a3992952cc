"""Files for mails: below the root, never through a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.errors import Permanent
from workers.attachments import below


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "files/reports").mkdir(parents=True)
    (tmp_path / "files/reports/ageing.csv").write_bytes(b"1,2")
    (tmp_path / "secret").write_bytes(b"s3cret")
    return tmp_path / "files"


def test_a_file_is_read_under_its_last_name(root: Path) -> None:
    found = below(root, "reports/ageing.csv", read=True)
    assert (found.name, found.content) == ("ageing.csv", b"1,2")
    assert below(root, "reports/ageing.csv", read=False).content == b""


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/passwd", "reports/../../secret", "a\0b", "", "reports//ageing.csv", "reports", "gone.csv"]
)
def test_what_leads_out_or_is_no_file_is_refused(root: Path, path: str) -> None:
    with pytest.raises(Permanent) as raised:
        below(root, path, read=True)
    assert raised.value.kind == "file"


def test_a_link_leads_nowhere_as_a_file_or_as_a_folder(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "secret")
    (root / "folder").symlink_to(root.parent)
    for path in ("link", "folder/secret"):
        with pytest.raises(Permanent):
            below(root, path, read=True)


def test_a_pipe_holds_nobody_up(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(Permanent, match="no plain file"):
        below(root, "pipe", read=True)
