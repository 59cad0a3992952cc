"""A SQLite database on a disk of another machine is refused at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import load
from store import disks
from store.session import open_engine
from tests.conftest import KEY

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:50 / {folder} rw,relatime shared:2 master:3 - {kind} server:/export rw,vers=4.2
41 40 0:51 / {folder}/a\\040local\\040disk rw - xfs /dev/sdb1 rw
"""


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(folder=tmp_path, kind="nfs4"))
    monkeypatch.setattr(disks, "kind_of", lambda path: _kind(path, mounts))
    return mounts


_kind = disks.kind_of


def test_a_database_on_a_network_disk_is_refused_with_what_to_do(mounted: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    settings = load({"TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": str(tmp_path / "site")}, tmp_path)
    with pytest.raises(ConfigError, match=r"lies on a network disk \(nfs4\).*use PostgreSQL") as told:
        open_engine(settings)
    assert "\n" not in str(told.value)
    assert not list((tmp_path / "var").glob("*.db"))


def test_the_innermost_mount_counts_and_its_name_may_have_spaces(mounted: Path, tmp_path: Path) -> None:
    assert _kind(tmp_path / "var/tieback.db", mounted) == "nfs4"
    assert _kind(tmp_path / "a local disk/x.db", mounted) == "xfs"
    assert _kind(Path("/srv/x.db"), mounted) == "ext4"


def test_where_the_system_does_not_tell_nothing_is_refused(tmp_path: Path) -> None:
    assert _kind(tmp_path, tmp_path / "missing") == ""
    disks.refuse_network(tmp_path / "tieback.db")
