"""How a command ends when something went wrong: one sentence on stderr and an exit code, never a trace."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from config.errors import ConfigError, TiebackError
from config.hiding import scrub


def ended(error: BaseException) -> int:
    """Say what is to be said; returns the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return int(error.exit_code)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt):
        return 130
    code, sentence = _judged(error)
    _say(sentence)
    if os.environ.get("TIEBACK_LOG_LEVEL", "").upper() == "DEBUG" and not isinstance(error, click.ClickException):
        import traceback

        print(scrub("".join(traceback.format_exception(error))), file=sys.stderr)
    return code


def _judged(error: BaseException) -> tuple[int, str]:
    if isinstance(error, click.ClickException):
        return error.exit_code, _usage(error)
    if isinstance(error, (click.Abort, EOFError)):
        return 2, "there was nobody to answer. Give the answer as an option; --help lists them."
    if isinstance(error, TiebackError):
        return (2 if isinstance(error, ConfigError) else 1), str(error)
    if isinstance(error, OSError) and error.strerror:
        return 1, f"{error.filename or 'a file'}: {error.strerror}. Check the path, its owner and rights, and the disk."
    return 1, _of_database(error) or _unexpected(error)


def _usage(error: click.ClickException) -> str:
    sentence = error.format_message().rstrip(".")
    context: Any = getattr(error, "ctx", None)
    end = "" if sentence.endswith("?") else "."
    return f"{sentence[:1].lower()}{sentence[1:]}{end}" + (f" See: {context.command_path} --help" if context else "")


def _of_database(error: BaseException) -> str | None:
    """The store's own sentence about a database that does not answer; None when it is something else."""
    known: Any = sys.modules.get("sqlalchemy.exc")
    if known is None or not isinstance(error, known.DBAPIError):
        return None
    from config import settings
    from store.session import explain

    try:
        return explain(error, settings.load())
    except ConfigError as about_settings:
        return str(about_settings)


def _unexpected(error: BaseException) -> str:
    """Ours to mend: where it happened, and how to see more."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    place = f"{step.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{step.tb_lineno}" if step else "nowhere"
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__} at {place}: {said}. This is a fault of Tieback; set TIEBACK_LOG_LEVEL=DEBUG for the trace."


def _say(sentence: str) -> None:
    try:
        print(scrub(f"tieback: {sentence}"), file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody listens
