"""Sends what was gathered: one message for many, through the ledger, so that a crash cannot send it twice.

What cannot be sent stays and is tried again; where nobody can tell whether it went out, a person settles its effect.
"""

from __future__ import annotations

import logging
from typing import Any

from automations.actions.notify_send import policy_of
from automations.digesting import message_of
from automations.effects import may_have_applied
from config.errors import Permanent, TiebackError, Transient, Uncertain
from config.logs import about, scrub
from connectors.messages import Notifier, Receipt
from store import digests, leases, runs, switch, timers
from store.leases import Held
from store.session import writing
from workers.desk import Desk

log = logging.getLogger("tieback.digests")

AGAIN_S, REFUSED_AGAIN_S = 60.0, 900.0


def send(desk: Desk, bundle: str, held: Held) -> None:
    """Say all that waits in a bundle. Raises: the error of what could not be said, after its next try is set."""
    doubtful: list[Any] = []
    while True:
        with writing(desk.engine) as db:
            leases.renew(db, held)
            if switch.held(db) is not None:
                timers.arm(db, digests.KIND, bundle, in_s=AGAIN_S)
                return
            rows = digests.take(db, bundle, [one.digest for one in doubtful])
            intent = _intended(db, rows, held) if rows else None
        if intent is None:
            break
        kept, fresh = intent
        if kept.state == "applied":
            _done(desk, held, rows, None)
            continue
        if not fresh and kept.policy == "at_most_once":
            doubtful += rows  # it waits for a person, and holds up no other
            continue
        _say(desk, bundle, held, rows)
    if doubtful:
        raise _in_doubt(doubtful)


def _intended(db: Any, rows: list[Any], held: Held) -> tuple[Any, bool]:
    first = rows[0]
    return runs.intend(
        db,
        {
            "effect_key": first.digest, "run_id": first.run_id, "step": "digest", "fence": held.fence,
            "policy": policy_of(first.destination), "target": first.destination,
            "summary": f"digest of {len(rows)} messages to {first.destination} by {first.automation}"[:500],
            "request_hash": first.digest, "lasting": False,
        },
    )  # fmt: skip


def _say(desk: Desk, bundle: str, held: Held, rows: list[Any]) -> None:
    desk.keeper.still_mine(held)
    try:
        mouth: Notifier = desk.loaded.destination(rows[0].destination)
        receipt = mouth.notify(message_of(rows[0].automation, rows[0].digest, [row.message for row in rows]))
    except TiebackError as error:
        _failed(desk, bundle, held, rows, error)
        raise
    _done(desk, held, rows, receipt)


def _done(desk: Desk, held: Held, rows: list[Any], receipt: Receipt | None) -> None:
    with writing(desk.engine) as db:
        leases.renew(db, held)
        if receipt is not None:
            said = {"said": scrub(receipt.said), "refused": dict(receipt.refused), "messages": len(rows)}
            runs.settle(db, rows[0].digest, "applied", said)
        digests.sent(db, rows[0].digest)
    if receipt is not None and receipt.refused:
        log.warning("digest.refused", extra=about(destination=rows[0].destination, refused=", ".join(receipt.refused)))


def _failed(desk: Desk, bundle: str, held: Held, rows: list[Any], error: TiebackError) -> None:
    """Note the outcome and when to try again."""
    policy = policy_of(rows[0].destination)
    doubt = isinstance(error, (Transient, Permanent)) and (isinstance(error, Uncertain) or may_have_applied(policy, error))
    wait_s = getattr(error, "retry_after_s", None) or (AGAIN_S if isinstance(error, Transient) else REFUSED_AGAIN_S)
    with writing(desk.engine) as db:
        leases.renew(db, held)
        runs.settle(db, rows[0].digest, "uncertain" if doubt else "failed", {"error": scrub(str(error))})
        timers.arm(db, digests.KIND, bundle, in_s=wait_s)


def _in_doubt(rows: list[Any]) -> Permanent:
    return Permanent(
        f"nobody can tell whether the digest of {len(rows)} messages reached {rows[0].destination}. Look there, then settle its "
        "effect (tieback effects list --state uncertain).",
        kind="uncertain",
    )
