"""`alerts.yaml` of the site: who is told of which alerts, how soon, and how often again.

Without the file alerts are noted and shown, and nobody is told.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from automations import durations
from config import yamlfile
from config.problems import Problem, Problems, did_you_mean, nearest
from config.yamlfile import Node
from connectors.reader import Reader
from workers.alert_kinds import KINDS, SEVERITIES

FILE = "alerts.yaml"
OFF, NEVER = "off", "never"
_TO = re.compile(r"(slack|teams|email|http):[a-z0-9][a-z0-9_-]{0,62}\Z")
_LINK = re.compile(r"https?://[^\s\"<>]{1,500}\Z")


@dataclass(frozen=True)
class Route:
    """Alerts of these kinds, of this severity or a worse one, go to these destinations."""

    to: tuple[str, ...]
    kinds: frozenset[str] = frozenset(KINDS)
    severity: str = "ticket"

    def takes(self, kind: str, severity: str) -> bool:
        return kind in self.kinds and SEVERITIES.index(severity) >= SEVERITIES.index(self.severity)


@dataclass(frozen=True)
class Wish:
    """What the site says of one kind; None where it says nothing."""

    severity: str | None = None
    after_s: float | None = None
    runbook: str | None = None


@dataclass(frozen=True)
class Plan:
    """Seconds throughout. `repeat_s` None: what was said is not said again."""

    group_s: float = 30.0
    repeat_s: float | None = 4 * 3600.0
    settle_s: float = 300.0
    wishes: Mapping[str, Wish] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()

    def severity(self, kind: str, seen: str) -> str:
        """As the site wants it, else as it was seen; `off` for what it does not want to know."""
        return self.wish(kind).severity or seen

    def after_s(self, kind: str) -> float:
        """So long it must last before it is an alert."""
        wished = self.wish(kind).after_s
        return KINDS[kind].after_s if wished is None else wished

    def wish(self, kind: str) -> Wish:
        return self.wishes.get(kind, Wish())

    def destinations(self, kind: str, severity: str, subject: str) -> list[str]:
        """Where an alert goes to. That a destination takes nothing is told to the others alone."""
        found = [to for route in self.routes if route.takes(kind, severity) for to in route.to]
        return [to for to in dict.fromkeys(found) if (kind, subject) != ("destination", to)]


def read(source: str, shown: str = FILE, known: Collection[str] | None = None) -> Plan:
    """The file's text. `known` are the destinations there are; None: not looked at.

    Raises: Problems, all of them at once, with codes TB500 to TB504.
    """
    return of_node(yamlfile.parse(source, shown), known)


def of_node(node: Node, known: Collection[str] | None = None) -> Plan:
    """As `read`, of a file that was parsed already."""
    found: list[Problem] = []
    plan = _plan(node, found, known)
    if found:
        raise Problems(found)
    return plan


def _plan(node: Node, found: list[Problem], known: Collection[str] | None) -> Plan:
    top = Reader(node, ("format", "group", "repeat", "settle", "kinds", "routes"), "TB5", found)
    if top.text("format", required="format is missing. Write format: 1.") not in (None, "1"):
        top.wrong("00", top.mark("format"), "format 1 is the only one this version reads.", "1")
    repeat = None if top.text("repeat") == NEVER else _length(top, "repeat", 4 * 3600.0, 60.0)
    wishes = {kind: wish for kind, one in top.mapping("kinds").items() if (wish := _wish(top, kind, one, found))}
    routes = [_route(one, found, known) for one in _items(top, "routes")]
    return Plan(_length(top, "group", 30.0), repeat, _length(top, "settle", 300.0), wishes, tuple(routes))


def _length(top: Reader, key: str, default: float, least: float = 0.0) -> float:
    text = top.text(key)
    try:
        value = default if text is None else durations.seconds(text)
    except ValueError as error:
        top.wrong("03", top.mark(key), f"{top.at}{key}: {error}.")
        return default
    if value < least:
        top.wrong("03", top.mark(key), f"{top.at}{key} is at least {durations.shown(least)}.")
    return value


def _items(top: Reader, key: str) -> list[Node]:
    node = top.values.get(key)
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, list):
        top.wrong("03", node.mark, f"{top.at}{key} is a list; begin each item with a dash.")
        return []
    return node.value


def _wish(top: Reader, kind: str, node: Node, found: list[Problem]) -> Wish | None:
    if kind not in KINDS:
        mark = top.values["kinds"].keys[kind]
        top.wrong("03", mark, f'there is no kind of alert "{kind[:40]}"{_mend(kind, KINDS)}', nearest(kind, KINDS))
        return None
    one = Reader(node, ("severity", "after", "runbook"), "TB5", found, f"kinds.{kind}.")
    severity = one.choice("severity", (*SEVERITIES, OFF), default="-")
    runbook = one.text("runbook")
    if runbook is not None and not _LINK.match(runbook):
        one.wrong("03", one.mark("runbook"), f"{one.at}runbook is a web address; begin it with https://.")
    after_s = _length(one, "after", 0.0) if one.values.get("after") else None
    return Wish(None if severity == "-" else severity, after_s, runbook)


def _route(node: Node, found: list[Problem], known: Collection[str] | None) -> Route:
    one = Reader(node, ("to", "kinds", "severity"), "TB5", found, "routes.")
    to = _texts(one, "to")
    if not to:
        one.wrong("02", one.mark("to"), "routes.to is missing. Name a destination such as slack:site-ops, or a list of them.")
    for name, at in to.items():
        if not _TO.match(name):
            one.wrong("03", at.mark, f'"{name[:80]}" takes no alerts; write slack:, teams:, email: or http: and a name.')
        elif known is not None and name not in known:
            mend = did_you_mean(name, known) or "; put its file into destinations/"
            one.wrong("04", at.mark, f'there is no destination "{name}"{mend}', nearest(name, known))
    kinds = _texts(one, "kinds")
    for kind, at in kinds.items():
        if kind not in KINDS:
            one.wrong("03", at.mark, f'there is no kind of alert "{kind[:40]}"{_mend(kind, KINDS)}', nearest(kind, KINDS))
    severity = one.choice("severity", SEVERITIES, default="ticket")
    return Route(tuple(to), frozenset(kinds) or frozenset(KINDS), severity or "ticket")


def _texts(one: Reader, key: str) -> dict[str, Node]:
    """A text or a list of texts, each with where it stands."""
    node = one.values.get(key)
    if node is None or node.value is None:
        return {}
    items = node.value if isinstance(node.value, list) else [node]
    wrong = next((item for item in items if not isinstance(item.value, str) or not item.value), None)
    if wrong is not None:
        one.wrong("03", wrong.mark, f"{one.at}{key} is a text or a list of texts.")
        return {}
    return {item.value: item for item in items}


def _mend(word: str, known: Collection[str]) -> str:
    return did_you_mean(word, known) or f". Write one of {', '.join(known)}."
