"""The first tables: from a delivery to a run, with its ledger."""

import sqlalchemy as sa
from alembic import op

from store.types import Bytes, Instant, Json, Key

revision = "0001"
down_revision = None
expands = False


def upgrade() -> None:
    op.create_table(
        "tieback_api_tokens",
        sa.Column("id", Key, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("used_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "tieback_audit",
        sa.Column("id", Key, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("verb", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", Json, nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tieback_beats",
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("beat_at", Instant(), nullable=False),
        sa.Column("about", Json, nullable=True),
        sa.PrimaryKeyConstraint("holder"),
    )
    op.create_table(
        "tieback_calls",
        sa.Column("id", Key, nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("run_id", Key, nullable=True),
        sa.Column("fetch_id", Key, nullable=True),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=200), nullable=True),
        sa.Column("quota_left", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_tieback_calls_at"), "tieback_calls", ["at"], unique=False)
    op.create_index(op.f("ix_tieback_calls_fetch_id"), "tieback_calls", ["fetch_id"], unique=False)
    op.create_index(op.f("ix_tieback_calls_run_id"), "tieback_calls", ["run_id"], unique=False)
    op.create_table(
        "tieback_connectors",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("config", Json, nullable=False),
        sa.Column("sealed", Json, nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("verdict", Json, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "tieback_deliveries",
        sa.Column("id", Key, nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("hook_key", sa.String(length=64), nullable=False),
        sa.Column("delivery_key", sa.String(length=200), nullable=False),
        sa.Column("raw", Bytes(), nullable=False),
        sa.Column("content_type", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("sorted_at", Instant(), nullable=True),
        sa.Column("rung_at", Instant(), nullable=True),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("connector", "delivery_key", name="ux_tieback_deliveries_key"),
    )
    op.create_index(
        "ix_tieback_deliveries_due",
        "tieback_deliveries",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'received'"),
        postgresql_where=sa.text("state = 'received'"),
    )
    op.create_index("ix_tieback_deliveries_received_at", "tieback_deliveries", ["received_at"], unique=False)
    op.create_table(
        "tieback_facts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "tieback_hooks",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("company_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("procore_id", sa.String(length=64), nullable=True),
        sa.Column("sealed", Json, nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_tieback_hooks_connector"), "tieback_hooks", ["connector"], unique=False)
    op.create_index(
        "ux_tieback_hooks_scope",
        "tieback_hooks",
        ["connector", "project_id"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "tieback_quota",
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("window", sa.String(length=64), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("reset_at", Instant(), nullable=False),
        sa.Column("blocked_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("connector", "window"),
    )
    op.create_table(
        "tieback_site_files",
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("broken", sa.Text(), nullable=True),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
    op.create_table(
        "tieback_timers",
        sa.Column("id", Key, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("every_s", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("run_after", Instant(), nullable=True),
        sa.Column("rung_at", Instant(), nullable=True),
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "subject", name="ux_tieback_timers_subject"),
    )
    op.create_table(
        "tieback_tokens",
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("holder", sa.String(length=200), nullable=True),
        sa.Column("fetching_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("connector"),
    )
    op.create_table(
        "tieback_versions",
        sa.Column("id", Key, nullable=False),
        sa.Column("automation", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("file", sa.String(length=200), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("automation", "hash", name="ux_tieback_versions_hash"),
    )
    op.create_table(
        "tieback_automations",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version_id", Key, nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("broken", sa.Text(), nullable=True),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["tieback_versions.id"],
        ),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "tieback_events",
        sa.Column("id", Key, nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("event_key", sa.String(length=200), nullable=False),
        sa.Column("delivery_id", Key, nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("resource_name", sa.String(length=200), nullable=False),
        sa.Column("resource_id", sa.String(length=64), nullable=False),
        sa.Column("company_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("app_id", sa.String(length=200), nullable=False),
        sa.Column("timestamp", Instant(), nullable=False),
        sa.Column("payload_version", sa.String(length=64), nullable=False),
        sa.Column("parent", Json, nullable=True),
        sa.Column("body", Json, nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reasons", Json, nullable=True),
        sa.Column("hop", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["tieback_deliveries.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("connector", "event_key", name="ux_tieback_events_key"),
    )
    op.create_index(op.f("ix_tieback_events_delivery_id"), "tieback_events", ["delivery_id"], unique=False)
    op.create_index("ix_tieback_events_record", "tieback_events", ["connector", "resource_name", "resource_id"], unique=False)
    op.create_table(
        "tieback_fetches",
        sa.Column("id", Key, nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=200), nullable=False),
        sa.Column("company_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("parent", Json, nullable=True),
        sa.Column("event_id", Key, nullable=False),
        sa.Column("newest", Instant(), nullable=False),
        sa.Column("reread", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("run_after", Instant(), nullable=True),
        sa.Column("rung_at", Instant(), nullable=True),
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["tieback_events.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_tieback_fetches_due",
        "tieback_fetches",
        ["run_after"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_tieback_fetches_held",
        "tieback_fetches",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ux_tieback_fetches_waiting",
        "tieback_fetches",
        ["connector", "resource", "record_id"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "tieback_records",
        sa.Column("id", Key, nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=200), nullable=False),
        sa.Column("company_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("record_hash", sa.String(length=64), nullable=False),
        sa.Column("updated_at", sa.String(length=64), nullable=True),
        sa.Column("body", Json, nullable=False),
        sa.Column("event_id", Key, nullable=True),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["tieback_events.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tieback_records_newest", "tieback_records", ["connector", "resource", "record_id", "id"], unique=False)
    op.create_table(
        "tieback_runs",
        sa.Column("id", Key, nullable=False),
        sa.Column("event_id", Key, nullable=False),
        sa.Column("automation", sa.String(length=64), nullable=False),
        sa.Column("version_id", Key, nullable=False),
        sa.Column("trigger", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("record_key", sa.String(length=200), nullable=False),
        sa.Column("fetch_id", Key, nullable=True),
        sa.Column("before_id", Key, nullable=True),
        sa.Column("after_id", Key, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error", Json, nullable=True),
        sa.Column("lines", Json, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("run_after", Instant(), nullable=True),
        sa.Column("rung_at", Instant(), nullable=True),
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["after_id"],
            ["tieback_records.id"],
        ),
        sa.ForeignKeyConstraint(
            ["before_id"],
            ["tieback_records.id"],
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["tieback_events.id"],
        ),
        sa.ForeignKeyConstraint(
            ["fetch_id"],
            ["tieback_fetches.id"],
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["tieback_versions.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id", "automation", name="ux_tieback_runs_once"),
    )
    op.create_index(
        "ix_tieback_runs_due",
        "tieback_runs",
        ["run_after"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(op.f("ix_tieback_runs_fetch_id"), "tieback_runs", ["fetch_id"], unique=False)
    op.create_index(
        "ix_tieback_runs_held",
        "tieback_runs",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index("ix_tieback_runs_seen", "tieback_runs", ["automation", "record_key", "after_id"], unique=False)
    op.create_table(
        "tieback_effects",
        sa.Column("id", Key, nullable=False),
        sa.Column("effect_key", sa.String(length=64), nullable=False),
        sa.Column("run_id", Key, nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("policy", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("response", Json, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["tieback_runs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("effect_key"),
    )
    op.create_index(op.f("ix_tieback_effects_run_id"), "tieback_effects", ["run_id"], unique=False)
    op.create_table(
        "tieback_steps",
        sa.Column("id", Key, nullable=False),
        sa.Column("run_id", Key, nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("inputs", Json, nullable=True),
        sa.Column("output", Json, nullable=True),
        sa.Column("error", Json, nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["tieback_runs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tieback_steps_run", "tieback_steps", ["run_id", "path"], unique=False)
