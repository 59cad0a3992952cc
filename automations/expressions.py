"""Expressions: checked when a rule is loaded, evaluated when it runs. Google's CEL does the types and the work.

Three steps, each with one job:

1. `scanning` resolves every name against the known fields, so a misspelt one is an error with a mend.
2. The names are replaced by typed stand-ins (`record.status` by `_s0`, a text that may be null) and CEL
   checks the types. One environment serves all rules: an environment of its own costs 115 KB.
3. For running, the names are replaced by untyped slots (`_0`), times wrapped in `__ts(…)`, because CEL
   takes no Python datetime in an untyped variable and no null in a typed one.

A slot whose value is missing, null against the catalogue, or of another kind than declared stays
unbound: CEL then answers ERROR only if the evaluation really needs it. An ERROR is an error, never false.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as part
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cel_expr_python import cel

from automations import functions
from automations.complaints import plainly
from automations.constants import fault as constant_fault
from automations.fields import ANY, Field, Kind
from automations.scanning import Finding, Path, Scan, Span, scan
from automations.slips import slip
from automations.tokens import tokens
from automations.values import MISSING, Misfit, fit, lookup, plain
from config.errors import Permanent

MAX_LENGTH = 2000
MAX_DEPTH = 32
MAX_WORK = 64 * 1024 * 1024
MAX_RESULT = 1024 * 1024
_SLOTS = 64
_ITERATIONS = 10_000

_AT = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?=\n \| |\nERROR: |\Z| \[INVALID_ARGUMENT\])", re.DOTALL)
_STAND_INS = {
    "text": "s", "id": "s", "money": "s", "int": "i", "float": "f", "bool": "b", "date": "t", "timestamp": "t", "map": "m",
    "any": "d",
}  # fmt: skip
_OF_KIND: Mapping[str, Kind] = {
    "STRING": "text", "INT": "int", "DOUBLE": "float", "BOOL": "bool", "TIMESTAMP": "timestamp", "LIST": "list", "MAP": "map",
}  # fmt: skip


@cache
def _checker() -> cel.Env:
    kinds = cel.Type
    types = dict(functions.WRAPPERS)
    types |= {"t": kinds.TIMESTAMP, "m": kinds.Map(kinds.STRING, kinds.DYN), "d": kinds.DYN}
    types |= {"l": kinds.List(kinds.DYN), "ls": kinds.List(kinds.STRING)}
    names = {f"_{letter}{n}": kind for letter, kind in types.items() for n in range(_SLOTS)}
    return cel.NewEnv(variables=names, extensions=[functions.strings()], functions=functions.declarations(checking=True))


@cache
def _runner() -> cel.Env:
    names = {f"_{n}": cel.Type.DYN for n in range(_SLOTS)}
    return cel.NewEnv(variables=names, extensions=[functions.strings()], functions=functions.declarations(checking=False))


@dataclass
class Expression:
    """A checked expression. `kind` is the CEL name of its type, such as BOOL or DYN; `field` all that is known of it."""

    source: str
    paths: tuple[Path, ...]
    kind: str
    field: Field
    macro_depth: int
    growth: tuple[int | None, ...]
    _text: str
    _slots: tuple[Path, ...]
    _program: Any = part(default=None, repr=False)
    _lock: threading.Lock = part(default_factory=threading.Lock, repr=False)

    def __str__(self) -> str:
        return " ".join(self.source.split())

    def roots(self) -> set[str]:
        return {p.names[0] for p in self.paths if not p.local}

    def whole_path(self) -> Path | None:
        """The path, when the expression is nothing but one."""
        text = self.source.strip()
        return self.paths[0] if len(self.paths) == 1 and self.paths[0].text == text else None

    def seen(self, scope: Mapping[str, Any]) -> dict[str, Any]:
        """The named paths with the values they have, for explaining; absent ones are None."""
        shown = {}
        for path in self._slots:
            if path.names[0] == "calendars":
                continue
            value = lookup(scope, path.names)
            shown[path.text] = None if value is MISSING else plain(value, name=path.names[-1])
        return shown

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """The value as Python's own: text, int, float, bool, None, datetime (UTC), timedelta, list or dict.

        Raises: Permanent(kind="expression") when there is none.
        """
        bound, faults = self._bind(scope)
        if self.macro_depth or self.growth:
            self._refuse_heavy(bound)
        try:
            value = self._ready().eval(data=bound)
        except RuntimeError as error:
            raise self._fault(str(error), faults) from None
        if value.type() == cel.Type.ERROR:
            raise self._fault(str(value.value()), faults)
        return self._result(value.plain_value())

    def _ready(self) -> Any:
        if self._program is None:
            with self._lock:
                self._program = self._program or _runner().compile(self._text)
        return self._program

    def _bind(self, scope: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        bound: dict[str, Any] = {}
        faults: dict[str, str] = {}
        guarded = {p.text for p in self.paths if p.guarded}
        for number, path in enumerate(self._slots):
            try:
                bound[f"_{number}"] = fit(lookup(scope, path.names), path.field, path.text in guarded, path.names[-1])
            except Misfit as misfit:
                faults[f"_{number}"] = f"{path.text} {misfit}"
        return bound, faults

    def _refuse_heavy(self, bound: Mapping[str, Any]) -> None:
        """CEL stops endless loops, not large texts: bound what list functions and replacements can build before they run."""
        items = sum(_count(v) for v in bound.values()) + max(map(_widest, bound.values()), default=0) + self.source.count(",") + 1
        longest = max((_length(v) for v in bound.values()), default=0) + len(self.source)
        built = longest
        for length in self.growth:
            built *= min(longest if length is None else length + 1, MAX_WORK)
        if min(items**self.macro_depth, _ITERATIONS) * built > MAX_WORK:
            raise Permanent(
                f"`{_short(self.source)}` is too much work for these values; shorten the lists or the texts", kind="expression"
            )

    def _fault(self, text: str, faults: Mapping[str, str]) -> Permanent:
        for slot, reason in faults.items():
            if f'"{slot}"' in text:
                return Permanent(f"`{_short(self.source)}`: {reason}.", kind="expression")
        said = (
            plainly(text.split(": ", 1)[-1].strip())
            if "INTERNAL" not in text
            else "too much work: the iteration budget is used up"
        )
        return Permanent(f"`{_short(self.source)}`: {said}.", kind="expression")

    def _result(self, value: Any) -> Any:
        if _length(value) > MAX_RESULT:
            raise Permanent(f"`{_short(self.source)}` gives more than {MAX_RESULT // 1024} KiB.", kind="expression")
        if isinstance(value, (str, int, float, bool, datetime, timedelta, list, dict, type(None))):
            return value
        raise Permanent(f"`{_short(self.source)}` gives no value that can be stored ({type(value).__name__}).", kind="expression")


def check(text: str, scope: Field) -> tuple[Expression | None, list[Finding]]:
    """Check an expression against the names in scope. None when a finding is an error."""
    if len(text) > MAX_LENGTH:
        return None, [
            Finding(
                0, "TB211", f"an expression of {len(text)} characters; at most {MAX_LENGTH}. Split it into several lines or steps"
            )
        ]
    if (broken := next((i for i, sign in enumerate(text) if "\ud800" <= sign <= "\udfff"), None)) is not None:
        return None, [Finding(broken, "TB201", "not an expression: half a character stands here; delete it")]
    if (deep := _too_deep(text)) is not None:
        return None, [Finding(deep, "TB211", f"brackets nested deeper than {MAX_DEPTH}; split the expression")]
    found = scan(text, scope)
    if len({p.text for p in found.paths}) > _SLOTS:
        return None, [Finding(0, "TB211", f"more than {_SLOTS} different names in one expression; split it")]
    kind, complaints = _types(text, found)
    if unread := [c for c in complaints if c.code == "TB201"]:
        return None, [_slipped(text) or unread[0]]
    if text.startswith("-") and any(c.offset == 0 for c in complaints):
        return None, [Finding(0, "TB201", "not an expression: a space is missing behind the dash of this entry", "- ")]
    findings = found.findings + complaints + _never_work(found)
    if any(not f.warning for f in findings):
        return None, findings
    return _expression(text, found, kind), findings


def _slipped(text: str) -> Finding | None:
    seen = slip(text)
    return Finding(seen.offset, "TB201", f"not an expression: {seen.says}", seen.suggestion) if seen else None


def _never_work(found: Scan) -> list[Finding]:
    """Constants that can only fail when they are used: a day that there is not, a pattern that is none."""
    return [Finding(at, "TB218", said) for name, token, at in found.constants if (said := _refused(name, token)) is not None]


def _refused(name: str, token: str) -> str | None:
    if name == "matches":
        # The engine's own word on the pattern; it is linear (RE2), and the text it is tried on is empty.
        answer = _runner().compile(f'"".matches({token})').eval(data={})
        if answer.type() != cel.Type.ERROR:
            return None
        return f"matches({_short(token)}) is no pattern that works; RE2 knows no look-around and no back-references"
    try:
        return constant_fault(name, token)
    except (ValueError, SyntaxError):
        return None


def _expression(text: str, found: Scan, kind: str) -> Expression:
    slots: dict[str, Path] = {}
    for path in found.paths:
        if not path.local:
            slots.setdefault(path.text, path)
    running = _for_running(text, found, {name: f"_{n}" for n, name in enumerate(slots)})
    of = found.result if found.result.kind != "any" else Field(_OF_KIND.get(kind.partition("(")[0], "any"), nullable=True)
    return Expression(text, tuple(found.paths), kind, of, found.macro_depth, tuple(found.growth), running, tuple(slots.values()))


def _too_deep(text: str) -> int | None:
    depth = 0
    for token in tokens(text):
        depth += token.text in ("(", "[", "{")
        depth -= token.text in (")", "]", "}")
        if depth > MAX_DEPTH:
            return token.start
    return None


def _types(text: str, found: Scan) -> tuple[str, list[Finding]]:
    """CEL's own check. The kind of the result, and what CEL complains of, at places of the original text."""
    counters: dict[str, int] = {}
    names: dict[str, str] = {}
    # A name that is already complained of becomes untyped, so that one mistake has one answer.
    faulty = {f.offset for f in found.findings}
    typed = [(p, replace(p, field=ANY) if p.start in faulty else p) for p in found.paths]
    swaps = [
        (p.start, p.end, _stand_in(q, counters, names)) for p, q in typed if not (p.local and (p.in_has or q.field.kind == "any"))
    ]
    changed, places = _swapped(text, [*swaps, *_typing(found.spans)])
    try:
        return str(_checker().compile(changed).return_type()), []
    except RuntimeError as error:
        complaints = [c for c in _complaints(str(error), changed, places, text) if c.code == "TB201" or _news(c, faulty)]
    if complaints:
        return "ERROR", complaints
    return _loose_kind(text, found), []


