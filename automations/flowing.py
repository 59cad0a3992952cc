"""`flow:`: how events gather, how runs keep out of each other's way, how many may go on."""

from __future__ import annotations

from automations.compiling import Compiler
from automations.expressions import Expression
from automations.fields import Field
from automations.naming import Names
from automations.parts import Coalesce, Flow, Limits, Overlap, Rate, Throttle
from automations.written import Flow as Written
from config.yamlfile import Node

LONGEST_FACTOR = 10
_EARLY = ("event", "vars")


def flow_of(node: Node, written: Written, names: Names, limits: Limits, compiler: Compiler) -> Flow:
    """`node` is the whole file."""
    given = {name: node.at(["flow", name]) for name in ("coalesce", "overlap", "throttle")}
    keys = {name: _key(here, names, compiler) for name, here in given.items()}
    return Flow(
        _coalesce(given["coalesce"], written, keys["coalesce"], limits, compiler),
        _overlap(given["overlap"], written, keys["overlap"], compiler),
        _throttle(written, keys["throttle"]),
    )


def _key(here: Node, names: Names, compiler: Compiler) -> Expression | None:
    if not isinstance(here.value, dict) or "key" not in here.value:
        return None
    node = here.value["key"]
    scope = names.of([node.value]) if isinstance(node.value, str) else Field("map")
    key = compiler.expression(node, scope)
    if key is not None and key.kind.startswith(("LIST", "MAP", "BOOL")):
        compiler.wrong(node.mark, "TB209", "a key must be text or a number, such as event.project_id")
        return None
    return key


def _coalesce(here: Node, written: Written, key: Expression | None, limits: Limits, compiler: Compiler) -> Coalesce | None:
    given = written.coalesce
    if given is None or key is None:
        return None
    late = [path for path in key.paths if not path.local and path.names[0] not in _EARLY]
    if late:
        mend = "events gather before a record is read; use event and vars, such as event.resource_id"
        compiler.wrong(here.at(["key"]).mark, "TB140", f"{late[0].text} is not known yet when events gather: {mend}")
    for name, lost in (("quiet", given.quiet <= 0), ("max_events", given.max_events == 1)):
        if lost:
            compiler.wrong(
                here.at([name]).mark, "TB141", f"with this {name}: nothing is ever gathered; write more, or take coalesce: out"
            )
    if given.max_events is not None and given.max_events > limits.events:
        message = f"max_events: is above limits: events: ({limits.events}), which ends the gathering before; raise that one"
        compiler.wrong(here.at(["max_events"]).mark, "TB141", message)
    longest = given.max_wait if given.max_wait is not None else given.quiet * LONGEST_FACTOR
    if longest < given.quiet:
        compiler.wrong(here.at(["max_wait"]).mark, "TB141", "max_wait: is shorter than quiet:; make it longer")
    return Coalesce(key, given.quiet, longest, min(given.max_events or limits.events, limits.events), given.keep)


def _overlap(here: Node, written: Written, key: Expression | None, compiler: Compiler) -> Overlap | None:
    given = written.overlap
    if given is None:
        return None
    if given.limit is not None and given.policy not in ("queue", "parallel"):
        compiler.wrong(here.key_mark(["limit"]), "TB141", f"limit: has no meaning with policy: {given.policy}; take it out")
    return Overlap(given.policy, key, given.limit)


def _throttle(written: Written, key: Expression | None) -> Throttle | None:
    given = written.throttle
    return None if given is None else Throttle(Rate(*given.rate), given.over, key)
