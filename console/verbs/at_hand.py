"""What every verb needs: settings, the store, the keys, and who is asking."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from config import logs
from config import settings as all_settings
from config.errors import ConfigError
from config.secrets import Box
from config.settings import Settings, without_password
from store.board import Theirs
from store.session import explain, open_engine

# What SQLite and PostgreSQL say of a table or column that another version of Tieback has.
_MISSING = re.compile(r"no such (table|column)|(relation|column) .* does not exist")


class NotThere(ConfigError):
    """What was asked for does not exist, or is not shown to who asks."""


@dataclass(frozen=True, eq=False)
class AtHand:
    """`actor` stands in the audit, such as `cli:ana`. `only` names the connectors that they may see; None: all."""

    settings: Settings
    engine: Engine
    actor: str
    only: frozenset[str] | None = None

    def sees(self, connector: str, company: str = "") -> bool:
        """Whether what belongs to this connector, and to this company where that is known, may be shown and touched."""
        return self.only is None or (
            self.only.sees(connector, company) if isinstance(self.only, Theirs) else connector in self.only
        )

    @cached_property
    def box(self) -> Box:
        """The keys, made at first need in the embedded profile."""
        return Box(all_settings.with_keys(self.settings).secret_keys)


def user() -> str:
    """Who runs this process, by the system's list and not by the environment."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


@contextmanager
def at_hand(*, makes: bool = False, actor: str | None = None) -> Iterator[AtHand]:
    """Everything opened; closed at the end of the block.

    `makes` True makes and migrates the database; otherwise one that is not there is a ConfigError,
    because a question must not leave a database in the wrong folder.
    """
    settings = all_settings.load()
    quiet = settings.sources["TIEBACK_LOG_LEVEL"] == "default"
    logs.start("CRITICAL" if quiet else settings.log_level)
    if not makes:
        there(settings)
    engine = open_engine(settings, pool_size=4)
    try:
        if makes:
            _migrate(engine, settings)
        yield AtHand(settings, engine, actor or f"cli:{user()}")
    except (OperationalError, ProgrammingError) as error:
        if _MISSING.search(str(error.orig)):
            current(engine, settings)
        raise
    finally:
        engine.dispose()


def _migrate(engine: Engine, settings: Settings) -> None:
    from store import migrate  # Alembic takes as long to import as everything else

    migrate.ready(engine, settings)


def there(settings: Settings) -> None:
    """Raises: ConfigError when the database is a file that nobody has made yet."""
    if settings.database_url.startswith("sqlite"):
        path = Path(make_url(settings.database_url).database or "")
        if not path.exists():
            raise ConfigError(f"there is no database at {path} yet. Start Tieback here, or run: tieback db upgrade")


def current(engine: Engine, settings: Settings) -> str:
    """The revision. Raises: ConfigError when the database does not answer or has another schema than this code."""
    from store import migrate

    try:
        seen, fits = migrate.current(engine), migrate.serves(engine)
    except DBAPIError as error:
        raise ConfigError(explain(error, settings)) from None
    if seen is None or not fits:
        where = without_password(settings.database_url)
        raise ConfigError(
            f"the database {where} is at revision {seen or 'none'}, this Tieback needs {migrate.head()}. Run: tieback db upgrade"
        )
    return seen
