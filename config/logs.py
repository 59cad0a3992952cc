"""Log lines: one JSON object each on standard error, nothing in them that could forge another or tell a secret.

A line names the thing and its ids: `log.info("run.failed", extra=about(run=812, automation="rfi"))`.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import sys
import urllib.parse
from typing import Any

MAX_FIELD = 2000
_secrets: frozenset[str] = frozenset()


def about(**fields: Any) -> dict[str, Any]:
    """The `extra` of a log call."""
    return {"tieback": fields}


def hide(secret: str) -> None:
    """Never let this value through, raw, base64 or URL-encoded. Short values are not registered: they would blank common text."""
    global _secrets
    if len(secret) >= 12:
        # Replaced, never changed in place: another thread may be reading it.
        _secrets |= {secret, base64.b64encode(secret.encode()).decode(), urllib.parse.quote(secret, safe="")}


def scrub(text: str) -> str:
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, "***")
    return text


class Line(logging.Formatter):
    """JSON with escaped control, bidi and non-ASCII signs; exceptions as type, sentence and place, without locals."""

    def format(self, record: logging.LogRecord) -> str:
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        fields = {"at": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        fields.update({name: _plain(value) for name, value in getattr(record, "tieback", {}).items()})
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
            fields["trace"] = " < ".join(_places(record.exc_info[1]))
        return scrub(json.dumps({k: v[:MAX_FIELD] if isinstance(v, str) else v for k, v in fields.items()}, ensure_ascii=True))


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _places(error: BaseException) -> list[str]:
    places = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return places[::-1][:12]


def start(level: str) -> None:
    """Send everything to standard error in our form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # six lines for each refused connection; we say it in one
    for noisy in ("dramatiq", "alembic", "urllib3", "waitress.queue"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
