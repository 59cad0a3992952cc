"""Destinations: where messages and data go, how they do, and a message to try one out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from config import yamlfile
from config.errors import ConfigError, TiebackError
from config.hiding import scrub
from config.problems import did_you_mean
from connectors import destinations
from connectors.messages import Message, Receipt
from console.verbs.at_hand import AtHand
from store import audit, definitions
from store import destinations as kept
from store.session import reading, writing

Dict = dict[str, Any]


def listed(here: AtHand) -> list[Dict]:
    """Those in force and those whose file does not load, by name, with how they last did."""
    with reading(here.engine) as db:
        waiting = kept.waiting(db)
        rows = [_shown(row) for row in definitions.site_files(db, "destinations")]
        return sorted(
            ({**row, **kept.last(db, row["name"]), "waiting": waiting.get(row["name"], 0)} for row in rows),
            key=lambda row: str(row["name"]),
        )


def _shown(row: Any) -> Dict:
    name = _named(row.source, row.path) or row.path
    return {"name": name, "state": "broken" if row.broken else "ok", "file": row.path, "broken": row.broken}


def _named(source: str, path: str) -> str | None:
    try:
        return destinations.name_of(yamlfile.parse(source, path)) if source else None
    except ConfigError:
        return None


def try_out(here: AtHand, name: str, recipients: tuple[str, ...] = (), *, words: Callable[[], Message] | None = None) -> Dict:
    """Say one line, or `words`, to a destination, as its file is now. It is audited and stands in no ledger: nothing repeats it.

    Raises: ConfigError when there is none, or its file or secrets cannot be used; Transient, Uncertain, Permanent with
    the mend when it was not taken.
    """
    source, path, whole = _found(here, name)
    destination = destinations.load(yamlfile.parse(source, path), here.settings.env, here.settings.site)
    if not hasattr(destination, "notify"):
        raise ConfigError(f"{whole} takes no messages; only slack:, teams:, email: and http: do.")
    if recipients and not whole.startswith("email:"):
        raise ConfigError(f"{whole} has no recipients; --recipient is for email: destinations.")
    try:
        receipt: Receipt = destination.notify(words() if words is not None else _message(here, recipients))
    except TiebackError as error:
        _note(here, whole, {"failed": scrub(str(error))})
        raise
    _note(here, whole, {"said": scrub(receipt.said)})
    return {"name": whole, "said": receipt.said, "refused": dict(receipt.refused)}


def _message(here: AtHand, recipients: tuple[str, ...]) -> Message:
    return Message(
        text=f"A test message of Tieback, sent by {here.actor}. Nothing happened; messages arrive here.",
        key=secrets.token_hex(32), title="Test of Tieback", recipients=recipients, about={"test": True},
    )  # fmt: skip


def _note(here: AtHand, name: str, detail: Dict) -> None:
    with writing(here.engine) as db:
        audit.note(db, here.actor, "destination tested", name, detail)


def _found(here: AtHand, name: str) -> tuple[str, str, str]:
    """Text, path and whole name of a destination. `ops` does where only one is called so."""
    known = {whole: (source, path) for source, path in _sources(here) if (whole := _named(source, path))}
    fitting = [whole for whole in known if name in (whole, whole.partition(":")[2])]
    if len(fitting) == 1:
        return (*known[fitting[0]], fitting[0])
    if fitting:
        raise ConfigError(f'"{name}" is each of {", ".join(sorted(fitting))}. Write the whole name.')
    names = sorted(known)
    there = f" There are {', '.join(names)}." if names else " Put a file into destinations/ of the site."
    raise ConfigError(f'there is no destination "{name}"{did_you_mean(name, names) or "."}{there}')


def _sources(here: AtHand) -> list[tuple[str, str]]:
    """The files as they are now; what is in force where this machine has no site folder."""
    folder = here.settings.site / "destinations"
    if folder.is_dir():
        return list(_on_disk(folder))
    with reading(here.engine) as db:
        return [(row.source, row.path) for row in definitions.site_files(db, "destinations") if row.source]


def _on_disk(folder: Path) -> Iterator[tuple[str, str]]:
    """What can be read; a file beside it that cannot must not hide the one that is asked for."""
    for path in sorted(path for path in folder.glob("*.y*ml") if not path.name.startswith(".")):
        with suppress(ConfigError):
            yield yamlfile.text(path, f"destinations/{path.name}"), f"destinations/{path.name}"
