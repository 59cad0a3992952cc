"""Ready is a fact of the store: the site is loaded, relay and worker live, and no due work lies for a minute."""

from __future__ import annotations

from sqlalchemy import Engine, update

from store import beats, definitions
from store.models import Beat, Run
from store.session import writing
from store.types import now
from tests.store import samples


def alive(engine: Engine) -> None:
    with writing(engine) as db:
        definitions.set_fact(db, "site_loaded", "yes")
        beats.beat(db, "relay:a", "relay")
        beats.beat(db, "worker:a", "worker")


def why_not(engine: Engine) -> str | None:
    with writing(engine) as db:
        return beats.not_ready(db)


def test_before_the_site_is_loaded_it_is_not_ready(engine: Engine) -> None:
    assert why_not(engine) == "the site is not loaded yet"


def test_idle_without_any_rule_it_is_ready(engine: Engine) -> None:
    alive(engine)
    assert why_not(engine) is None


def test_a_worker_that_stopped_beating_is_missed(engine: Engine) -> None:
    alive(engine)
    with writing(engine) as db:
        db.execute(update(Beat).where(Beat.role == "worker").values(beat_at=now(-11)))
    assert why_not(engine) == "no worker has given a sign of life for 10 s"


def test_work_that_lies_for_a_minute_is_told(engine: Engine) -> None:
    alive(engine)
    with writing(engine) as db:
        samples.run(db, samples.event(db))
        db.execute(update(Run).values(run_after=now(-90)))
    assert (why_not(engine) or "").startswith("work has been due for 9")
