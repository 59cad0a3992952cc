"""Rows of one company in every table that may hold some, marked so that they are found wherever they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, select

from store import causes, counters, definitions
from store.base import Base
from store.models import (
    Alert,
    ApiToken,
    Approval,
    Call,
    Cause,
    Connector,
    Cursor,
    Delivery,
    Effect,
    Gathered,
    Hook,
    HookPlan,
    Import,
    ImportPart,
    Notice,
    Operation,
    OperationItem,
    OwnWrite,
    Project,
    Quota,
    Record,
    Repair,
    RunEvent,
    Schedule,
    Session,
    Spent,
    Step,
    Timer,
    Token,
    Unavailable,
    User,
    Watch,
)
from store.session import reading
from store.types import now
from tests.store.samples import event, run

Rows = dict[str, list[dict[str, Any]]]


def add(db: Connection, model: Any, **values: Any) -> Any:
    key = next(iter(model.__table__.primary_key))
    return db.scalar(insert(model).values(**values).returning(key))


def plant(db: Connection, company: str, name: str) -> None:
    """A company's rows as a running Tieback might leave them, its connector removed by now."""
    mark = f"m4rk-{company}"
    of: dict[str, Any] = {"connector": name, "company_id": company, "project_id": f"{company}7"}
    add(
        db,
        Connector,
        name=name,
        source="store",
        config={"company_id": company, "name": name},
        sealed={"a": mark},
        state="removed",
    )
    add(db, Hook, key=f"hook-{company}", **of, sealed=[{"secret": mark}], status="removed", removed_at=now())
    delivery = add(db, Delivery, connector=name, hook_key=f"hook-{company}", delivery_key="d1", raw=mark.encode(), state="sorted")
    add(db, Delivery, connector=name, hook_key=f"hook-{company}", delivery_key="d2", raw=mark.encode(), state="quarantined")
    id = event(db, f"e-{mark}", **of, delivery_id=delivery, body={"said": mark})
    second = event(db, f"e2-{mark}", **of, purged_at=db.scalar(select(now())))
    told = event(db, f"e3-{mark}", connector=name, company_id="", project_id="", source="config", body={"name": name})
    read = fetch_of(db, id, of)
    record = {**of, "resource": "RFIs", "record_id": f"{company}9"}
    before = add(db, Record, **record, record_hash="a", body={"title": mark}, event_id=second)
    after = add(db, Record, **record, record_hash="b", body={"title": mark}, event_id=id)
    ended: dict[str, Any] = {"connector": name, "state": "failed", "finished_at": db.scalar(select(now())), "due": False}
    cause = causes.cause_of("x", mark.replace(company, "company-" + name))
    one = run(db, id, **ended, fetch_id=read, before_id=before, after_id=after, error={"message": mark}, cause=cause)
    run(db, second, connector=name, due=True)
    parked = run(db, told, connector=name, state="parked", due=False, reason=mark)
    add(db, RunEvent, run_id=one, event_id=second, automation="rule")
    add(db, Step, run_id=one, path="tell", state="ok", attempt=1, inputs=mark, output={"a": mark})
    effect = {"step": "tell", "fence": 1, "policy": "natural_key", "summary": mark, "request_hash": "h", "state": "applied"}
    add(db, Effect, effect_key=f"k-{company}", run_id=one, target="http:erp", lasting=True, response=mark, **effect)
    asked = {"path": "ask", "automation": "rule", "question": mark, "choices": []}
    add(db, Approval, run_id=parked, **asked)
    gathered = {"automation": "rule", "destination": "slack:a", "message": {"text": mark}, "until": now()}
    add(db, Gathered, effect_key=f"g-{company}", bundle="b", run_id=one, **gathered)
    add(db, HookPlan, run_id=one, step="s", changes={name: mark})
    call = {"method": "GET", "status": 200, "duration_ms": 1}
    add(db, Call, connector=name, run_id=one, path=f"/rest/v1.0/rfis/{company}9", **call)
    add(db, Call, connector="", run_id=None, path=f"/rest/v1.0/companies/{company}/projects", **call)
    write = {"automation": "rule", "resource": "RFIs", "record_id": f"{company}9", "path": [], "body": {"title": mark}}
    add(db, OwnWrite, effect_key=f"w-{company}", run_id=one, **of, **write)
    spent = {"automation": "rule", "kind": "writes", "wanted": 1, "granted": 1}
    add(db, Spent, effect_key=f"s-{company}", run_id=one, what=f"POST http:erp/{mark}", **spent)
    add(db, Spent, effect_key=f"t-{company}", run_id=None, what=f"change title of RFIs {company}9 at {name}", **spent)
    import_id = add(db, Import, connector=name, resources=["RFIs"], mode="full", requested_by=f"run:{one}/x", state="ok")
    add(db, ImportPart, import_id=import_id, resource="RFIs", project_id=f"{company}7", reason=mark)
    add(db, Operation, kind="import", what={"connector": name}, requested_by="cli:ana", import_id=import_id, state="waiting")
    many = add(db, Operation, kind="retry", what={"ids": [one]}, requested_by="cli:ana", state="done")
    add(db, OperationItem, operation_id=many, subject_id=one, run_id=one, state="done", was={"error": mark})
    add(
        db,
        Operation,
        kind="backtest",
        what={},
        requested_by="cli:ana",
        state="done",
        result={"record": f"{name}/rfis/{company}9"},
    )
    add(db, Repair, connector=name, kind="ids", items=[{"id": mark}], finished_at=now())
    add(db, Watch, automation="rule", trigger="t", connector=name, resource="RFIs", record_id=f"{company}9")
    add(db, Project, connector=name, project_id=f"{company}7", name=mark)
    add(db, Unavailable, connector=name, project_id=f"{company}7", resource="RFIs", reason=mark, until=now())
    add(db, Cursor, connector=name, resource="RFIs", project_id=f"{company}7", kind="import", until=now())
    add(db, Quota, connector=name, state={"place": mark}, version=1)
    add(db, Token, connector=name, sealed=mark)
    add(db, Timer, kind="hooks", subject=name, error=mark)
    add(db, Timer, kind="resume", subject=f"connector {name}")
    counters.add(db, "by_project", {"project": f"{company}7"}, 1)
    counters.add(db, "by_connector", {"connector": name}, 1)
    add(db, Cause, cause=cause, state="acknowledged", note=mark, by="ana")
    for kind, subject in (("quota", name), ("failures", cause), ("lag", f"rule-{company}")):
        alert = add(db, Alert, kind=kind, subject=subject, message=f"rule of {name}: {mark}")
        add(db, Notice, alert_id=alert, destination="slack:ops", what="begin", error=mark)


