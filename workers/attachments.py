"""Files that a message carries: below the files root, reached without following any link."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from pathlib import Path

from config.errors import Permanent
from connectors.destinations.email import MOST_ATTACHED
from connectors.messages import Attachment
from connectors.remarks import plain


def below(root: Path, path: str, *, read: bool) -> Attachment:
    """The file, without its content unless `read`. Raises: Permanent(kind="file")."""
    parts = path.split("/")
    if path.startswith("/") or {"", ".", ".."} & set(parts) or "\0" in path:
        raise _refused(path, "is no path below the files root")
    if not read:
        return Attachment(parts[-1])
    try:
        return Attachment(parts[-1], _content(root, parts))
    except OSError as error:
        raise _refused(path, f"cannot be read below the files root ({error.strerror or error})") from None


def _content(root: Path, parts: list[str]) -> bytes:
    """Opened step by step from the root, so that nothing that is put in its way meanwhile leads elsewhere."""
    with ExitStack() as stack:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, here)
        for part in parts[:-1]:
            here = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            stack.callback(os.close, here)
        # Not blocking: a pipe in its place would wait for its writer.
        file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
        with os.fdopen(file, "rb") as opened:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError("it is no plain file")
            # One byte more than a mail may carry: the mail itself says that it is too much.
            return opened.read(MOST_ATTACHED + 1)


def _refused(path: str, why: str) -> Permanent:
    return Permanent(f"the file {plain(path, 80)!r} {why}. Write a path such as reports/ageing.csv.", kind="file")
