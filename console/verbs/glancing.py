"""All that the live view of a terminal shows, in one look."""

from __future__ import annotations

from typing import Any

from console.verbs import failing, overviewing
from console.verbs.at_hand import AtHand
from store import figures
from store.session import reading

Dict = dict[str, Any]
HOUR_S = 3600.0
FAILED_H = 24.0
MOST_CAUSES = 10


def glance(here: AtHand) -> Dict:
    """`now`, `verdict`, `lanes`, `unsorted`, `workers`, `connectors` as the overview has them; besides `runs`, of each state
    how many are `open` and how many ended within the `last_hour`, and `failures`, the causes of a day that are open.
    """
    found = overviewing.overview(here)
    with reading(here.engine) as db:
        runs: dict[str, dict[str, int]] = {}
        for what, counted in (("open", figures.runs_open(db)), ("last_hour", figures.runs_finished(db, HOUR_S))):
            for _rule, state, count in counted:
                one = runs.setdefault(state, {"open": 0, "last_hour": 0})
                one[what] += count
    causes = [one for one in failing.groups(here, FAILED_H) if one["state"] == "open"]
    kept = ("now", "verdict", "lanes", "unsorted", "workers", "connectors")
    return {**{name: found[name] for name in kept}, "runs": runs, "failures": causes[:MOST_CAUSES]}
