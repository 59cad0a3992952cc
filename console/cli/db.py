"""`tieback db …`"""

from __future__ import annotations

from config.settings import without_password
from console.cli.family import Family
from console.cli.output import say
from console.verbs.at_hand import at_hand
from store import migrate

db = Family(name="db", help="The database.")


@db.command()
def upgrade() -> None:
    """Make the database, or bring it to the schema of this version. `up`, `web`, `worker` and `relay` do it by themselves."""
    with at_hand(makes=True) as here:
        say(f"{without_password(here.settings.database_url)} is at revision {migrate.current(here.engine)}")
