"""What the quota learns from a call: the headers of its answer, whether all must stop, whether it was trouble."""

from __future__ import annotations

from config.errors import TiebackError, Transient
from connectors.http import LONGEST_WINDOW_S, Reply, pause_s
from connectors.quota import Answer
from connectors.quota_state import SPIKE_S
from connectors.remarks import remark


def of_reply(reply: Reply) -> Answer:
    """From an answer with any status. Failed calls use quota like others; a 429 is told by its status, its body is prose."""
    limit, remaining, reset = reply.quota or (None, 0, 0.0)
    status = reply.status
    pause = pause_s(reply) if status in (429, 503) else None
    if status == 429 and pause is None:
        pause = SPIKE_S
    return Answer(
        limit=limit,
        remaining=0 if status == 429 else remaining,
        reset_s=_ahead(reply, reset),
        pause_s=pause,
        why=f"Procore answered {status} and asked for a pause" if pause is not None else "",
        trouble=_trouble(reply),
    )


def of_error(error: BaseException) -> Answer:
    """From a call without a readable answer. One that timed out is trouble; one that found no connection used no quota."""
    if isinstance(error, Transient) and error.kind != "connection":
        return Answer(heard=False, trouble=f"{error.kind}: Procore does not answer")
    return Answer(heard=not isinstance(error, Transient) and isinstance(error, TiebackError))


def _ahead(reply: Reply, reset: float) -> float | None:
    """How far ahead the reset was, by the far end's own clock; None when that makes no sense."""
    made = reply.made_at
    if made is None or not -5.0 <= reset - made <= LONGEST_WINDOW_S:
        return None
    return max(0.0, reset - made)


def _trouble(reply: Reply) -> str | None:
    status = reply.status
    if status == 401:
        return "401: Procore refuses the token"
    if status == 403 and "not connected" in remark(reply.body, reply.headers.get("Content-Type", "")).lower():
        return "403: the app is not connected to this company"
    return f"{status}: Procore is in trouble" if status >= 500 else None
