"""What two texts of an automation differ in, said in the words of a rule: triggers, conditions, steps, connectors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from automations.definition import reload
from config import yamlfile
from config.errors import ConfigError

STEPS = ("do", "on_error", "finally")
PLAIN = ("title", "owner", "runbook", "labels", "stage", "vars", "flow", "limits", "retry", "expect")
_NOT_KINDS = frozenset({"id", "field", "from", "to", "where", "hold", "repeat"})


def differences(before: str, after: str) -> list[str]:
    """One sentence for each thing that changed; empty when only comments, order of keys or spaces did.

    Raises: Problems when one of them is no YAML.
    """
    was, now = _read(before), _read(after)
    return [
        *_entries("trigger", _by_name(was.get("when"), _trigger), _by_name(now.get("when"), _trigger)),
        *_lines(was.get("if"), now.get("if")),
        *(line for key in STEPS for line in _steps(key, was, now)),
        *_connectors(before, after),
        *(line for key in PLAIN for line in _value(key, was.get(key), now.get(key))),
        *_tests(was.get("tests"), now.get("tests")),
    ]


def _read(text: str) -> Mapping[str, Any]:
    found = yamlfile.parse(text, "automation").unmarked() if text.strip() else {}
    return found if isinstance(found, Mapping) else {}


def _trigger(entry: Mapping[str, Any], number: int) -> str:
    kind = next((key for key in entry if key not in _NOT_KINDS), "trigger")
    return str(entry.get("id") or (kind if number == 1 else f"{kind}_{number}"))


def _step(entry: Mapping[str, Any], number: int) -> str:
    return str(entry.get("id") or f"{entry.get('use')} {number}")


def _by_name(listed: Any, name: Any) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, Mapping):
            number = 1
            while (called := name(entry, number)) in found:
                number += 1
            found[called] = entry
    return found


def _entries(what: str, was: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield from (f"{what} {name} is gone" for name in was if name not in now)
    yield from (f"{what} {name} is new: {_shown(now[name])}" for name in now if name not in was)
    for name in now:
        for key in sorted({*was.get(name, {}), *now[name]}) if name in was else ():
            yield from _value(f"{what} {name}: {key}", was[name].get(key), now[name].get(key))


def _steps(key: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    before, after = _by_name(was.get(key), _step), _by_name(now.get(key), _step)
    what = "step" if key == "do" else f"{key}: step"
    yield from _entries(what, before, after)
    kept_before, kept_after = [name for name in before if name in after], [name for name in after if name in before]
    if kept_before != kept_after:
        yield f"{key}: the order of steps is {', '.join(after)}, and was {', '.join(before)}"


def _lines(was: Any, now: Any) -> Iterator[str]:
    before, after = _listed(was), _listed(now)
    yield from (f"condition is gone: {line}" for line in before if line not in after)
    yield from (f"condition is new: {line}" for line in after if line not in before)


def _listed(lines: Any) -> list[str]:
    return [" ".join(str(line).split()) for line in (lines if isinstance(lines, list) else [] if lines is None else [lines])]


def _connectors(before: str, after: str) -> Iterator[str]:
    was, now = _named(before), _named(after)
    if was is not None and now is not None and was != now:
        yield f"connectors are {', '.join(now) or 'none'}, and were {', '.join(was) or 'none'}"


def _named(text: str) -> tuple[str, ...] | None:
    try:
        return reload(text, "automation").connectors
    except ConfigError:
        return None


def _value(key: str, was: Any, now: Any) -> Iterator[str]:
    if was == now:
        return
    if was is None:
        yield f"{key} is new: {_shown(now)}"
    elif now is None:
        yield f"{key} is gone, and was {_shown(was)}"
    else:
        yield f"{key} is {_shown(now)}, and was {_shown(was)}"


def _tests(was: Any, now: Any) -> Iterator[str]:
    if was != now:
        yield f"tests: {len(now or [])}, and there were {len(was or [])}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:200] + "…"
