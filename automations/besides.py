"""What stands beside a name or inside a text of an expression, and can never mean what was meant: CEL takes all of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from automations.fields import ANY, Field, Lost, find
from automations.lost import mend_of
from automations.tokens import COMPARISONS, Token, closing
from config.problems import did_you_mean, nearest

QUOTES = "\"'"
SCALARS = frozenset({"text", "int", "float", "bool", "date", "timestamp", "money", "id"})
_TEMPLATE = re.compile(r"\$\{[^}]+\}")
_VALUED = frozenset({"record", "previous", "event", "vars", "run", "item", "error"})


@dataclass(frozen=True)
class Finding:
    """Something wrong at `offset` characters into the expression."""

    offset: int
    code: str
    message: str
    suggestion: str | None = None
    warning: bool = False


class Besides:
    """The words of one expression, and what was found wrong with them."""

    def __init__(self, found: Sequence[Token], scope: Field):
        self.found, self.scope = list(found), scope
        self.findings: list[Finding] = []

    def _quoted(self, token: Token) -> None:
        """A name or template inside quotes is these letters and never what it names."""
        text = token.text.strip(QUOTES)
        if _TEMPLATE.search(text):
            self._say(token, "TB219", "${…} inside an expression is not filled in; join texts with +", "+")
            return
        names = text.split(".")
        named = names[0] in _VALUED and len(names) > 1 and all(n.isidentifier() for n in names)
        if named and not isinstance(find(self.scope, names), Lost):
            self._say(token, "TB219", f'"{text}" in quotes is these letters; write {text} for its value', text)

    def _money_beside_number(self, name: Token, at: int, close: int) -> None:
        """`money(x) > 1000` compiles, and means a tenth: money counts in parts of 10000."""
        if name.text == "money" and (number := self._number_at(at, close + 1)) is not None:
            right = f'money("{number.text}")'
            self._say(number, "TB210", f"money is counted in parts of 10000; write {right} for the number", right)

    def _beside(self, of: Field, text: str, start: int, at: int, after: int) -> None:
        self._number_beside(of, text, start, at, after)
        if not self._is(after, ".") and not self._is(after, "["):
            self._in_maps(of, text, at)
        if "changed" in (of.called, of.item.called if of.item else None):
            self._paths_of_record(self._values_beside(at, after) or self._before_in(at))
        for token in self._values_beside(at, after) if of.values else ():
            value = token.text.strip(QUOTES)
            if value not in of.values:
                mend = did_you_mean(value, of.values) or f"; it is one of {', '.join(v for v in of.values if v)}"
                self._say(token, "TB221", f'{text} is never "{value}"{mend}', nearest(value, of.values))

    def _in_maps(self, of: Field, text: str, at: int) -> None:
        """`event.project_id in lookup.quiet_projects`: a text is never equal to a row."""
        if of.kind != "list" or of.item is None or of.item.kind != "map" or at < 1 or self.found[at - 1].text != "in":
            return
        names = sorted(of.item.fields or {})
        mend = f"{text}.map(x, x.{names[0] if len(names) == 1 else '…'})"
        self._say(self.found[at], "TB202", f"{text} is a list of maps, and nothing equals one of them; write in {mend}", mend)

    def _before_in(self, at: int) -> list[Token]:
        """The written-out text before `in` this name."""
        asked = at >= 2 and self.found[at - 1].text == "in" and self.found[at - 2].kind == "string"
        return [self.found[at - 2]] if asked else []

    def _paths_of_record(self, given: list[Token]) -> None:
        """What is asked of `changed` must be the path of a field."""
        record = self.scope.child("record")
        for token in given if record is not None else ():
            names = token.text.strip(QUOTES).split(".")
            lost = find(record or ANY, names)
            if isinstance(lost, Lost):
                self._say(token, *mend_of(lost, names, self.scope))

    def _values_beside(self, at: int, after: int) -> list[Token]:
        """The written-out texts that a name is compared with."""
        behind = self.found[after].text if after < len(self.found) else ""
        if behind == "in" and self._is(after + 1, "["):
            return [t for t in self.found[after + 2 : closing(self.found, after + 1)] if t.kind == "string"]
        places = [after + 1] if behind in ("==", "!=") else []
        places += [at - 2] if at >= 2 and self.found[at - 1].text in ("==", "!=") else []
        return [self.found[i] for i in places if i < len(self.found) and self.found[i].kind == "string"]

    def _number_beside(self, of: Field, text: str, start: int, at: int, after: int) -> None:
        """`money > 0` does not compile and `"0.00" != 0` is silently true: both are refused with the mend."""
        if of.kind not in ("money", "any") or self._number_at(at, after) is None:
            return
        if of.kind == "money":
            mend = f'money({text}), and money("…") around the number'
            self._say_at(start, "TB210", f"{text} is money, kept as decimal text; write {mend}", mend)
        else:
            mend = f"int({text}) or double({text})"
            self._say_at(start, "TB210", f"{text} has no known type; before comparing with a number write {mend}", mend)

    def _number_at(self, at: int, after: int) -> Token | None:
        """The bare number that the words from `at` to `after` are compared with."""
        behind = after < len(self.found) and self.found[after].text in COMPARISONS
        before = at >= 1 and self.found[at - 1].text in COMPARISONS
        places = [after + 2 if self._is(after + 1, "-") else after + 1] if behind else []
        places += [at - 2] if before else []
        return next((self.found[i] for i in places if 0 <= i < len(self.found) and self.found[i].kind == "number"), None)

    def _is(self, index: int, text: str) -> bool:
        return 0 <= index < len(self.found) and self.found[index].kind == "sign" and self.found[index].text == text

    def _say(self, token: Token, code: str, message: str, suggestion: str | None = None) -> None:
        self._say_at(token.start, code, message, suggestion)

    def _say_at(self, offset: int, code: str, message: str, suggestion: str | None = None) -> None:
        self.findings.append(Finding(offset, code, message, suggestion))

    def _guarded(self, at: int, after: int) -> bool:
        def compares(sign: int, null: int) -> bool:
            return (self._is(sign, "==") or self._is(sign, "!=")) and (n := self._named(null)) is not None and n.text == "null"

        return compares(after, after + 1) or (at >= 2 and compares(at - 1, at - 2))

    def _named(self, index: int) -> Token | None:
        return self.found[index] if index < len(self.found) and self.found[index].kind == "name" else None
