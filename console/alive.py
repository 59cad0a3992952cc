"""Whether the processes of a role on this machine are alive: `python -m console.alive ROLE`, for health checks of containers.

The door and the console are asked at `/healthz`. Workers and the relay serve nothing; a sign of life of theirs must be in the
database, from this host and not older than ten seconds. One line says what was seen; exit code 1 when it is not well.
"""

from __future__ import annotations

import socket
import sys
from http.client import HTTPConnection, HTTPException

from config import settings
from config.errors import ConfigError, TiebackError
from config.settings import Settings

ROLES = ("web", "console", "worker", "relay")
PATIENCE_S = 5.0
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (where a process listens, asked from inside)


def main(arguments: list[str]) -> int:
    """The exit code."""
    role = arguments[0] if len(arguments) == 1 else ""
    if role not in ROLES:
        return _say(f"say which: python -m console.alive {'|'.join(ROLES)}", 2)
    try:
        given = settings.load()
        trouble = _served(given, role) if role in ("web", "console") else _beating(given, role)
    except ConfigError as error:
        return _say(str(error), 2)
    except TiebackError as error:
        return _say(str(error), 1)
    return _say(trouble or f"{role}: alive", 1 if trouble else 0)


def _say(line: str, code: int) -> int:
    sys.stderr.write(line + "\n")
    return code


def _served(given: Settings, role: str) -> str | None:
    """What is wrong, None when it answers."""
    host, port = given.bind if role == "web" else given.console_bind
    connection = HTTPConnection(ANYWHERE.get(host, host), port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"{role}: {host}:{port} does not answer ({error})"
    finally:
        connection.close()
    return None if status == 200 else f"{role}: {host}:{port} answers {status}"


def _beating(given: Settings, role: str) -> str | None:
    from sqlalchemy.exc import DBAPIError

    from store import beats
    from store.session import explain, open_engine, reading

    engine = open_engine(given, pool_size=1)
    try:
        with reading(engine) as db:
            here = [row["age_s"] for row in beats.alive(db) if row["holder"].startswith(f"{role}:{socket.gethostname()}:")]
    except DBAPIError as error:
        return f"{role}: {explain(error, given)}"
    finally:
        engine.dispose()
    if not here:
        return f"{role}: no sign of life from {socket.gethostname()}"
    return None if min(here) <= beats.ALIVE_S else f"{role}: the last sign of life is {min(here):.0f} s old"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
