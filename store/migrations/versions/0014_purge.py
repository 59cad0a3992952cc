"""What a purge has to know: which events it has been to, what repeats which event, and which effects last for good."""

import sqlalchemy as sa
from alembic import op

from store.migrations.indexes import build
from store.types import Instant, Key

revision = "0014"
down_revision = "0013"
expands = True


def upgrade() -> None:
    op.add_column("tieback_events", sa.Column("replays", Key, nullable=True))
    op.add_column("tieback_events", sa.Column("purged_at", Instant(), nullable=True))
    op.add_column("tieback_effects", sa.Column("lasting", sa.Boolean(), nullable=True))
    events = sa.table("tieback_events", sa.column("id"), sa.column("event_key"), sa.column("replays"))
    db = op.get_bind()
    for id, key in list(db.execute(sa.select(events.c.id, events.c.event_key).where(events.c.event_key.like("replay:%")))):
        db.execute(sa.update(events).where(events.c.id == id).values(replays=int(key.split(":")[1])))
    build("ix_tieback_events_unpurged", "tieback_events", ["id"], "purged_at IS NULL")
    build("ix_tieback_events_replays", "tieback_events", ["replays"], "replays IS NOT NULL")
    build("ix_tieback_records_event", "tieback_records", ["event_id"], "event_id IS NOT NULL")
    build("ix_tieback_runs_before", "tieback_runs", ["before_id"], "before_id IS NOT NULL")
    build("ix_tieback_runs_after", "tieback_runs", ["after_id"], "after_id IS NOT NULL")
    build("ix_tieback_fetches_event_id", "tieback_fetches", ["event_id"])
