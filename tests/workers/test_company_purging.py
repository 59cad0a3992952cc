"""The data of one company goes from every table; another's stays, row by row as it was."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select, text, update

from config.errors import ConfigError
from config.settings import Settings
from store import company_purging, definitions, leases
from store.base import Base
from store.company_tables import DECIDED, GOES, NOTHING, PARTLY
from store.models import (
    ApiToken,
    Call,
    Connector,
    Delivery,
    Effect,
    Event,
    Fetch,
    HookPlan,
    Import,
    Operation,
    OperationItem,
    Run,
    Schedule,
    Session,
    Step,
    User,
)
from store.session import reading, writing
from store.types import now
from tests import services
from tests.store.samples import event, run
from tests.workers.two_companies import add, everything, plant, plant_shared
from workers import company_purging as leaving

OURS, THEIRS = "598134000001001", "598134000001777"
# Rows that are changed and not deleted have tests of their own; a purge is a change that every process must notice.
SHARED = {name for name, (fate, _) in DECIDED.items() if fate == PARTLY} | {"tieback_facts"}


def purge(engine: Engine, settings: Settings, **how: Any) -> dict[str, int]:
    return {name: count for name, count in leaving.purge(engine, settings, OURS, **how).gone.items() if count}


def test_somebody_has_decided_about_every_table() -> None:
    assert set(DECIDED) == set(Base.metadata.tables)
    assert all(fate in (GOES, PARTLY, NOTHING) and why for fate, why in DECIDED.values())


def test_the_rows_of_one_company_go_from_every_table_and_all_others_stay(engine: Engine, settings: Settings) -> None:
    with writing(engine) as db:
        plant(db, THEIRS, "acme-two")
    before = everything(engine)
    with writing(engine) as db:
        plant(db, OURS, "acme")
    planted = everything(engine)
    missing = [name for name, (fate, _) in DECIDED.items() if fate == GOES and len(planted[name]) <= len(before[name])]
    assert missing == [], "the test has no row of the company there"
    counted = purge(engine, settings, dry=True)
    assert everything(engine) == planted
    gone = purge(engine, settings)
    after = everything(engine)
    for name, rows in before.items():
        if name not in SHARED:
            assert after[name] == rows, name
    assert "m4rk-" + OURS not in str(after)
    assert OURS not in str(after)
    assert gone == counted
    assert (gone["runs"], gone["runs that waited or were parked"]) == (1, 2)
    assert purge(engine, settings) == {}


def test_what_other_rows_say_of_it_is_taken_out_of_them(engine: Engine, settings: Settings) -> None:
    with writing(engine) as db:
        plant(db, OURS, "acme")
        plant_shared(db, OURS, "acme", THEIRS)
        plans = run(db, event(db, "tick", connector="", company_id=""), connector="")
        add(db, HookPlan, run_id=plans, step="s", changes={"acme": ["x"], "acme-two": ["y"]})
    purge(engine, settings)
    with reading(engine) as db:
        assert dict(db.execute(select(User.name, User.companies)).all()) == {"both": [THEIRS], "only": [], "all": None}
        tokens = {row.name: (row.scopes, row.revoked_at is None) for row in db.execute(select(ApiToken.__table__))}
        assert tokens == {"one": (["read"], False), "two": (["read", f"company:{THEIRS}"], True), "all": (["read"], True)}
        sessions = {row.digest: (row.said, row.draft) for row in db.execute(select(Session.__table__))}
        assert sessions == {"s1": (None, None), "s2": (["fine"], {"config": {"company_id": THEIRS}})}
        reasons = dict(db.execute(select(Schedule.name, Schedule.reason)).all())
        assert reasons == {"rule/t/UTC": None, "rule/u/UTC": "begun for acme-more"}
        assert list(db.scalars(select(HookPlan.changes))) == [{"acme-two": ["y"]}]
    assert OURS not in str(everything(engine))


def test_a_run_of_nobody_that_called_it_keeps_nothing_of_what_it_was_answered(engine: Engine, settings: Settings) -> None:
    """A schedule without connector that reads several companies: its line stays, and cannot be taken up again."""
    with writing(engine) as db:
        plant(db, OURS, "acme")
        states = {}
        for number, state in enumerate(("ok", "parked", "waiting")):
            one = run(db, event(db, f"tick{number}", connector="", company_id=""), connector="", state=state)
            db.execute(update(Run).where(Run.id == one).values(lines=["m4rk"], error={"message": "m4rk"}))
            add(db, Step, run_id=one, path="read", state="ok", attempt=1, output="m4rk")
            add(db, Effect, effect_key=f"x{number}", run_id=one, step="s", fence=1, policy="idempotent", summary="m4rk",
                target="http:erp", request_hash="h", state="applied", response="m4rk")  # fmt: skip
            add(db, Effect, effect_key=f"y{number}", run_id=one, step="s", fence=1, policy="natural_key", summary="m4rk",
                target="procore:acme RFIs", request_hash="h", state="applied", response="m4rk", lasting=True)  # fmt: skip
            add(db, Call, connector="acme", run_id=one, method="GET", path="/x", duration_ms=1)
            states[one] = "ok" if state == "ok" else "cancelled"
    counted = purge(engine, settings, dry=True)
    assert purge(engine, settings) == counted
    assert counted["runs of others, emptied"] == 3
    with reading(engine) as db:
        assert dict(db.execute(select(Run.id, Run.state)).all()) == states
        assert sorted(db.scalars(select(Effect.effect_key))) == ["x0", "x1", "x2"]
    assert "m4rk" not in str(everything(engine))


def test_what_a_run_of_another_gathered_from_it_goes(engine: Engine, settings: Settings) -> None:
    from store.models import RunEvent

    with writing(engine) as db:
        plant(db, OURS, "acme")
        one = run(db, event(db, "theirs", connector="acme-two", company_id=THEIRS), "all", connector="acme-two", state="ok")
        mine = db.scalar(select(Event.id).where(Event.company_id == OURS).limit(1))
        add(db, RunEvent, run_id=one, event_id=mine, automation="all")
        add(db, Step, run_id=one, path="tell", state="ok", attempt=1, output="m4rk")
    purge(engine, settings)
    with reading(engine) as db:
        assert list(db.scalars(select(Run.id))) == [one]
        assert list(db.scalars(select(Step.id))) == list(db.scalars(select(RunEvent.run_id))) == []


def test_what_a_moved_connector_brought_from_each_company_is_told_apart(engine: Engine, settings: Settings) -> None:
    """It led to the one that goes, and leads to another today: only what says that it is of the first one goes."""
    with writing(engine) as db:
        plant(db, OURS, "acme")
        db.execute(update(Connector).values(config={"company_id": THEIRS}, state="active"))
        new = event(db, "new", connector="acme", company_id=THEIRS)
        run(db, new, "other", connector="acme", state="ok")
        add(db, Delivery, connector="acme", hook_key="its new hook", delivery_key="n", raw=b"new")
    purge(engine, settings)
    with reading(engine) as db:
        assert list(db.scalars(select(Connector.name))) == ["acme"]
        assert new in list(db.scalars(select(Event.id)))
        assert list(db.scalars(select(Event.id).where(Event.company_id == OURS))) == []
        assert list(db.scalars(select(Delivery.raw))) == [b"new"]
        assert db.scalar(select(Run.id).where(Run.automation == "other")) is not None


def test_a_mixed_operation_stays_without_its_items(engine: Engine, settings: Settings) -> None:
    with writing(engine) as db:
        plant(db, OURS, "acme")
        mine = db.scalar(select(Run.id).where(Run.state == "failed"))
        other = run(db, event(db, "theirs", connector="acme-two", company_id=THEIRS), "all", connector="acme-two", state="ok")
        both = add(db, Operation, kind="retry", what={}, requested_by="cli:ana", state="done")
        for one in (mine, other):
            add(db, OperationItem, operation_id=both, subject_id=one, run_id=one, state="done")
    purge(engine, settings)
    with reading(engine) as db:
        assert list(db.scalars(select(Operation.id))) == [both]
        assert list(db.scalars(select(OperationItem.run_id))) == [other]


@pytest.mark.parametrize("source", ["store", "file"])
def test_it_is_refused_while_a_connector_leads_there(engine: Engine, settings: Settings, source: str) -> None:
    with writing(engine) as db:
        plant(db, OURS, "acme")
        config = {"company_id": OURS, "file": "connectors/acme.yaml"}
        db.execute(update(Connector).values(state="paused", source=source, config=config))
    before = everything(engine)
    mend = (
        "tieback connector remove acme" if source == "store" else "take connectors/acme.yaml out of the site, then: tieback rules"
    )
    with pytest.raises(ConfigError, match=f"company {OURS} still has a connector, so its rows would come back.*{mend}"):
        purge(engine, settings)
    assert everything(engine) == before


def test_it_is_refused_for_a_file_in_the_site_that_was_not_read_yet(engine: Engine, settings: Settings) -> None:
    (settings.site / "connectors").mkdir()
    (settings.site / "connectors/acme.yaml").write_text(
        "format: 1\nkind: procore_dmsa\nname: acme\nenvironment: production\nclient_id: x\nclient_secret: ${env:S}\n"
        f"company_id: {OURS}\n"
    )
    with pytest.raises(ConfigError, match=r"take connectors/acme\.yaml out of the site"):
        purge(engine, settings)


@pytest.mark.parametrize("table", [Run, Fetch, Import], ids=["run", "fetch", "import"])
def test_it_is_refused_while_a_worker_has_work_of_it(engine: Engine, settings: Settings, table: Any) -> None:
    with writing(engine) as db:
        plant(db, OURS, "acme")
        one = db.scalar(select(table.id).limit(1))
        db.execute(update(table).where(table.id == one).values(state="running", lease_until=now(60)))
    before = everything(engine)
    with pytest.raises(ConfigError, match=rf"workers are at work for company {OURS} \(1 {table.__name__.lower()}"):
        purge(engine, settings)
    assert everything(engine) == before
    with writing(engine) as db:
        db.execute(update(table).where(table.id == one).values(lease_until=now(-1)))
    assert purge(engine, settings)  # whose worker vanished has nobody


def test_a_purge_that_was_ended_anywhere_goes_on_when_it_is_begun_again(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(engine) as db:
        plant(db, THEIRS, "acme-two")
    before = everything(engine)
    real, left = leaving._taken, 0

    def dies(*given: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(leaving, "_taken", dies)
    monkeypatch.setattr(leaving, "DOORS_KNOW_S", 0.0)
    moments = 0
    while left <= 0:
        moments += 1
        with writing(engine) as db:
            plant(db, OURS, "acme")
        left = moments
        with contextlib.suppress(KeyboardInterrupt):
            purge(engine, settings)
            break
        purge(engine, settings)
        after = everything(engine)
        assert {name: rows for name, rows in before.items() if name not in SHARED and after[name] != rows} == {}
    assert moments > 20


def test_while_redis_is_down_it_says_so_and_the_next_one_ends_it(engine: Engine, settings: Settings) -> None:
    with writing(engine) as db:
        plant(db, OURS, "acme")
    away = replace(settings, broker_url=f"redis://127.0.0.1:{services.free_port()}/0")
    with pytest.raises(ConfigError, match=r"^the quota of acme could not be deleted \(Redis: .*\)\. Do the same again\.$"):
        purge(engine, away)
    with reading(engine) as db:
        assert list(db.scalars(select(Connector.name))) == ["acme"]  # by which the next one knows what it is to look for
    assert purge(engine, settings)
    with reading(engine) as db:
        assert list(db.scalars(select(Connector.name))) == []


def test_many_rows_go_in_batches_of_short_transactions(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(company_purging, "AT_ONCE", 3)
    monkeypatch.setattr(company_purging, "SPAN", 7)
    monkeypatch.setattr(leaving, "BREATH_S", 0.0)
    with writing(engine) as db:
        plant(db, OURS, "acme")
        for number in range(20):
            event(db, f"m{number}", company_id=OURS)
            event(db, f"t{number}", connector="acme-two", company_id=THEIRS)
        db.execute(delete(Event).where(Event.event_key.in_(("t3", "t4", "t5", "t6", "t7"))))
    counted = purge(engine, settings, dry=True)
    assert purge(engine, settings) == counted
    assert counted["events"] == 23
    with reading(engine) as db:
        assert len(list(db.scalars(select(Event.id)))) == 15


def test_rows_of_its_records_go_and_tables_with_columns_of_ones_own_are_named(engine: Engine, settings: Settings) -> None:
    from store import snapshots, tables
    from store.queries import Query

    with writing(engine) as db:
        plant(db, OURS, "acme")
        for company, name in ((OURS, "acme"), (THEIRS, "acme-two"), ("", "acme")):
            row = dict.fromkeys(tables.STANDARD) | {
                "connector": name,
                "company_id": company,
                "id": f"1{company}",
                "body": {"a": 1},
            }
            tables.upsert(db, "rfis", ("connector", "id"), row, version=None)
            tables.upsert(db, "my_own", ("id",), {"id": company, "company_id": company, "n": 1}, version=None)
        stamp = {"snapshot_at": now(), "snapshot_run": "1", "snapshot_step": "s"}
        snapshots.take(db, "rfis_history", Query("rfis"), {**stamp, "snapshot_at": db.scalar(select(now()))})
        db.execute(text("CREATE TABLE nobodys (n INTEGER)"))
    counted = leaving.purge(engine, settings, OURS, dry=True)
    done = leaving.purge(engine, settings, OURS)
    assert (done.gone["rows of rfis"], done.gone["rows of rfis_history"]) == (2, 2)
    assert +counted.gone == +done.gone
    assert counted.left == done.left
    assert done.left == [
        "table my_own: rows that say they are of it: 1. Its columns are your own choice, so delete them yourself."
    ]
    with reading(engine) as db:
        for table in ("rfis", "rfis_history"):
            assert list(db.scalars(text(f"SELECT company_id FROM {table}"))) == [THEIRS]


def wrote(db: Any, key: str, target: str, company: str, name: str) -> None:
    one = run(db, event(db, key, connector=name, company_id=company), key, connector=name, state="ok")
    add(db, Effect, effect_key=key, run_id=one, step="s", fence=1, policy="idempotent", summary="s", target=target,
        request_hash="h", state="applied")  # fmt: skip


WRITTEN = (
    "file a/only.csv", "file shared.csv", "files:docs/plans", "file log.csv", "file cal/site.ics acme/rfis/1", "file gone.csv",
    "file elsewhere/kept.txt",
)  # fmt: skip


def test_files_that_its_runs_alone_wrote_go_with_what_we_noted_of_them(engine: Engine, settings: Settings) -> None:
    from connectors.rooted import Rooted

    root = settings.files_root
    rooted = Rooted(root)
    for path in ("a/only.csv", "shared.csv", "docs/plans/p1.pdf", "docs/plans/old/p0.pdf", "cal/site.ics", f"x/{OURS}/any.txt",
                 "theirs.csv", "a/kept.txt"):  # fmt: skip
        rooted.replace(path, lambda draft: draft.write(b"m4rk"))
    rooted.append("log.csv", lambda draft, _: draft.write(b"m4rk"), "k1")
    rooted.own("mirrors", _mirror("docs/plans"), "notes").edit("n", lambda _: b"m4rk")
    (root / "elsewhere").symlink_to(root / "a")
    with writing(engine) as db:
        plant(db, OURS, "acme")
        for number, target in enumerate(WRITTEN):
            wrote(db, f"f{number}", target, OURS, "acme")
        wrote(db, "t1", "file shared.csv", THEIRS, "acme-two")
        wrote(db, "t2", "file theirs.csv", THEIRS, "acme-two")
    counted = leaving.purge(engine, settings, OURS, dry=True)
    done = leaving.purge(engine, settings, OURS)
    left = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and ".tieback/locks" not in str(path)}
    assert left == {"shared.csv", "theirs.csv", "a/kept.txt"}
    assert not (root / "docs").exists()
    assert (counted.gone["files"], done.gone["files"]) == (6, 6)
    assert done.left == counted.left == ["file shared.csv: runs of others wrote it as well, so look into it yourself."]


def _mirror(folder: str) -> str:
    import hashlib

    return hashlib.sha256(folder.encode()).hexdigest()[:16]


def test_what_a_worker_began_with_meanwhile_is_told_and_the_next_purge_takes_it(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(engine) as db:
        plant(db, OURS, "acme")
        db.execute(update(Run).where(Run.state == "waiting").values(state="running", lease_until=now(60)))
    monkeypatch.setattr(leaving, "refuse", lambda *_: None)
    with pytest.raises(ConfigError, match=r"most of company .* is deleted, but workers hold 1 runs, 1 events that name it"):
        purge(engine, settings)
    with writing(engine) as db:
        db.execute(update(Run).values(lease_until=now(-1)))
    purge(engine, settings)
    assert OURS not in str(everything(engine))


def test_workers_of_another_company_go_on_meanwhile(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company_purging, "AT_ONCE", 20)
    with writing(engine) as db:
        plant(db, OURS, "acme")
        for number in range(300):
            run(db, event(db, f"m{number}", company_id=OURS))
    over = threading.Event()
    done: list[int] = []

    def works() -> None:
        while not over.is_set():
            with writing(engine) as db:
                mine = event(db, f"t{len(done)}", connector="acme-two", company_id=THEIRS)
                id = run(db, mine, connector="acme-two")
                held = leases.claim(db, Run, id, "w")
            assert held is not None
            with writing(engine) as db:
                leases.finish(db, held, "ok")
            done.append(id)

    worker = threading.Thread(target=works)
    worker.start()
    purge(engine, settings)
    over.set()
    worker.join()
    assert len(done) > 20
    with reading(engine) as db:
        assert list(db.scalars(select(Run.id).where(Run.state == "ok").order_by(Run.id))) == done
        assert db.scalar(select(Run.id).where(Run.state != "ok")) is None


def test_every_process_notices(engine: Engine, settings: Settings) -> None:
    with writing(engine) as db:
        plant(db, OURS, "acme")
        before = definitions.fact(db, "generation")
    purge(engine, settings)
    with reading(engine) as db:
        assert definitions.fact(db, "generation") != before


def test_where_nothing_is_nothing_goes(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    with writing(engine) as db:
        plant(db, THEIRS, "acme-two")
        db.execute(insert(Call).values(connector="x", method="GET", path=f"/companies/{OURS}1/x", duration_ms=1))
    before = everything(engine)
    assert purge(engine, settings) == {}
    after = everything(engine)
    assert {**after, "tieback_facts": []} == {**before, "tieback_facts": []}
