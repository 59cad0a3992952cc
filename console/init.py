"""A new site: a folder with samples that `tieback rules check` finds nothing wrong with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from automations import recipes
from config.errors import ConfigError
from config.settings import TABLE

CONNECTOR = "acme-prod"
IGNORED = "secrets/\ntieback.env\n"


def make(folder: Path) -> list[str]:
    """Write the samples; returns their names inside the folder.

    Raises: ConfigError when the folder holds something already, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty. Name a new folder; nothing was written.")
        written = samples()
        for name, text in written.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        (folder / "tieback.env").chmod(0o600)
        (folder / "secrets").mkdir(mode=0o700)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made ({error.strerror}). Name another folder.") from None
    return list(written)


def samples() -> dict[str, str]:
    """Name inside the site to text."""
    rules = {f"automations/{name}.yaml": recipes.instantiate(name, CONNECTOR) for name in recipes.names()}
    return {
        "README.md": _sample("README.md"),
        f"connectors/{CONNECTOR}.yaml": _sample("connector.yaml"),
        **rules,
        "destinations/erp.yaml.example": _sample("destination.yaml.example"),
        "tieback.env": _settings(),
        ".gitignore": IGNORED,
    }


def _sample(name: str) -> str:
    return files("console").joinpath("samples", name).read_text("utf-8")


def _settings() -> str:
    """Every setting with its meaning, all commented out. The environment wins over this file."""
    shown = [one for one in TABLE if one.name not in ("TIEBACK_SITE", "TIEBACK_FAILPOINTS")]
    return "".join(f"# {one.help}\n# {one.name}={one.default}\n\n" for one in shown)
