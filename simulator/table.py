"""The resource table and the webhook names, read once from the two text files beside this module."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_VERBS = {"c": "create", "u": "update", "d": "delete"}
_HERE = Path(__file__).parent
_SCOPE_VARIABLES = ("company_id", "project_id")


@dataclass(frozen=True)
class Route:
    """One path of a resource: `kind` is list, show, bin, inactive, make or sync.

    `options` are those of this path alone, where they are others than the row's.
    """

    kind: str
    path: str
    required: tuple[str, ...]
    options: frozenset[str] | None = None

    @cached_property
    def version(self) -> str:
        """`v1.1` in `/rest/v1.1/…`."""
        return self.path.split("/")[2]

    @cached_property
    def own_id(self) -> str | None:
        """The path variable that holds the record's id; None on lists."""
        return _variables(self.path)[-1] if self.kind == "show" else None

    @cached_property
    def parent(self) -> str | None:
        """The path variable that holds the id of the parent record."""
        names = [name for name in _variables(self.path) if name not in _SCOPE_VARIABLES and name != self.own_id]
        return names[0] if names else None


@dataclass(frozen=True)
class Row:
    """One resource: where it is served and what its list understands."""

    name: str
    scope: str
    verbs: tuple[str, ...]
    routes: tuple[Route, ...]
    options: frozenset[str]
    sorts: tuple[str, ...] = ()
    page_default: int = 100
    page_max: int = 10000

    @property
    def of_project(self) -> bool:
        return self.scope == "P"

    @property
    def word(self) -> str:
        """The wrapper key of a write body: `rfi` for RFIs, `punch_item` for Punch Items."""
        plain = re.sub(r"[^a-z0-9]+", "_", self.name.lower()).removeprefix("company_").removeprefix("project_")
        return re.sub(r"ies$", "y", plain) if plain.endswith("ies") else plain.removesuffix("s")


@dataclass(frozen=True)
class Subscribable:
    """A resource name that a trigger may carry, with the verbs allowed in its scope.

    `v4_only`: hooks of older payloads are not offered it.
    """

    scope: str
    category: str
    tool: str
    name: str
    verbs: tuple[str, ...] = field(default=("create", "update", "delete"))
    v4_only: bool = False


def _variables(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def _lines(name: str) -> Iterator[list[str]]:
    for line in (_HERE / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield [cell.strip() for cell in line.split(" | ")]


def _route(kind: str, text: str) -> Route:
    address, hash_, options = text.partition("#")
    path, _, required = address.partition("?")
    own = frozenset(options.split(",")) if hash_ else None
    return Route(kind, path, tuple(required.split("&")) if required else (), own)


def _row(cells: list[str]) -> Row:
    name, scope, verbs, listing, show, options, others = cells
    routes = [_route(kind, text) for kind, text in (("list", listing), ("show", show)) if text != "-"]
    routes += [_route(*other.split(":", 1)) for other in others.split() if other != "-"]
    words = dict(word.partition("=")[::2] for word in options.split())
    default, _, most = words.get("per", "100/10000").partition("/")
    return Row(
        name,
        scope,
        tuple(_VERBS[letter] for letter in verbs if letter in _VERBS),
        tuple(routes),
        frozenset(word for word in words if word not in ("per", "sort", "-")),
        tuple(words["sort"].split(",")) if "sort" in words else (),
        int(default),
        int(most),
    )


def _subscribables() -> Iterator[Subscribable]:
    for scope, category, tool, names in _lines("webhook_names.txt"):
        for entry in names.split("; "):
            found = re.fullmatch(r"(.+?)(?: \((v4 )?([cud]+)\))?", entry)
            assert found is not None
            name, v4, letters = found.groups()
            yield Subscribable(scope, category, tool, name, tuple(_VERBS[one] for one in letters or "cud"), bool(v4))


ROWS: dict[str, Row] = {row.name: row for row in map(_row, _lines("resources.txt"))}
SUBSCRIBABLE: tuple[Subscribable, ...] = tuple(_subscribables())

# Names that only webhooks know: they can be changed through the controls, but no path reads them.
for _one in SUBSCRIBABLE:
    ROWS.setdefault(_one.name, Row(_one.name, _one.scope, _one.verbs, (), frozenset()))


def row_named(name: object) -> Row | None:
    """The row of a resource name in any case."""
    wanted = str(name).lower()
    return next((row for row in ROWS.values() if row.name.lower() == wanted), None)
