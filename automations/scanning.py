"""Find every name a CEL expression uses, and say what is wrong with it before CEL ever sees it.

CEL checks types; it cannot know that RFIs has no field "stauts" without being handed every field of
every resource, nor look inside list items. So a scanner of ours follows each chain of names
(`record.assignee.name`, a macro's variable to its list, an index to its item) through the tree of
known fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automations import slips
from automations.besides import QUOTES, SCALARS, Besides
from automations.besides import Finding as Finding
from automations.constants import READERS
from automations.fields import ANY, TEXT, Field, Lost, find
from automations.functions import CALENDAR_AT, GLOBALS, MACROS, MEMBERS
from automations.lost import mend_of
from automations.tokens import COMPARISONS, KEYWORDS, Token, closing, tokens
from config.problems import did_you_mean, nearest

MAX_MACRO_DEPTH = 3


def _called_nearly(word: str) -> str | None:
    known = {**{g: g for g in GLOBALS}, **{m: f"x.{m}(…)" for m in MEMBERS}, **{m: f"list.{m}(x, …)" for m in MACROS}}
    return known.get(nearest(word, known) or "")


@dataclass(frozen=True)
class Path:
    """A chain of names from `start` to `end`. `local` ones hang on a macro's variable, not on the scope.

    `guarded`: it is compared with null here, so that being absent is no fault.
    """

    names: tuple[str, ...]
    start: int
    end: int
    field: Field
    local: bool = False
    guarded: bool = False
    in_has: bool = False

    @property
    def text(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True)
class Span:
    """A chain with an index in it that ends in a single value: `record.questions[0].question_date`."""

    start: int
    end: int
    field: Field


@dataclass
class Scan:
    """What one pass found. `result` is what the whole gives, when it is a single chain.

    `constants` are calls with a written-out text: the function, the text as written, and where it begins.
    `growth` has one entry for each call that may put a text in many places: its length, None when that is not written out.
    """

    paths: list[Path] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    constants: list[tuple[str, str, int]] = field(default_factory=list)
    growth: list[int | None] = field(default_factory=list)
    result: Field = ANY
    macros: int = 0
    macro_depth: int = 0


def scan(text: str, scope: Field) -> Scan:
    """Total: whatever the text is, an answer comes back."""
    return _Scanner(text, scope).result()


class _Scanner(Besides):
    def __init__(self, text: str, scope: Field):
        super().__init__(tokens(text), scope)
        self.scan = Scan(findings=self.findings)

    def result(self) -> Scan:
        self.scan.result = self._range(0, len(self.found), {}, 0, False)
        return self.scan

    def _range(self, at: int, end: int, bound: Mapping[str, Field], depth: int, in_has: bool) -> Field:
        """Everything between two words; gives the field when it is one chain and nothing else."""
        first, whole = at, ANY
        while at < end:
            token = self.found[at]
            alone = at == first
            if token.kind == "name" and token.text not in KEYWORDS and not self._is(at - 1, "."):
                at, here = self._chain(at, end, bound, depth, in_has)
                whole = here if alone and at >= end else ANY
            else:
                self._mixed(at, end)
                if token.kind == "string":
                    self._quoted(token)
                at, whole = self._method(at, end, bound, depth) if self._is(at, ".") else at + 1, ANY
        return whole

    def _mixed(self, at: int, end: int) -> None:
        """`x in ["open", 3]`: CEL takes it, and the 3 never equals a text."""
        if not self._is(at, "[") or at < 1 or self.found[at - 1].text != "in":
            return
        inside = self.found[at + 1 : min(closing(self.found, at), end)]
        if {t.kind for t in inside if t.text != ","} == {"string", "number"}:
            self._say(self.found[at], "TB202", "this list mixes text and numbers, and nothing equals both; put quotes around all")

    def _chain(self, at: int, end: int, bound: Mapping[str, Field], depth: int, in_has: bool) -> tuple[int, Field]:
        first = self.found[at]
        if self._is(at + 1, "("):
            return self._call(at, end, bound, depth)
        names, after = [first], at + 1
        while self._is(after, ".") and (name := self._named(after + 1)) and not self._is(after + 2, "("):
            names.append(name)
            after += 2
        if first.text in bound:
            here = self._local(names, at, after, bound[first.text], in_has)
        else:
            here = self._rooted(names, at, after, in_has)
        return self._rest(after, end, here, bound, depth, first.start, at)

    def _rooted(self, names: list[Token], at: int, after: int, in_has: bool) -> Field:
        words = tuple(n.text for n in names)
        here = find(self.scope, words) if words[0] != "calendars" else Lost(self.scope, 0, "", ())
        lost = isinstance(here, Lost)
        if isinstance(here, Lost):
            self._lost(here, names, at=at, after=after)
            here = ANY
        elif in_has:
            self._say(names[0], "TB205", f"has() does not work on {'.'.join(words)}; write {'.'.join(words)} != null")
        path = Path(words, names[0].start, names[-1].end, here, guarded=self._guarded(at, after))
        if here.kind == "map" and here.fields is not None and len(words) == 1 and not (path.guarded and here.nullable):
            self._as_a_whole(names[0], here, after)
        self.scan.paths.append(path)
        if not lost:
            self._beside(path.field, path.text, path.start, at, after)
        return here

    def _as_a_whole(self, name: Token, here: Field, after: int) -> None:
        key = self.found[after + 1] if self._is(after, "[") and after + 1 < len(self.found) else None
        mend = f"name a field of it, {name.text}.…"
        if key is not None and key.kind == "string":
            mend = f"write {name.text}.{key.text.strip(QUOTES)}"
        self._say(name, "TB215", f"{name.text} as a whole is no value to calculate with; {mend}")

    def _local(self, names: list[Token], at: int, after: int, item: Field, in_has: bool) -> Field:
        here = find(item, [n.text for n in names[1:]])
        if isinstance(here, Lost):
            self._lost(here, names[1:], names[0].text)
            return ANY
        if len(names) == 1 and here.kind not in SCALARS:
            return here
        path = Path(tuple(n.text for n in names), names[0].start, names[-1].end, here, local=True, in_has=in_has)
        self.scan.paths.append(path)
        if not in_has:
            self._beside(here, path.text, path.start, at, after)
        return here

    def _rest(
        self, after: int, end: int, here: Field, bound: Mapping[str, Field], depth: int, start: int, at: int
    ) -> tuple[int, Field]:
        """Indexes, further names and calls behind a chain of names that begins at the word `at`."""
        indexed = False
        while after < end:
            if self._is(after, "["):
                close = closing(self.found, after)
                self._range(after + 1, min(close, end), bound, depth, False)
                here, after, indexed = self._inside(here, after, close), close + 1, True
            elif self._is(after, ".") and (name := self._named(after + 1)) and self._is(after + 2, "("):
                here, after = self._member(name, after + 2, here, bound, depth)
                indexed = False
            elif self._is(after, ".") and (name := self._named(after + 1)):
                below = find(here, [name.text])
                if isinstance(below, Lost):
                    self._lost(below, [name])
                here, after = ANY if isinstance(below, Lost) else below, after + 2
            else:
                break
            if indexed and not self._is(after, ".") and not self._is(after, "["):
                self._indexed(here, start, at, after)
        return after, here

    def _indexed(self, here: Field, start: int, at: int, after: int) -> None:
        if here.kind in SCALARS:
            self.scan.spans.append(Span(start, self.found[after - 1].end, here))
        shown = "".join(t.text for t in self.found[at:after])
        self._beside(here, shown if len(shown) <= 60 else "…" + shown[-40:], start, at, after)

    def _inside(self, here: Field, opening: int, close: int) -> Field:
        if here.kind == "list":
            return here.item or ANY
        key = self.found[opening + 1] if close == opening + 2 else None
        if here.kind == "map" and here.fields is not None and key is not None and key.kind == "string":
            name = key.text.strip(QUOTES)
            if (below := here.child(name)) is not None:
                return below
            self._say(key, "TB204", f'there is no "{name}"{did_you_mean(name, here.fields)}', nearest(name, here.fields))
        return ANY

    def _method(self, at: int, end: int, bound: Mapping[str, Field], depth: int) -> int:
        """A call on something that is no chain of names, such as a literal: `"a".contains(…)`."""
        name = self._named(at + 1)
        if name is None or not self._is(at + 2, "("):
            return at + 2 if name else at + 1
        here, after = self._member(name, at + 2, ANY, bound, depth)
        return self._rest(after, end, here, bound, depth, name.start, at)[0]

    def _call(self, at: int, end: int, bound: Mapping[str, Field], depth: int) -> tuple[int, Field]:
        name = self.found[at]
        close = closing(self.found, at + 1)
        if name.text in CALENDAR_AT:
            self._calendar(name, at + 1, min(close, end))
        elif name.text in MEMBERS and name.text not in GLOBALS:
            self._say(name, "TB208", f"{name.text}() is written behind a value: x.{name.text}(…)", f"x.{name.text}(…)")
        elif name.text not in GLOBALS:
            guess = slips.FUNCTIONS.get(name.text) or _called_nearly(name.text)
            self._say(
                name, "TB208", f"there is no function {name.text}()" + (f'; did you mean "{guess}"?' if guess else ""), guess
            )
        self._constant(name, at + 1, min(close, end))
        self._money_beside_number(name, at, close)
        if name.text not in MACROS:  # exists(list, a.id == "7"): what names the item is not there to be followed
            self._range(at + 2, min(close, end), bound, depth, name.text == "has")
        return self._rest(close + 1, end, ANY, bound, depth, name.start, at)

    def _constant(self, name: Token, opening: int, close: int) -> None:
        """A text that is written out for a function that reads it."""
        given = self.found[opening + 1 : close]
        last = given[-1] if given else None
        if name.text in READERS and last is not None and last.kind == "string" and (len(given) == 1 or name.text == "matches"):
            self.scan.constants.append((name.text, last.text, last.start))

    def _calendar(self, name: Token, opening: int, close: int) -> None:
        """The calendar's name is written out, so that one that is not there is found now. It runs as the calendar itself."""
        given = self._arguments(opening, close)
        place = CALENDAR_AT[name.text]
        if len(given) <= place:
            self._say(name, "TB208", f'{name.text}() needs a calendar as its last value, such as "us"')
            return
        first, last = given[place]
        token = self.found[first]
        if first != last or token.kind != "string":
            self._say(token, "TB208", f"the calendar of {name.text}() must be written out in quotes")
            return
        wanted = token.text.strip(QUOTES)
        known = self.scope.child("calendars")
        if known is not None and known.child(wanted) is None:
            mend = did_you_mean(wanted, known.fields or {}) or f"; put {wanted}.yaml into calendars/"
            self._say(token, "TB217", f'there is no calendar "{wanted}"{mend}', nearest(wanted, known.fields or {}))
        self.scan.paths.append(Path(("calendars", wanted), token.start, token.end, TEXT))

    def _arguments(self, opening: int, close: int) -> list[tuple[int, int]]:
        """The first and last word of each value between two brackets."""
        found, first, at = [], opening + 1, opening + 1
        while at < close:
            if self._is(at, ","):
                found.append((first, at - 1))
                first = at + 1
            at = closing(self.found, at) + 1 if self.found[at].text in ("(", "[", "{") else at + 1
        return [*found, (first, close - 1)] if first < close else found

    def _member(self, name: Token, opening: int, here: Field, bound: Mapping[str, Field], depth: int) -> tuple[Field, int]:
        close = closing(self.found, opening)
        variable = self._named(opening + 1)
        if name.text in MACROS and variable is not None and self._is(opening + 2, ","):
            return self._macro(name, variable, opening, close, here, bound, depth), close + 1
        if name.text not in MEMBERS:
            self._no_member(name)
            if name.text in MACROS:  # without its variable there is nothing that the rest could be asked of
                return ANY, close + 1
            if variable is not None and self._is(opening + 2, ","):
                bound = {**bound, variable.text: ANY}
        self._constant(name, opening, close)
        self._grows(name, opening, close)
        self._range(opening + 1, close, bound, depth, False)
        return ANY, close + 1

    def _grows(self, name: Token, opening: int, close: int) -> None:
        given = self._arguments(opening, close)
        if name.text not in ("replace", "join") or not given:
            return
        first, last = given[-1]
        if name.text == "replace" and len(given) == 3:  # its last value says how often
            first, last = given[1]
        token = self.found[first]
        self.scan.growth.append(len(token.text) if first == last and token.kind == "string" else None)

    def _no_member(self, name: Token) -> None:
        if name.text in MACROS:
            self._say(name, "TB208", f".{name.text}() takes a name and what is asked of it: .{name.text}(x, x.… )")
            return
        known = MEMBERS | MACROS
        guess = slips.MEMBERS.get(name.text) or nearest(name.text, known)
        mend = f'; did you mean "{guess}"?' if guess else f"; there are {', '.join(sorted(known))}"
        self._say(name, "TB208", f"there is no function .{name.text}(){mend}", guess)

    def _macro(
        self, name: Token, variable: Token, opening: int, close: int, here: Field, bound: Mapping[str, Field], depth: int
    ) -> Field:
        self.scan.macros += 1
        self.scan.macro_depth = max(self.scan.macro_depth, depth + 1)
        if depth + 1 > MAX_MACRO_DEPTH:
            self._say(name, "TB211", f"more than {MAX_MACRO_DEPTH} list functions within each other; split the expression")
            return ANY
        if variable.text.startswith("_") or variable.text in KEYWORDS:
            self._say(variable, "TB203", f'"{variable.text}" cannot name a list item; begin with a letter')
        elif variable.text in bound or variable.text in (self.scope.fields or {}):
            self._say(variable, "TB220", f'"{variable.text}" names something else here already; give the list item another name')
        item = here.item or ANY if here.kind == "list" else TEXT if here.kind == "map" else ANY
        body = self._range(opening + 3, close, {**bound, variable.text: item}, depth + 1, False)
        return here if name.text == "filter" else Field("list", item=body) if name.text == "map" else ANY

    def _lost(self, lost: Lost, names: list[Token], behind: str = "", at: int = -1, after: int = -1) -> None:
        valued = self._compared_on_the_left(at) and after - at == 1
        words = [n.text for n in names]
        self._say(names[lost.index], *mend_of(lost, words, self.scope, behind=behind, valued=valued))

    def _compared_on_the_left(self, at: int) -> bool:
        """What stands here is what another value is compared with: `record.status == open`, `in [open, draft]`."""
        before = self.found[at - 1].text if at >= 1 else ""
        return before in COMPARISONS or before in ("[", ",", "in")
