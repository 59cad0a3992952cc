"""A sealed word by which a process notices, before it does anything, that it was given the wrong keys."""

from __future__ import annotations

from sqlalchemy import Engine

from config.errors import ConfigError
from config.secrets import Box, Secret
from store import definitions
from store.session import retrying, writing

PLACE = "tieback_facts/value/canary"


@retrying
def check(engine: Engine, box: Box) -> None:
    """Seal the word at the first start; open it at every later one.

    Raises: ConfigError when none of our keys opens it: going on would refuse every delivery and every call.
    """
    with writing(engine) as db:
        sealed = definitions.fact(db, "canary", "")
        if not sealed:
            definitions.set_fact(db, "canary", box.seal(Secret("canary"), PLACE))
            return
    try:
        box.open(sealed, PLACE)
    except ConfigError:
        raise ConfigError(
            "none of TIEBACK_SECRET_KEYS opens what this database holds. Start with the keys it was made with "
            "(a new key goes before the old one); nothing was changed."
        ) from None