def _news(complaint: Finding, faulty: set[int]) -> bool:
    """Not said already: the scanner knows every name, so CEL's word on one adds nothing to its own."""
    if "operand of a select operation" in complaint.message and complaint.offset + 1 in faulty:
        return False
    return complaint.offset not in faulty and not (faulty and complaint.message.startswith("there is no "))


def _loose_kind(text: str, found: Scan) -> str:
    """Only comparisons of lists or maps with null were refused, which are fine when it runs: ask the untyped form."""
    try:
        slots = {p.text: f"_{n}" for n, p in enumerate({p.text: p for p in found.paths if not p.local}.values())}
        return str(_runner().compile(_for_running(text, found, slots)).return_type())
    except RuntimeError:
        return "DYN"


def _stand_in(path: Path, counters: dict[str, int], names: dict[str, str]) -> str:
    key = f"{path.field.kind} {path.text}"
    if key in names:
        return names[key]
    letter = _STAND_INS.get(path.field.kind, "d")
    if path.field.kind == "list":
        letter = "ls" if path.field.item and path.field.item.kind in ("text", "id", "money") else "l"
    number = counters.get(letter, 0)
    counters[letter] = number + 1
    names[key] = f"_{letter}{number}"
    return names[key]


def _for_running(text: str, found: Scan, slots: Mapping[str, str]) -> str:
    swaps = []
    for path in found.paths:
        timed = path.field.kind in ("date", "timestamp") and not path.in_has
        inner = path.text if path.local else slots[path.text]
        # string(a date) is the date as Procore wrote it, not a midnight in UTC.
        if timed and path.field.kind == "date" and _inside_string_call(text, path):
            timed = False
        if timed or not path.local:
            swaps.append((path.start, path.end, f"__ts({inner})" if timed else inner))
    timed_spans = [span for span in found.spans if span.field.kind in ("date", "timestamp")]
    return _swapped(text, [*swaps, *_typing(timed_spans)])[0]


