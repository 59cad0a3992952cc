"""One worker process without its threads: the actors run one after the other in the test's own thread."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, select, text, update

from config.secrets import Box
from config.settings import Settings
from store import deliveries
from store.deliveries import Arrival
from store.models import Fetch, Run, Timer
from store.session import reading, writing
from store.types import now
from workers import jobs, site
from workers.desk import Desk
from workers.keeper import Keeper
from workers.loaded import Loaded
from workers.ports import CallLog
from workers.relay import Relay

HOOK = "hook-key"


def desk_of(engine: Engine, settings: Settings, keeper: Keeper) -> Desk:
    """A desk with nothing loaded, for tests of what needs one."""
    call_log, box = CallLog(), Box(settings.secret_keys)
    return Desk(settings, engine, box, Bell(), keeper, "w", call_log, Loaded(engine, box, settings, call_log))  # type: ignore[arg-type]


class Bell:
    """Remembers who was rung; `loses` drops everything, as a flushed broker does."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, int]] = []
        self.loses = False

    def ring(self, actor: str, ids: Iterable[int], lane: str = "webhook") -> None:
        if not self.loses:
            self.rung += [(actor, id) for id in ids]


class Rig:
    """A site with one connector `acme` to the simulator and the given automations; `site` is written before."""

    def __init__(self, engine: Engine, settings: Settings):
        self.engine, self.settings = engine, settings
        self.bell = Bell()
        self.box = Box(settings.secret_keys)
        self.keeper = Keeper(engine)
        call_log = CallLog()
        loaded = Loaded(engine, self.box, settings, call_log)
        self.desk = Desk(settings, engine, self.box, self.bell, self.keeper, "rig", call_log, loaded)  # type: ignore[arg-type]
        self.relay = Relay(engine, self.bell, "rig", every_s=0.0, again_s=0.0)  # type: ignore[arg-type]

    def load_site(self) -> list[str]:
        return site.load(self.engine, self.box, self.settings)

    def deliver(self, payload: dict[str, Any] | bytes, key: str | None = None) -> list[int]:
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        key = key or (str(payload["id"]) if isinstance(payload, dict) else str(hash(raw)))
        ids = deliveries.keep(self.engine, [Arrival("acme", HOOK, key, raw, "application/json")])
        self.bell.ring("sort", ids)
        return ids

    def work(self) -> int:
        """Do what was rung for, and what that rings for, until it is quiet; returns how many pieces."""
        done = 0
        while self.bell.rung:
            actor, id = self.bell.rung.pop(0)
            jobs.one(actor, jobs.ACTORS[actor], self.desk, id)
            done += 1
        return done

    def settle(self, passes: int = 30) -> None:
        """Relay passes with time made to pass, until nothing is waiting."""
        for _ in range(passes):
            self.skip_ahead()
            self.relay.look()
            if not self.work():
                return

    def skip_ahead(self) -> None:
        """Whatever is to happen later is due now; whatever is held is expired."""
        with writing(self.engine) as db:
            for work in (Fetch, Run):
                db.execute(
                    update(work)
                    .where(work.state == "waiting", work.run_after.is_not(None))
                    .values(run_after=now(-1), rung_at=None)
                )
                db.execute(update(work).where(work.state == "running").values(lease_until=now(-1)))
            db.execute(update(Fetch).where(Fetch.state == "waiting").values(created_at=now(-10)))

    def let_pass(self, seconds: float) -> None:
        """Whatever waits has waited so much longer."""
        with writing(self.engine) as db:
            for row in list(db.execute(select(Fetch.id, Fetch.run_after, Fetch.created_at, now().label("here")))):
                passed = {"created_at": now((row.created_at - row.here).total_seconds() - seconds)}
                if row.run_after is not None:
                    passed["run_after"] = now((row.run_after - row.here).total_seconds() - seconds)
                db.execute(update(Fetch).where(Fetch.id == row.id).values(**passed))

    def put_timers_off(self) -> None:
        """What a new site sets going by itself, such as a validation, makes no calls in the middle of a test."""
        self.settle()
        with writing(self.engine) as db:
            db.execute(update(Timer).values(run_after=now(86_400), rung_at=None))

    def rows(self, query: str) -> list[dict[str, Any]]:
        with reading(self.engine) as db:
            return [dict(row._mapping) for row in db.execute(text(query))]

    def runs(self) -> list[dict[str, Any]]:
        return self.rows("SELECT id, automation, state, reason, error, attempt FROM tieback_runs ORDER BY id")

    def close(self) -> None:
        self.keeper.stop()
        self.desk.loaded.quota.close()


@contextmanager
def rig(engine: Engine, settings: Settings, simulator: Any, **automations: str) -> Iterator[Rig]:
    """Write the site for this simulator and load it. Automations are YAML texts by file stem."""
    write_site(settings, simulator, **automations)
    one = Rig(engine, settings)
    assert one.load_site() == []
    one.put_timers_off()
    try:
        yield one
    finally:
        one.close()


def write_site(settings: Settings, simulator: Any, **automations: str) -> None:
    for folder in ("connectors", "automations", "destinations", "secrets"):
        (settings.site / folder).mkdir(parents=True, exist_ok=True)
    (settings.site / "secrets/acme").write_text(simulator.world.tokens.client_secret)
    (settings.site / "connectors/acme.yaml").write_text(
        textwrap.dedent(f"""\
        format: 1
        kind: procore_dmsa
        name: acme
        environment: custom
        api_host: {simulator.url}
        login_host: {simulator.url}
        private: true
        client_id: {simulator.world.tokens.client_id}
        client_secret: ${{file:secrets/acme}}
        company_id: {simulator.company_id}
        """)
    )
    (settings.site / "destinations/sink.yaml").write_text(
        f"format: 1\nkind: http\nname: sink\nurl: {simulator.url}/_sim/sink/erp\nprivate: true\n"
    )
    for stem, source in automations.items():
        (settings.site / f"automations/{stem}.yaml").write_text(textwrap.dedent(source))


def payload(
    simulator: Any, id: Any, *, resource: str = "RFIs", action: str = "update", key: str = "01J00000000000000000000001"
) -> dict[str, Any]:
    """A v4.0 event of the simulator's first project, stamped a moment ago."""
    return {
        "id": key,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 5)),
        "reason": action,
        "company_id": str(simulator.company_id),
        "project_id": str(simulator.project_id),
        "user_id": "1",
        "resource_type": resource,
        "resource_id": str(id),
    }
