"""Log lines: one JSON object each on standard error, nothing in them that could forge another or tell a secret.

A line names the thing and its ids: `log.info("run.failed", extra=about(run=812, automation="rfi"))`.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

from config import spans
from config.hiding import hide as hide
from config.hiding import scrub as scrub

MAX_FIELD = 2000
MAX_LINE = 16 * 1024  # what reads our lines cuts longer ones in two (journald at 48 KiB), and half an object is none
SHORT_FIELD = 100


def about(**fields: Any) -> dict[str, Any]:
    """The `extra` of a log call."""
    return {"tieback": fields}


class Line(logging.Formatter):
    """JSON with escaped control, bidi and non-ASCII signs; exceptions as type, sentence and place, without locals."""

    def format(self, record: logging.LogRecord) -> str:
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        fields = {"at": moment, "level": record.levelname.lower(), "event": _plain(record.getMessage())}
        fields.update({name: _plain(value) for name, value in getattr(record, "tieback", {}).items()})
        if (traced := spans.current()) is not None:
            fields["trace_id"] = traced[3:35]
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = _plain(f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}")
            fields["trace"] = _plain(" < ".join(_places(record.exc_info[1])))
        line = _written(fields)
        if len(line) <= MAX_LINE:
            return line
        short = {name: value[:SHORT_FIELD] if isinstance(value, str) else value for name, value in fields.items()}
        return _written({**short, "cut": True})


def _written(fields: dict[str, Any]) -> str:
    # DEL is the one control sign that JSON leaves as it is.
    return json.dumps(fields, ensure_ascii=True).replace("\x7f", "\\u007f")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    # Scrubbed before it is cut (half a secret is not found) and before JSON puts escapes into it.
    return scrub(str(value))[:MAX_FIELD]


def _places(error: BaseException) -> list[str]:
    places = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return places[::-1][:12]


class _Stderr(logging.StreamHandler[Any]):
    """Standard error, where a line that cannot be made says so without showing what it was made of."""

    def handleError(self, record: logging.LogRecord) -> None:
        # The library would print the arguments of the call, unscrubbed.
        place = f"{record.filename}:{record.lineno}"
        with suppress(OSError, ValueError):  # nobody reads standard error any more
            self.stream.write(json.dumps({"level": "error", "event": "log.unwritable", "at_line": place}) + "\n")


def start(level: str) -> None:
    """Send everything to standard error in our form, also what nobody caught."""
    handler = _Stderr(sys.stderr)
    handler.setFormatter(Line())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # six lines for each refused connection; we say it in one
    for noisy in ("dramatiq", "alembic", "urllib3"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Python would print the text of the whole chain of errors as it is."""
    if error is None or issubclass(kind, (KeyboardInterrupt, SystemExit)):
        return
    logging.getLogger("tieback").critical("uncaught", exc_info=(kind, error, trace))
