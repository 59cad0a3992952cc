"""Sealing with the first key what an older one sealed, by command."""

from __future__ import annotations

from console.verbs.at_hand import AtHand
from store import audit, canary, rekeying
from store.rekeying import Found
from store.session import writing


def look(here: AtHand) -> list[Found]:
    """What there is of each kind; nothing is changed."""
    return rekeying.rekey(here.engine, here.box, dry=True)


def rekey(here: AtHand, *, forget: bool) -> list[Found]:
    """Raises: ConfigError when the keys are not those of this database: then nothing was lost, and nothing is changed."""
    canary.check(here.engine, here.box)
    with writing(here.engine) as db:  # before it, so that one that is ended half way has left its trace
        audit.note(db, here.actor, "rekeying begun", "secrets", {"forget_lost": forget})
    found = rekeying.rekey(here.engine, here.box, dry=False, forget=forget)
    counts = {one.kind: {"sealed_anew": one.old, "lost": len(one.lost)} for one in found if one.old or one.lost}
    with writing(here.engine) as db:
        audit.note(db, here.actor, "secrets sealed anew", "secrets", counts)
    return found
