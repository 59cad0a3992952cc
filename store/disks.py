"""What kind of disk a file lies on: SQLite needs locks that hold, and a disk that several machines write has none."""

from __future__ import annotations

import re
from pathlib import Path

from config.errors import ConfigError

MOUNTS = Path("/proc/self/mountinfo")
# Their locks are advice, late, or absent, and two machines may open the file. Source: sqlite.org, "How to corrupt", 2.1.
NETWORK = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ocfs2", "gfs2", "gpfs", "beegfs",
    "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.juicefs", "fuse.ceph", "davfs", "fuse.davfs2",
}  # fmt: skip


def refuse_network(path: Path) -> None:
    """Raises: ConfigError for a database that lies on a disk of another machine."""
    kind = kind_of(path)
    if kind in NETWORK:
        raise ConfigError(
            f"the SQLite database {path} lies on a network disk ({kind}), whose locks cannot be relied on. Put it on a disk of "
            "this machine, or use PostgreSQL (TIEBACK_DATABASE_URL=postgresql://user@host/database)."
        )


def kind_of(path: Path, mounts: Path = MOUNTS) -> str:
    """The kind of file system below a path, such as `ext4`; "" where the system does not tell."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    here, found, kind = path.resolve(), Path(), ""
    for line in lines:  # 36 35 98:0 /root /mount/point options … - kind device options; a later one covers an earlier one
        place, _, about = line.partition(" - ")
        fields = place.split(" ")
        if len(fields) < 5 or not about:
            continue
        mount = Path(re.sub(r"\\([0-7]{3})", lambda sign: chr(int(sign[1], 8)), fields[4]))
        if (here == mount or mount in here.parents) and len(mount.parts) >= len(found.parts):
            found, kind = mount, about.split(" ")[0]
    return kind
