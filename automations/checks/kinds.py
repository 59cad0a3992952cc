"""`retry: only:` names kinds of errors; a misspelt one would mean that nothing is ever tried again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from automations.checks import Rule
from config.problems import Problem, did_you_mean, nearest, problem
from config.yamlfile import Node

KINDS = ("timeout", "connection", "quota", "http_429", "http_5xx")
_STATUS = re.compile(r"http_(429|5xx|5\d\d)\Z")


def check(rule: Rule) -> Iterator[Problem]:
    yield from _only(rule.node)
    for name in ("do", "on_error", "finally"):
        listed = rule.node.value.get(name)
        for step in listed.value if listed is not None and isinstance(listed.value, list) else []:
            yield from _only(step)


def _only(node: Node) -> Iterator[Problem]:
    retry = node.value.get("retry") if isinstance(node.value, dict) else None
    only = retry.value.get("only") if retry is not None and isinstance(retry.value, dict) else None
    for one in only.value if only is not None and isinstance(only.value, list) else []:
        if one.value in KINDS or (isinstance(one.value, str) and _STATUS.match(one.value)):
            continue
        mend = did_you_mean(str(one.value), KINDS) or f"; there are {', '.join(KINDS)} and single statuses such as http_503"
        what = f'"{one.value}" is no kind of error that may pass{mend}'
        yield problem(one.mark, "TB112", what, suggestion=nearest(str(one.value), KINDS))
