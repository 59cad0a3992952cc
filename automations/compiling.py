"""From the texts of a rule to checked expressions and templates, with every finding at its place in the file."""

from __future__ import annotations

from typing import Any

from automations.expressions import Expression, check
from automations.fields import Field
from automations.places import place
from automations.scanning import Finding
from automations.templates import compiled, roots
from config.problems import Mark, Problem, problem
from config.yamlfile import Node

SPOKEN_KINDS = {
    "STRING": "text",
    "INT": "a whole number",
    "DOUBLE": "a decimal number",
    "TIMESTAMP": "a time",
    "DURATION": "a length of time",
}


class Compiler:
    """`found` collects the problems of one file, `roots` the first names of all that its expressions refer to.

    `variables` are the constants of the file.
    """

    def __init__(self, text: str, found: list[Problem], variables: Field):
        self.text, self.found, self.variables = text, found, variables
        self.roots: set[str] = set()

    def say(self, node: Node, finding: Finding) -> None:
        mark = place(self.text, node, finding.offset)
        severity: Any = "warning" if finding.warning else "error"
        self.found.append(problem(mark, finding.code, finding.message, suggestion=finding.suggestion, severity=severity))

    def wrong(self, mark: Mark, code: str, message: str, suggestion: str | None = None) -> None:
        self.found.append(problem(mark, code, message, suggestion=suggestion))

    def expression(self, node: Node, scope: Field) -> Expression | None:
        """None when it is wrong, or no text at all (which its shape complains of)."""
        if not isinstance(node.value, str):
            return None
        expression, findings = check(node.value, scope)
        for finding in findings:
            self.say(node, finding)
        if expression is not None:
            self.roots |= expression.roots()
        return expression

    def condition(self, node: Node, scope: Field) -> Expression | None:
        expression = self.expression(node, scope)
        if expression is None or expression.kind in ("BOOL", "DYN"):
            return expression
        seen = SPOKEN_KINDS.get(expression.kind, "a list or map")
        self.say(node, Finding(0, "TB209", f"a condition must be true or false; this gives {seen}; compare it with something"))
        return None

    def value(self, node: Node, scope: Field) -> Any:
        """Whatever stands there, with its templates compiled."""
        values = compiled(node, scope, self.say)
        self.roots |= roots(values)
        return values


def lines_of(node: Node | None) -> list[Node]:
    """One line or a list of them, as nodes that are text."""
    items = [] if node is None else node.value if isinstance(node.value, list) else [node]
    return [one for one in items if isinstance(one.value, str)]
