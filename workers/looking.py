"""How many calls one look may cost: what looks by itself must leave the quota to what was asked for.

Hooks, deliveries and sweeps each look four times an hour. With 200 projects not everything can be looked at each
time, so each look takes what is urgent, and then what was not looked at for longest.
"""

from __future__ import annotations

from connectors.governor import Governor

EVERY_S = 15 * 60
FEWEST = 30
SHARE = 20  # of an hour's limit, for one of twelve looks in it


def most(quota: Governor, connector: str) -> int:
    """Lists or hooks to ask for in one look: 30 for an account of 600 calls per hour, 180 for one of 3,600."""
    state, _ = quota.state(connector)
    return max(FEWEST, state.hour.limit // SHARE)
