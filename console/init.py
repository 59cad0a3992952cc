"""A new site: a folder with samples that `tieback rules check` finds nothing wrong with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from automations import recipes
from config.errors import ConfigError
from config.settings import TABLE

CONNECTOR = "acme-prod"
_REFERENCE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
IGNORED = "secrets/\ntieback.env\n"


def make(folder: Path, wanted: tuple[str, ...] = recipes.FIRST) -> dict[str, str]:
    """Write the samples with these recipes and what they need; returns the texts by their names inside the folder.

    Raises: ConfigError when the folder holds something already, or cannot be made, or when there is no such recipe.
    """
    written = samples(recipes.chosen(wanted))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty. Name a new folder; nothing was written.")
        for name, text in written.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        (folder / "tieback.env").chmod(0o600)
        (folder / "secrets").mkdir(mode=0o700)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made ({error.strerror}). Name another folder.") from None
    return written


def samples(names: tuple[str, ...]) -> dict[str, str]:
    """Name inside the site to text."""
    rules = {f"automations/{name}.yaml": recipes.instantiate(name, CONNECTOR) for name in names}
    needed = {at: text for name in names for at, text in recipes.support(recipes.described(name)).items()}
    example = {} if "destinations/erp.yaml" in needed else {"destinations/erp.yaml.example": _sample("destination.yaml.example")}
    return {
        "README.md": _sample("README.md"),
        f"connectors/{CONNECTOR}.yaml": _sample("connector.yaml"),
        "alerts.yaml": _sample("alerts.yaml"),
        **rules,
        **needed,
        **example,
        "tieback.env": _settings() + _secrets(needed),
        ".gitignore": IGNORED,
    }


def _sample(name: str) -> str:
    return files("console").joinpath("samples", name).read_text("utf-8")


def _settings() -> str:
    """Every setting with its meaning, all commented out. The environment wins over this file."""
    shown = [one for one in TABLE if one.name not in ("TIEBACK_SITE", "TIEBACK_FAILPOINTS")]
    return "".join(f"# {one.help}\n# {one.name}={one.default}\n\n" for one in shown)


def _secrets(needed: Mapping[str, str]) -> str:
    names = references(needed)
    return "# What the destinations refer to; take the # away.\n" + "".join(f"# {name}=\n" for name in names) if names else ""


def listed() -> list[dict[str, Any]]:
    """Each recipe: its name, what it does, what it needs, and which others come with it."""
    found = map(recipes.described, recipes.names())
    return [{"name": one.name, "does": one.does, "needs": list(one.needs), "goes_with": list(one.goes_with)} for one in found]


def references(texts: Mapping[str, str]) -> list[str]:
    """The names behind `${env:…}` in the destinations of a site, in the order of its files."""
    found = [_REFERENCE.findall(text) for name, text in texts.items() if name.startswith("destinations/")]
    return list(dict.fromkeys(name for names in found for name in names))
