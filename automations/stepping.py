"""Load lists of steps: `do:`, `on_error:`, `finally:`. A problem in one step never hides one in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from automations.actions import known_words, of_word
from automations.compiling import Compiler, lines_of
from automations.expressions import Expression
from automations.fields import ANY, INT, STATES, TEXT, Field, a_list, a_map, of_values, one_of
from automations.known import Known, no_connector
from automations.naming import ERROR, Names, with_names
from automations.parts import Retry, Step
from automations.reading import Codes, validated
from automations.standing import misfits
from automations.synonyms import synonym
from automations.templates import expressions_in
from automations.written import Retry as WrittenRetry
from automations.written import Step as Written
from automations.written import is_name
from config.problems import Mark, Problem, did_you_mean, nearest, problem
from config.yamlfile import Node

_KEYS = frozenset(field.alias or name for name, field in Written.model_fields.items())
LISTS = ("do", "on_error", "finally")


class Stepping:
    """The steps of one file. What earlier ones give is known to later ones, over all three lists."""

    def __init__(self, names: Names, known: Known, compiler: Compiler, needs_connector: bool):
        self._names, self._known, self._compiler = names, known, compiler
        self._needs_connector = needs_connector
        self._outputs: dict[str, Field] = {}
        self._ids: dict[str, Mark] = {}
        self._unsure = False  # an id is wrong: that is told once, and not at every use of the step

    def of(self, node: Node, key: str) -> tuple[Step, ...]:
        """The steps of one list of the file."""
        listed = node.value.get(key)
        if listed is None or not isinstance(listed.value, list):
            return ()
        steps = [self._step(item, key) for item in listed.value if isinstance(item.value, dict)]
        return tuple(one for one in steps if one is not None)

    def _step(self, item: Node, list_: str) -> Step | None:
        name = _name(item, self._ids)
        self._twice(name, item.at(["id"]).mark)
        lines = lines_of(item.value.get("if"))
        scope = self._scope(item, lines, list_)
        items, scope = self._foreach(item, scope)
        step = self._made(item, name, lines, scope, items)
        self._outputs[name] = self._given(item, name, items is not None)
        self._unsure = self._unsure or not is_name(name)
        return step

    def _scope(self, item: Node, lines: list[Node], list_: str) -> Field:
        more = {"error": ERROR} if list_ == "on_error" else {}
        scope = self._names.of([line.value for line in lines], expressions_in(item))
        return with_names(scope, steps=Field("map", fields=None if self._unsure else dict(self._outputs), called="steps"), **more)

    def _foreach(self, item: Node, scope: Field) -> tuple[Any, Field]:
        """What gives the items, and the scope with `item` in it."""
        if "foreach" not in item.value and any(key not in _KEYS and synonym(key, ("foreach",)) for key in item.value):
            return None, with_names(scope, item=ANY)  # the key is complained of, and not every use of item
        if "foreach" not in item.value:
            if "parallel" in item.value:
                self._compiler.wrong(item.key_mark(["parallel"]), "TB142", "parallel: works with foreach: only; take it out")
            return None, scope
        node = item.value["foreach"]
        if isinstance(node.value, list):
            return self._compiler.value(node, scope), with_names(scope, item=of_values(node.unmarked()) or ANY)
        if not isinstance(node.value, str):
            return None, with_names(scope, item=ANY)
        inner = _unwrapped(node)
        expression = self._compiler.expression(inner, scope)
        if expression is not None and not expression.kind.startswith(("LIST", "DYN", "list", "dyn")):
            message = f"foreach: needs a list, and this is none; name a list, such as {_example(scope)}"
            self._compiler.wrong(node.mark, "TB142", message)
        return expression or [], with_names(scope, item=_item_of(expression))

    def _made(self, item: Node, name: str, lines: list[Node], scope: Field, items: Any) -> Step | None:
        conditions = [(line, self._compiler.condition(line, scope)) for line in lines]
        checked = tuple(one for _, one in conditions if one is not None)
        use, given = item.value.get("use"), item.value.get("with", Node({}, item.mark, {}))
        if use is None or not isinstance(use.value, str):
            return None
        action = of_word(use.value)
        if action is None:
            self._no_action(use)
            return None
        told = len(self._compiler.found)
        values = self._values(given, action, scope)
        self._parameters(given, use.value, action, item.value, values, self._compiler.found[told:])
        written, _ = validated(Written, item, Codes())
        if written is None or not isinstance(values, dict):
            return None
        return Step(
            name, use.value, action, values, checked, retry_of(written.retry), written.on_error, items, written.parallel,
            written.timeout, _names_item(checked),
        )  # fmt: skip

    def _values(self, given: Node, action: Any, scope: Field) -> Any:
        """`with:` compiled: templates, and the parameters that are expressions themselves."""
        own = [name for name in getattr(action, "EXPRESSIONS", ()) if isinstance(given.value, dict) and name in given.value]
        if not own:
            return self._compiler.value(given, scope)
        others = replace(given, value={key: child for key, child in given.value.items() if key not in own})
        conditions = {name: self._compiler.condition(given.value[name], scope) for name in own}
        return {**self._compiler.value(others, scope), **conditions}

    def _twice(self, name: str, mark: Mark) -> None:
        if name in self._ids:
            first = self._ids[name].line
            self._compiler.wrong(mark, "TB109", f'the step "{name}" is there twice (first on line {first}); give one another id')
        self._ids.setdefault(name, mark)

    def _given(self, item: Node, name: str, many: bool) -> Field:
        """What later steps see of this one."""
        output = self._output(item)
        of = f"steps.{name}.output"
        error = a_map(None, True, kind=TEXT, message=TEXT)
        output = output if output.called else replace(output, called=of)
        one = {"output": output, "status": one_of(*STATES), "error": error}
        if not many:
            return a_map(None, **one)
        return replace(a_list(a_map(None, **one, item=ANY, index=INT)), called=f"steps.{name}")

    def _output(self, item: Node) -> Field:
        action = of_word(item.value["use"].value) if "use" in item.value else None
        if action is None:
            return ANY
        given = item.value["with"].unmarked() if "with" in item.value else {}
        described = getattr(action, "output", None)
        found: Field = described(given if isinstance(given, dict) else {}, self._known) if described else action.OUTPUT
        return found

    def _no_action(self, use: Node) -> None:
        words = known_words()
        mend = did_you_mean(use.value, words) or f"; there are {', '.join(words)}"
        self._compiler.wrong(use.mark, "TB130", f'there is no action "{use.value}"{mend}', nearest(use.value, words))

    def _parameters(
        self, given: Node, word: str, action: Any, beside: Mapping[str, Node], values: Any, told: Sequence[Problem]
    ) -> None:
        """`values` are the parameters with their templates compiled, `told` what is wrong inside these."""
        if not isinstance(given.value, dict):
            return
        codes = Codes("TB131", "TB132", "TB133", "TB112", "parameter", word)
        _, wrong = validated(action.Params, given, codes, skip=_templated)
        # One that stands beside with: instead of below it is told there.
        wrong = [one for one in wrong if one.code != "TB132" or str(one.suggestion).rstrip(":") not in set(beside) - _KEYS]
        places = {(one.line, one.column) for one in told}
        wrong = [one for one in wrong if (one.line, one.column) not in places]
        if not wrong and not told:
            wrong = misfits(action.Params, given, values, codes)
        self._compiler.found += wrong
        for name in getattr(action, "FIXED", ()):
            child = given.value.get(name)
            if child is not None and _templated(child):
                message = f'"{name}" of {word} must be written out; it cannot be ${{…}}'
                self._compiler.wrong(child.mark, "TB133", message)
        self._connected(given, word)
        to = given.value.get("to")
        if to is not None and not wrong:
            for one in to.value if isinstance(to.value, list) else [to]:
                self._destination(one)

    def _connected(self, given: Node, word: str) -> None:
        connector = given.value.get("connector")
        if connector is not None and not _templated(connector):
            known = self._known.connectors
            if known is not None and isinstance(connector.value, str) and connector.value not in known:
                self._compiler.found.append(no_connector(connector, known))
        elif connector is None and word.startswith("procore.") and self._needs_connector and "connector" in _fields(word):
            mend = "no trigger of this automation brings one; add connector:"
            self._compiler.wrong(given.mark, "TB132", f"{word} does not say which connector: {mend}", "connector:")

    def _destination(self, node: Node) -> None:
        known = self._known.destinations
        if known is not None and isinstance(node.value, str) and not _templated(node) and node.value not in known:
            mend = did_you_mean(node.value, known) or "; put a file for it into destinations/"
            what = f'there is no destination "{node.value}"{mend}'
            self._compiler.found.append(problem(node.mark, "TB136", what, suggestion=nearest(node.value, known)))


def home_of(parent: Node, key: str) -> str | None:
    """A parameter of an action that stands beside `with:`."""
    use = parent.value.get("use") if isinstance(parent.value, dict) else None
    action: Any = of_word(use.value) if use is not None else None
    names = {field.alias or name for name, field in action.Params.model_fields.items()} if action is not None else set()
    return "with" if key in names else None


def retry_of(written: WrittenRetry | None) -> Retry | None:
    if written is None:
        return None
    return Retry(written.attempts, written.backoff, written.first, written.max, tuple(written.only) if written.only else None)


def _fields(word: str) -> Mapping[str, Any]:
    action: Any = of_word(word)
    return {} if action is None else action.Params.model_fields


def _names_item(lines: tuple[Expression, ...]) -> bool:
    return any("item" in line.roots() for line in lines)


def _name(item: Node, taken: Mapping[str, Mark]) -> str:
    """The author's id; else the action's word, such as `http_call`, and `http_call_2` for the next one."""
    if "id" in item.value and isinstance(item.value["id"].value, str):
        return item.value["id"].value
    word = str(item.value["use"].value).replace(".", "_") if "use" in item.value else "step"
    return next(name for name in (word, *(f"{word}_{n}" for n in range(2, 100_000))) if name not in taken)


def _templated(node: Node) -> bool:
    return isinstance(node.value, str) and "${" in node.value


def _unwrapped(node: Node) -> Node:
    """`foreach: ${ list }` is read as well as `foreach: list`."""
    text = node.value.strip()
    if not (text.startswith("${") and text.endswith("}")):
        return node
    return replace(node, value="  " + text[2:-1] + " ") if node.value == text else replace(node, value=text[2:-1])


def _item_of(expression: Expression | None) -> Field:
    """What is known of the items of a list that is named, and perhaps filtered."""
    first = expression.paths[0] if expression is not None and expression.paths else None
    if expression is None or first is None or first.field.kind != "list":
        return ANY
    rest = expression.source.strip().removeprefix(first.text)
    return first.field.item or ANY if not rest or rest.startswith(".filter(") else ANY


def _example(scope: Field) -> str:
    steps = (scope.fields or {})["steps"].fields or {}
    return f"steps.{next(iter(steps))}.output" if steps else "vars.names"