def _inside_string_call(text: str, path: Path) -> bool:
    return re.search(r"\bstring\(\s*\Z", text[: path.start]) is not None and re.match(r"\s*\)", text[path.end :]) is not None


def _typing(spans: list[Span]) -> list[tuple[int, int, str]]:
    """CEL takes what comes out of a list as untyped; a function around it says what it is."""
    letters = [(span, _STAND_INS[span.field.kind]) for span in spans]
    names = [(span, "__ts" if letter == "t" else f"__as_{letter}") for span, letter in letters]
    return [wrap for span, name in names for wrap in ((span.start, span.start, f"{name}("), (span.end, span.end, ")"))]


Place = tuple[int, int, int, int]


def _swapped(text: str, swaps: list[tuple[int, int, str]]) -> tuple[str, list[Place]]:
    """The text with pieces replaced, and for each piece its (new start, new end, old start, old end)."""
    out, places, at, length = [], [], 0, 0
    for start, end, piece in sorted(swaps, key=lambda s: (s[0], s[1])):
        out += [text[at:start], piece]
        length += start - at
        places.append((length, length + len(piece), start, end))
        length += len(piece)
        at = end
    return "".join([*out, text[at:]]), places


def _original(offset: int, places: list[Place]) -> int:
    shift = 0
    for new_start, new_end, old_start, old_end in places:
        if offset < new_start:
            break
        if offset < new_end:
            return old_start
        shift = old_end - new_end
    return offset + shift


