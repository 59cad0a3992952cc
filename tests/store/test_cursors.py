import datetime as dt

from sqlalchemy import Engine

from store import cursors
from store.session import writing

EARLY, LATE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 2, 1, tzinfo=dt.UTC)


def test_a_cursor_moves_forward_only(engine: Engine) -> None:
    with writing(engine) as db:
        assert cursors.get(db, "import", "acme", "RFIs", "1") is None
        cursors.move(db, "import", "acme", "RFIs", "1", LATE)
        cursors.move(db, "import", "acme", "RFIs", "1", EARLY)
        assert cursors.get(db, "import", "acme", "RFIs", "1") == LATE


def test_each_project_and_reader_has_a_cursor_of_its_own(engine: Engine) -> None:
    with writing(engine) as db:
        cursors.move(db, "import", "acme", "RFIs", "1", LATE)
        assert cursors.get(db, "import", "acme", "RFIs", "2") is None
        assert cursors.get(db, "sweep", "acme", "RFIs", "1") is None
