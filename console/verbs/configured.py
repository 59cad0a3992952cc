"""The settings in force, as they may be shown."""

from __future__ import annotations

import platform
import sqlite3
from pathlib import Path
from typing import Any

from config.settings import TABLE, without_password
from console.verbs.at_hand import AtHand, current


def listed(here: AtHand) -> list[dict[str, Any]]:
    """Each setting with its value, where it comes from and what it means; of keys only how many there are."""
    found = []
    for one in TABLE:
        value = getattr(here.settings, one.field)
        if one.name == "TIEBACK_SECRET_KEYS":
            shown = f"{len(value)} given" if value else "kept in var/secret.key"
        elif one.name == "TIEBACK_OIDC_ROLES":
            shown = here.settings.env.get(one.name, "")
        else:
            shown = _shown(value)
        found.append(
            {"name": one.name, "value": shown, "source": here.settings.sources.get(one.name, "default"), "help": one.help}
        )
    return [one for one in found if one["name"] != "TIEBACK_FAILPOINTS" or one["value"]]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ":".join(str(part) for part in value)
    if isinstance(value, bool):
        return "1" if value else "0"
    return without_password(str(value)) if not isinstance(value, Path) else str(value)


def about(here: AtHand) -> dict[str, str]:
    """The versions of what it runs on."""
    database = here.engine.dialect.name
    return {
        "Database": f"{database} {sqlite3.sqlite_version}" if database == "sqlite" else database,
        "Schema": current(here.engine, here.settings),
        "Python": platform.python_version(),
        "Profile": "embedded" if here.settings.embedded else "production",
    }