def _complaints(error: str, changed: str, places: list[Place], text: str) -> list[Finding]:
    starts = [0] + [m.end() for m in re.finditer("\n", changed)]
    found = []
    for line, column, said in _AT.findall(error):
        offset = min(starts[min(int(line), len(starts)) - 1] + int(column) - 1, len(changed))
        if "*error*" in said or ("null_type" in said and re.search(r"'_[!=]=_'", said)):
            continue
        code = "TB201" if "Syntax error" in said or "reserved identifier" in said else "TB202"
        found.append(Finding(_original(offset, places), code, *_worded(said, text, _original(offset, places), code)))
    if not found and not _AT.search(error):
        found.append(Finding(0, "TB211", "CEL cannot take this expression; make it simpler"))
    return found


def _worded(said: str, text: str, offset: int, code: str) -> tuple[str, str | None]:
    if code == "TB202":
        return plainly(said), None
    rest = text[offset:].lstrip()
    shown = rest.split("\n")[0][:20]
    return (
        f'not an expression: it cannot be read from "{shown}" on'
        if shown
        else "not an expression: something is missing at its end",
        None,
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:97] + "…"


def _count(value: Any) -> int:
    """The items of all lists in it: what list functions can go through at most, unless they go through the names of a map."""
    if isinstance(value, dict):
        return sum(_count(v) for v in value.values())
    return len(value) + sum(_count(v) for v in value) if isinstance(value, list) else 0


def _widest(value: Any) -> int:
    """The names of the largest map in it."""
    if isinstance(value, dict):
        return max([len(value), *map(_widest, value.values())])
    return max(map(_widest, value), default=0) if isinstance(value, list) else 0


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(_length(k) + _length(v) + 4 for k, v in value.items())
    return sum(_length(v) + 2 for v in value) if isinstance(value, list) else 8
