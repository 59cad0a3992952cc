"""`limits: writes:` and `deletes:` of one automation, counted in the database over all its runs."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Engine

from automations.durations import shown
from automations.parts import WRITES, Limits, Rate
from store import caps
from store.session import reading, retrying, writing

Kind = Literal["writes", "deletes"]


class Caps:
    def __init__(self, engine: Engine, run: Any, limits: Limits):
        self._engine, self._run, self._limits = engine, run, limits

    def take(self, kind: Kind, wanted: int, effect: str, what: str, *, at_procore: bool) -> int:
        rate = self._rate(kind, at_procore)
        if rate is None:
            return wanted
        values = {
            "automation": self._run.automation, "kind": kind, "effect_key": effect, "run_id": self._run.id, "wanted": wanted,
            "what": what[:500],
        }  # fmt: skip
        return self._take(values, rate)

    @retrying
    def _take(self, values: dict[str, Any], rate: Rate) -> int:
        with writing(self._engine) as db:
            return caps.take(db, values, rate.count, rate.per)

    def refusal(self, kind: Kind, left: int) -> str:
        rate = self._rate(kind, True)
        assert rate is not None
        with reading(self._engine) as db:
            wait_s = caps.room_in_s(db, self._run.automation, kind, rate.per)
        again = "" if wait_s is None else f" There is room again in {shown(float(max(1, round(wait_s))))}: retry the run then,"
        return (
            f"{self._run.automation} may make {rate.count} {kind} in {shown(rate.per)} over all its runs (limits: {kind}:), and "
            f"{left} more {'is' if left == 1 else 'are'} held back.{again or ' Retry the run later,'} or raise the limit."
        )

    def _rate(self, kind: Kind, at_procore: bool) -> Rate | None:
        if kind == "deletes":
            return self._limits.deletes
        return self._limits.writes or (WRITES if at_procore else None)
