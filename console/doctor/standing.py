"""Settings, folders and keys: what was chosen, and whether it can be used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from config import settings as all_settings
from config.errors import TiebackError
from config.settings import Settings, without_password
from connectors.oidc import Provider
from console.doctor import Finding
from workers.noticing import FULL_BYTES, TIGHT_BYTES


def settings(given: Settings) -> Iterator[Finding]:
    """Each setting with its source. A secret is counted, never shown."""
    for one in all_settings.TABLE:
        text = given.env.get(one.name, one.default)
        if one.name == "TIEBACK_SECRET_KEYS":
            shown = f"{len(given.secret_keys)} given" if text else "not given"
        elif one.name == "TIEBACK_OIDC_CLIENT_SECRET":
            shown = "given" if given.oidc_client_secret else "not set"
        else:
            shown = without_password(text) or "not set"
        yield Finding("setting", "ok", f"{one.name}: {shown} ({given.sources[one.name]})")


def site_folder(given: Settings) -> Iterator[Finding]:
    if not given.site.is_dir():
        yield Finding(
            "site", "warn", f"there is no folder {given.site}", f"Make one: tieback init {given.site}, or set TIEBACK_SITE."
        )


def folder(given: Settings) -> Iterator[Finding]:
    """`var/` holds the keys and, with SQLite, everything else."""
    var = given.var
    if not var.exists():
        yield Finding("var", "ok", f"{var} will be made at the first start")
    elif not os.access(var, os.W_OK | os.X_OK):
        yield Finding("var", "wrong", f"{var} cannot be written", f"Give it to the user that runs Tieback: chown -R USER {var}")
    elif var.stat().st_mode & 0o077:
        yield Finding("var", "warn", f"{var} is open to other users", f"Run: chmod 700 {var}")
    else:
        yield Finding("var", "ok", f"{var} is ours alone")


def disk(given: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(_existing(given.var)).free
    seen = f"{free >> 20} MiB free where {given.var} is"
    if free < FULL_BYTES:
        yield Finding("disk", "wrong", seen, "Free some space: without it nothing can be kept, and Procore is told so (503).")
    elif free < TIGHT_BYTES:
        yield Finding("disk", "warn", seen, "Free some space before it runs out.")
    else:
        yield Finding("disk", "ok", seen)


def files(given: Settings) -> Iterator[Finding]:
    """Where file actions write: it can be written, is closed to others, and has room."""
    root = given.files_root
    if root.exists() and not root.is_dir():
        yield Finding("files", "wrong", f"{root} is no folder", "Move it away, or set TIEBACK_FILES_ROOT.")
    elif not os.access(_existing(root), os.W_OK | os.X_OK):
        yield Finding("files", "wrong", f"{root} cannot be written", f"Give it to the user that runs Tieback: chown USER {root}")
    elif not root.exists():
        yield Finding("files", "ok", f"{root} will be made with the first file")
    elif root.stat().st_mode & 0o027:
        yield Finding("files", "warn", f"{root} is open to other users", f"Run: chmod 750 {root}, or 700")
    else:
        yield from _room(root)


def _room(root: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(root).free
    seen = f"{root} is ours, with {free >> 20} MiB free"
    if free < FULL_BYTES:
        yield Finding("files", "wrong", seen, "Free some space: steps that write files wait for it.")
    elif free < TIGHT_BYTES:
        yield Finding("files", "warn", seen, "Free some space before it runs out.")
    else:
        yield Finding("files", "ok", seen)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def keys(given: Settings) -> Iterator[Finding]:
    if given.secret_keys:
        yield Finding("keys", "ok", f"{len(given.secret_keys)} in TIEBACK_SECRET_KEYS; the first seals, all open")
    elif (given.var / "secret.key").exists():
        count = len(all_settings.with_keys(given).secret_keys)
        yield Finding("keys", "ok", f"{count} in {given.var / 'secret.key'}; back it up apart from the database")
    elif given.database_url.startswith("sqlite"):
        yield Finding("keys", "ok", f"one will be made in {given.var / 'secret.key'} at the first start")
    else:
        all_settings.with_keys(given)  # raises the sentence that says how to make one


def sign_on(given: Settings) -> Iterator[Finding]:
    """Whether the provider of sign-in answers, where one is set."""
    if given.sign_on is None:
        return
    name = "sign-in"
    try:
        Provider(given.sign_on).document()
    except TiebackError as error:
        yield Finding(name, "wrong", str(error), "Until it answers only local people can sign in.")
    else:
        yield Finding(name, "ok", f"{given.sign_on.host} answers; {len(given.sign_on.grants)} groups have a role")
