"""What a rule may name, as far as the one who checks it knows: connectors, resources, destinations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from automations.fields import TEXT, Field, a_list, a_map
from config.problems import Problem, did_you_mean, nearest, problem
from config.yamlfile import Node


def _resource(name: str) -> Any:
    from connectors import catalogue

    return catalogue.resource(name)


def _resources() -> Iterable[str]:
    from connectors import catalogue

    return catalogue.names()


def _subscribable(name: str) -> Any:
    from connectors import catalogue

    return catalogue.subscribable(name)


@dataclass(frozen=True)
class Known:
    """None means "not known here": that name is then not checked. Destinations are spelt as in rules, `http:erp`.

    `resource` and `subscribable` give the catalogue's rows (any case), the latter those with webhooks.
    `lookups` maps each table of the site's lookups/ to the field of its rows; `calendars` are those of calendars/.
    """

    connectors: Collection[str] | None = None
    destinations: Collection[str] | None = None
    resource: Callable[[str], Any] = _resource
    resources: Callable[[], Iterable[str]] = _resources
    subscribable: Callable[[str], Any] = _subscribable
    lookups: Mapping[str, Field] | None = None
    calendars: Collection[str] | None = None
    automations: Collection[str] | None = None

    def calendar_field(self) -> Field:
        if self.calendars is None:
            return Field("map", called="calendars")
        return a_map("calendars", **dict.fromkeys(self.calendars, TEXT))

    def lookup_field(self) -> Field:
        """What `lookup` holds: open when the tables are not known."""
        if self.lookups is None:
            return Field("map", called="lookup")
        return a_map("lookup", **{name: a_list(row) for name, row in self.lookups.items()})


def no_connector(node: Node, known: Collection[str]) -> Problem:
    names = sorted(known)
    mend = did_you_mean(node.value, names) or (
        f"; there are {', '.join(names)}" if names else "; add one with `tieback connector add`"
    )
    return problem(node.mark, "TB120", f'there is no connector "{node.value}"{mend}', suggestion=nearest(node.value, names))
