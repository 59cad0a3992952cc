"""Automations to start from. Each is a file here, ready to run but for the connector's name: `CONNECTOR`."""

from __future__ import annotations

import re
from importlib.resources import files

PLACEHOLDER = "CONNECTOR"


def names() -> tuple[str, ...]:
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files(__name__).iterdir() if f.name.endswith(".yaml")))


def text(name: str) -> str:
    """The recipe as it stands. Raises: KeyError when there is none of that name."""
    if name not in names():
        raise KeyError(name)
    return files(__name__).joinpath(f"{name}.yaml").read_text("utf-8")


def instantiate(name: str, connector: str) -> str:
    """The recipe for one connector, as YAML to be put into the site's `automations/`."""
    return re.sub(rf"\b{PLACEHOLDER}\b", connector, text(name))
