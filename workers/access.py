"""A record that is refused: is it gone, or can its project or its tool not be read at all?

Procore says 404 for what is gone, for what we may not see, and in the sandbox for a tool that is switched off;
it says 403 for the latter as well. So nothing is believed deleted before the list it belongs to was seen to answer.
Source: Procore documentation, error reference; sandbox observations by others.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from config.errors import ConfigError, Permanent
from connectors import catalogue
from connectors.kinds.procore_dmsa import Procore

# Less than the last wait before a record is given up, so that this rests on a fresh look.
REMEMBERED_S = 30.0
REFUSED = ("http_403", "http_404")
# Project, resource ("" for all of the project), and the sentence for whoever waits.
Closed = tuple[str, str, str]

_open_since: dict[tuple[str, str, str], float] = {}
_lock = threading.Lock()


def closed(procore: Procore, row: Any) -> Closed | None:
    """What cannot be read at all, with the reason; None when the trouble is the record's alone.

    One or two calls, at most every half minute for a project and resource that do answer.
    Raises: Transient when it cannot be told now; Permanent(kind="disconnected").
    """
    key = (row.connector, row.project_id, row.resource)
    with _lock:
        if time.monotonic() - _open_since.get(key, -REMEMBERED_S) < REMEMBERED_S:
            return None
    found = _look(procore, row)
    if found is None:
        with _lock:
            _open_since[key] = time.monotonic()
    return found


def forget() -> None:
    """What was seen to answer is looked at again when next in doubt."""
    with _lock:
        _open_since.clear()


def disconnected(error: Permanent) -> Closed:
    """The app is not installed in the company: nothing of the connector can be read."""
    return "", "", str(error)


def _look(procore: Procore, row: Any) -> Closed | None:
    seen = _refusal_of_list(procore, row)
    if seen is None:
        return None
    if row.project_id and (project := _refusal(lambda: procore.get("Projects", row.project_id))) is not None:
        return (
            row.project_id,
            "",
            (
                f"no access to project {row.project_id} now ({project}). A company administrator permits projects in Procore: "
                "App Management > Permissions. Its records are kept as they were last seen."
            ),
        )
    if seen == "no list":
        return None
    where = f"project {row.project_id}" if row.project_id else "the company"
    return (
        row.project_id,
        row.resource,
        (
            f"no access to {row.resource} in {where} now ({seen}). Switch the tool on there, or raise the app's permission. "
            "Its records are kept as they were last seen."
        ),
    )


def _refusal_of_list(procore: Procore, row: Any) -> str | None:
    resource = catalogue.resource(row.resource)
    if resource is None or resource.list_path is None or resource.list_parent:
        return "no list"
    pages = procore.pages(resource, row.project_id or None, per_page=1)
    return _refusal(lambda: next(iter(pages), None))


def _refusal(call: Any) -> str | None:
    """The status when this is refused; None when it answers, or fails for a reason of its own."""
    try:
        call()
    except Permanent as error:
        if error.kind == "disconnected":
            raise
        return error.kind.removeprefix("http_") if error.kind in REFUSED else None
    except ConfigError:
        return None
    return None
