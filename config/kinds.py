"""The kinds of configuration events: what changed, and how. Rules listen to them by these names."""

from __future__ import annotations

from fnmatch import fnmatchcase

# kind -> what changed, how, and whether the connector must be named
KINDS: dict[str, tuple[str, str, bool]] = {
    "connector.created": ("connector", "create", True),
    "connector.updated": ("connector", "update", True),
    "connector.removed": ("connector", "delete", True),
    "connector.paused": ("connector", "update", True),
    "connector.resumed": ("connector", "update", True),
    "connector.validated": ("connector", "update", True),
    "automations.changed": ("automations", "update", False),
    "projects.changed": ("projects", "update", False),
    "hooks.changed": ("hooks", "update", True),
}
# What another program may tell us; the rest we notice ourselves.
TELLABLE = ("connector.created", "connector.updated", "connector.removed", "automations.changed", "projects.changed")


def meant(pattern: str) -> list[str]:
    """The kinds that a pattern such as `connector.*` means; none when it means nothing."""
    return [kind for kind in KINDS if fnmatchcase(kind, pattern)]
