"""What becomes of each table when the data of one company goes. A test refuses a table about which nobody has decided."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Text,
    and_,
    cast,
    delete,
    func,
    inspect,
    literal_column,
    or_,
    select,
    text,
)

from store import shapes, snapshots, tables
from store.company_scope import Company

GOES, PARTLY, NOTHING = "goes", "partly", "nothing"
AT_ONCE, BLOCKS = 1000, 64

# `goes`: its rows; `partly`: what such a row says of it; `nothing`: there is none of it, for this reason.
DECIDED: Mapping[str, tuple[str, str]] = {
    "tieback_deliveries": (GOES, "by their hook, their connector, or an event of it"),
    "tieback_events": (GOES, "by their company; without one by their delivery or connector. Also what the age left of one"),
    "tieback_runs": (GOES, "with their event"),
    "tieback_steps": (GOES, "with their run, and of runs of others that called its connectors"),
    "tieback_effects": (GOES, "with their run, and those made at its connectors; lasting ones too"),
    "tieback_approvals": (GOES, "as steps"),
    "tieback_gathered": (GOES, "as steps"),
    "tieback_run_events": (GOES, "with their run or event"),
    "tieback_hook_plans": (PARTLY, "with their run; of other runs' plans what is about its connectors"),
    "tieback_calls": (GOES, "by their connector or path, and with their run or fetch"),
    "tieback_own_writes": (GOES, "by their company"),
    "tieback_spent": (GOES, "with their run, and those whose line names its connectors"),
    "tieback_fetches": (GOES, "by their company"),
    "tieback_records": (GOES, "by their company, every copy"),
    "tieback_imports": (GOES, "by their connector"),
    "tieback_import_parts": (GOES, "with their import"),
    "tieback_operations": (GOES, "of its imports, of its items alone, and those that name it in what they were to do or found"),
    "tieback_operation_items": (GOES, "with their run, event or operation"),
    "tieback_repairs": (GOES, "by their connector"),
    "tieback_watches": (GOES, "by their connector"),
    "tieback_hooks": (GOES, "by their company"),
    "tieback_projects": (GOES, "by their connector"),
    "tieback_unavailable": (GOES, "by their connector"),
    "tieback_cursors": (GOES, "by their connector"),
    "tieback_quota": (GOES, "by their connector"),
    "tieback_tokens": (GOES, "by their connector"),
    "tieback_connectors": (GOES, "last, with sealed secrets and the last validation"),
    "tieback_timers": (GOES, "whose subject is its connector"),
    "tieback_counters": (GOES, "with a label that is the company, its connector or one of its projects"),
    "tieback_causes": (GOES, "what people said of causes that only its runs failed for"),
    "tieback_alerts": (GOES, "about its connectors and the causes of its runs, and what names it"),
    "tieback_notices": (GOES, "with their alert"),
    "tieback_schedules": (PARTLY, "what came of the last time, where that names it"),
    "tieback_sessions": (PARTLY, "a draft of a connector to it, and what a page was about to say of it"),
    "tieback_users": (PARTLY, "it is taken from the companies that a person may see"),
    "tieback_api_tokens": (PARTLY, "as users; a token for it alone is revoked"),
    "tieback_audit": (NOTHING, "who did what, with the name or id of what it was done to; never what that holds"),
    "tieback_automations": (NOTHING, "what the site's files say"),
    "tieback_versions": (NOTHING, "what the site's files said"),
    "tieback_site_files": (NOTHING, "what the site's files say; that of a connector went with its file"),
    "tieback_facts": (NOTHING, "facts about the whole"),
    "tieback_beats": (NOTHING, "processes"),
    "tieback_drains": (NOTHING, "processes, and a person's reason"),
    "tieback_pauses": (NOTHING, "lanes, and a person's reason"),
    "tieback_limits": (NOTHING, "lanes, and a person's reason"),
    "tieback_attempts": (NOTHING, "names and addresses of who signs in"),
    "tieback_sign_ins": (NOTHING, "who is signing in"),
}  # fmt: skip


def of_users(db: Connection) -> list[Table]:
    """The tables that are not ours, by name."""
    names = [one for one in inspect(db).get_table_names() if not one.startswith("tieback_") and one != "alembic_version"]
    return [table for name in sorted(names) if (table := shapes.shape(db, name)) is not None]


def emptied(db: Connection, of: Company) -> list[tuple[Table, ColumnElement[bool]]]:
    """The tables in which rules keep records, or history of them, with the condition for rows of this company."""
    found = [(table, rows_of(table, of)) for table in of_users(db) if _is_rules_own(db, table)]
    return [(table, where) for table, where in found if where is not None]


def _is_rules_own(db: Connection, table: Table) -> bool:
    """Whether it has the columns that we fill ourselves. A table whose columns somebody chose is theirs."""
    columns = set(table.c.keys())
    kept = columns >= {*tables.STANDARD} or columns >= {*snapshots.STAMP, "connector", "company_id"}
    return kept and (db.dialect.name != "sqlite" or db.scalar(_WITHOUT_ROWID, {"name": table.name}) is None)


_WITHOUT_ROWID = text("SELECT 1 FROM pragma_table_list WHERE name = :name AND wr = 1")


def rows_of(table: Table, of: Company) -> ColumnElement[bool] | None:
    """The rows that say they are of this company; None when the table has nothing to say it with."""
    company, connector = (None if name not in table.c else cast(table.c[name], Text) for name in ("company_id", "connector"))
    if company is None:
        return None if connector is None else connector.in_(of.names)
    if connector is None:
        return company == of.id
    return or_(company == of.id, and_(func.coalesce(company, "") == "", connector.in_(of.names)))


def spans(db: Connection, table: Table) -> list[ColumnElement[bool]]:
    """Conditions that cut a table into parts of a size that is dealt with in a moment, whatever its key is."""
    if db.dialect.name == "sqlite":
        rowid: ColumnElement[int] = literal_column("rowid")
        low, high = db.execute(select(func.min(rowid), func.max(rowid)).select_from(table)).one()
        return [] if low is None else [rowid.between(at, at + AT_ONCE - 1) for at in range(low, high + 1, AT_ONCE)]
    size, block = db.execute(_SIZE, {"name": table.name}).one()
    return [text(f"ctid >= '({at},0)' AND ctid < '({at + BLOCKS},0)'") for at in range(0, size // block + 1, BLOCKS)]  # type: ignore[misc]


_SIZE = text("SELECT pg_relation_size(to_regclass(quote_ident(:name))), CAST(current_setting('block_size') AS bigint)")


def count(db: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    return int(db.scalar(select(func.count()).select_from(table).where(*where)) or 0)


def take(db: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    return int(db.execute(delete(table).where(*where)).rowcount)


def left(db: Connection, of: Company) -> list[str]:
    """A sentence for each table in which rows of it stay, because the table is somebody's own."""
    gone = {table.name for table, _ in emptied(db, of)}
    wanted = [(table, rows_of(table, of)) for table in of_users(db) if table.name not in gone]
    found = [(table.name, count(db, table, where)) for table, where in wanted if where is not None]
    return [f"table {name}: rows that say they are of it: {many}. Its columns are your own choice, so delete them yourself."
            for name, many in found if many]  # fmt: skip
