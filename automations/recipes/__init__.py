"""Automations to start from. Each is a file here, ready to run but for two kinds of words: `CONNECTOR`, and the names of
destinations such as `slack:site-ops`. What they need of a site lies in the folders beside them.

The comment at the head of a file is its page in docs/recipes.md: what it does, then paragraphs that begin with `Change:`,
`Fails:` and, when it works with others, `Goes with:`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from config.errors import ConfigError
from config.problems import did_you_mean

PLACEHOLDER = "CONNECTOR"
FIRST = ("rfi-to-database", "quality-to-database")
"""What a new site begins with when nothing else is chosen: they need nothing but a connector."""
KINDS = ("slack", "teams", "email", "http", "sql", "files", "ics")
_DESTINATION = re.compile(rf"\b(?:{'|'.join(KINDS)}):[a-z][a-z0-9_-]*")
_LOOKUP = re.compile(r"\blookup\.([a-z][a-z0-9_]*)")
_CALENDAR = re.compile(r"business_days\([^\"']*[\"']([a-z0-9_-]+)[\"']\)")
_LABELS = ("Change", "Fails", "Goes with")


@dataclass(frozen=True)
class Recipe:
    """What a recipe says of itself, and what it names: destinations as rules spell them, tables, calendars, other recipes."""

    name: str
    does: str
    change: str
    fails: str
    goes_with: tuple[str, ...]
    destinations: tuple[str, ...]
    lookups: tuple[str, ...]
    calendars: tuple[str, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """As people read it, one thing each."""
        tables = [f"lookup {name}" for name in self.lookups]
        return (*self.destinations, *tables, *(f"calendar {name}" for name in self.calendars))


def names() -> tuple[str, ...]:
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files(__name__).iterdir() if f.name.endswith(".yaml")))


def text(name: str) -> str:
    """The recipe as it stands. Raises: KeyError when there is none of that name."""
    if name not in names():
        raise KeyError(name)
    return files(__name__).joinpath(f"{name}.yaml").read_text("utf-8")


def instantiate(name: str, connector: str, destinations: Mapping[str, str] | None = None) -> str:
    """The recipe for one connector, as YAML to be put into the site's `automations/`; destinations by their names in it."""
    source = re.sub(rf"\b{PLACEHOLDER}\b", connector, text(name))
    return _DESTINATION.sub(lambda found: (destinations or {}).get(found[0], found[0]), source)


def described(name: str) -> Recipe:
    """Raises: KeyError when there is none of that name."""
    source = text(name)
    head = _paragraphs(source)
    rules = "\n".join(line for line in source.splitlines() if not line.startswith("#"))
    goes_with = tuple(re.findall(r"[a-z][a-z0-9_-]+", head.get("Goes with", "")))
    return Recipe(
        name, head["does"], head.get("Change", ""), head.get("Fails", ""), goes_with, _found(_DESTINATION, rules),
        _found(_LOOKUP, rules), _found(_CALENDAR, rules),
    )  # fmt: skip


def chosen(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """These recipes with those that they go with, each once. Raises: ConfigError for a name that there is not."""
    found: dict[str, None] = {}
    left = list(wanted)
    while left:
        name = left.pop(0)
        if name not in names():
            mend = did_you_mean(name, names()) or f"; there are {', '.join(names())}"
            raise ConfigError(f'there is no recipe "{name}"{mend}')
        if name not in found:
            found[name] = None
            left += described(name).goes_with
    return tuple(found)


def support(recipe: Recipe) -> dict[str, str]:
    """The files that it needs of a site, by their names there."""
    wanted = [f"destinations/{one.partition(':')[2]}.yaml" for one in recipe.destinations]
    wanted += [f"calendars/{one}.yaml" for one in recipe.calendars]
    wanted += [_file("lookups", one) for one in recipe.lookups]
    return {one: files(__name__).joinpath(one).read_text("utf-8") for one in wanted}


def _file(folder: str, stem: str) -> str:
    here = files(__name__).joinpath(folder)
    return next(f"{folder}/{one.name}" for one in here.iterdir() if one.name.partition(".")[0] == stem)


def _paragraphs(source: str) -> dict[str, str]:
    lines = []
    for line in source.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    found: dict[str, str] = {}
    for paragraph in re.split(r"\n\n+", "\n".join(lines)):
        label, _, said = paragraph.partition(": ")
        key, said = (label, said) if label in _LABELS else ("does", paragraph)
        found.setdefault(key, " ".join(said.split()))
    return found


def _found(pattern: re.Pattern[str], source: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pattern.findall(source)))