def fetch_of(db: Connection, event_id: int, of: dict[str, Any]) -> int:
    from store import events as kept

    wanted = {
        **of,
        "resource": "RFIs",
        "record_id": f"{of['company_id']}9",
        "event_id": event_id,
        "parent": {"a": of["company_id"]},
    }
    return kept.want_fetch(db, wanted, db.execute(select(now())).scalar_one())


def plant_shared(db: Connection, company: str, name: str, other: str) -> None:
    """Rows of the whole that say something of a company beside something else."""
    user = add(db, User, name="both", role="viewer", companies=[company, other], password="")
    add(db, User, name="only", role="viewer", companies=[company], password="")
    add(db, User, name="all", role="viewer", companies=None, password="")
    add(db, Session, digest="s1", user_id=user, said=[f"{name} is paused"], draft={"config": {"company_id": company}})
    add(db, Session, digest="s2", user_id=user, said=["fine"], draft={"config": {"company_id": other}})
    add(db, ApiToken, name="one", digest="1", scopes=["read", f"company:{company}"])
    add(db, ApiToken, name="two", digest="2", scopes=["read", f"company:{company}", f"company:{other}"])
    add(db, ApiToken, name="all", digest="3", scopes=["read"])
    wanted = {"automation": "rule", "trigger": "t", "zone": "UTC", "written": "* * * * *", "next_at": now()}
    add(db, Schedule, name="rule/t/UTC", reason=f"begun for {name}", **wanted)
    add(db, Schedule, name="rule/u/UTC", reason=f"begun for {name}-more", **wanted)
    definitions.activate(db, "rule", "rule.yaml", "text")


def everything(engine: Engine) -> Rows:
    """Every row of every table of ours."""
    with reading(engine) as db:
        return {name: _rows(db, table) for name, table in Base.metadata.tables.items()}


def _rows(db: Connection, table: Table) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in db.execute(select(table).order_by(*table.primary_key))]
