"""A paused connector: what arrives for it is kept and sorted, nothing is called."""

from __future__ import annotations

from store import leases
from store.leases import Held
from store.session import retrying, writing
from workers.desk import Desk

LOOK_AGAIN_S = 15.0


def paused_reason(connector: str) -> str:
    return f"connector {connector} is paused"


@retrying
def put_aside_while_paused(desk: Desk, held: Held, connector: str) -> None:
    """Give a claim back without counting it as an attempt."""
    with writing(desk.engine) as db:
        leases.put_back(db, held, LOOK_AGAIN_S, counts=False, reason=paused_reason(connector))
