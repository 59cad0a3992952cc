"""What people write when they think of another language, and what it is called here.

CEL says where it stops reading. These tables say why: the sign of SQL, Python, JavaScript or Jinja that stands there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from automations.tokens import Token, closing, tokens
from config import yamlmends

SMART = "“”„‟«»‘’‚‛′″"

VALUES = {
    "True": "true", "TRUE": "true", "yes": "true", "False": "false", "FALSE": "false", "no": "false", "None": "null",
    "NULL": "null", "Null": "null", "nil": "null", "undefined": "null",
}  # fmt: skip
NAMES = {
    "now": "run.now", "today": "run.today", "trigger": "run.trigger", "attempt": "run.attempt", "old": "previous",
    "before": "previous", "prev": "previous", "new": "record", "after": "record", "this": "record", "object": "record",
    "payload": "record", "data": "record", "var": "vars", "step": "steps", "env": None, "secrets": None, "secret": None,
}  # fmt: skip
FUNCTIONS = {
    "len": "size(…)", "length": "size(…)", "count": "size(…)", "lower": "x.lowerAscii()", "upper": "x.upperAscii()",
    "now": "run.now", "today": "run.today", "isnull": "x == null", "is_null": "x == null", "isNull": "x == null",
    "empty": "size(x) == 0", "isempty": "size(x) == 0", "is_empty": "size(x) == 0", "any": "list.exists(x, …)",
    "exists": "list.exists(x, …)", "all": "list.all(x, …)", "filter": "list.filter(x, …)", "map": "list.map(x, …)",
    "str": "string(…)", "text": "string(…)", "float": "double(…)", "number": "double(…)", "decimal": "money(…)",
    "datetime": "timestamp(…)", "time": "timestamp(…)", "changed": '"status" in changed', "coalesce": 'x == null ? "" : x',
    "default": 'x == null ? "" : x', "ifnull": 'x == null ? "" : x', "nvl": 'x == null ? "" : x', "concat": "a + b",
    "join": 'list.join(", ")', "contains": 'x.contains("…")', "startsWith": 'x.startsWith("…")',
    "endsWith": 'x.endsWith("…")', "days_ago": "run.now - days(…)", "weeks": "days(7)", "months": "days(30)",
    "minutes": 'duration("5m")', "seconds": 'duration("5s")', "hour": "hours(…)", "replace": 'x.replace("a", "b")',
    "trim": "x.trim()", "split": 'x.split(",")', "cast": "string(…)", "bool": "x == true",
}  # fmt: skip
MEMBERS = {
    "length": "size()", "len": "size()", "count": "size()", "toLowerCase": "lowerAscii()", "lower": "lowerAscii()",
    "downcase": "lowerAscii()", "toUpperCase": "upperAscii()", "upper": "upperAscii()", "strip": "trim()",
    "includes": "contains(…)", "include": "contains(…)", "any": "exists(x, …)", "some": "exists(x, …)", "every": "all(x, …)",
    "find": "filter(x, …)[0]", "where": "filter(x, …)", "select": "filter(x, …)", "startswith": "startsWith(…)",
    "starts_with": "startsWith(…)", "endswith": "endsWith(…)", "ends_with": "endsWith(…)", "isEmpty": "size() == 0",
    "is_empty": "size() == 0", "empty": "size() == 0", "first": "[0]", "substr": "substring(…)", "match": "matches(…)",
    "test": "matches(…)", "forEach": "map(x, …)", "each": "map(x, …)", "toString": "string(…) around it", "equals": "==",
    "date": "day(…) around it", "sum": "a step: there is no sum in CEL", "sort": "a step: there is no sort in CEL",
}  # fmt: skip
FILTERS = frozenset({"lower", "upper", "default", "trim", "length", "count", "join", "replace", "first"})
EVENT = {"type": "action", "verb": "action", "event_type": "action", "event": "action", "user": "user_id", "time": "timestamp"}

_WORDS: dict[str, tuple[str, str]] = {
    "and": ("&&", '"{}" is not CEL; write "&&"'),
    "or": ("||", '"{}" is not CEL; write "||"'),
    "not": ("!", '"{}" is not CEL; write "!"'),
    "like": (".contains(…)", '"{}" is not CEL; write x.contains("…")'),
    "contains": (".contains(…)", '"{}" stands behind a dot: x.contains("…")'),
    "startswith": (".startsWith(…)", '"{}" is not CEL; write x.startsWith("…")'),
    "endswith": (".endsWith(…)", '"{}" is not CEL; write x.endsWith("…")'),
    "matches": (".matches(…)", '"{}" stands behind a dot: x.matches("…")'),
    "between": ("&&", '"{}" is not CEL; write x >= a && x <= b'),
    "if": ("?", 'the word "{}" is left out; a choice is written a ? b : c'),
    "then": ("?", '"{}" is not CEL; a choice is written a ? b : c'),
    "else": (":", '"{}" is not CEL; a choice is written a ? b : c'),
    "unless": ("!", '"{}" is not CEL; write !(…)'),
    "xor": ("!=", '"{}" is not CEL; write a != b'),
    "equals": ("==", '"{}" is not CEL; write "=="'),
    "eq": ("==", '"{}" is not CEL; write "=="'),
    "ne": ("!=", '"{}" is not CEL; write "!="'),
    "gt": (">", '"{}" is not CEL; write ">"'),
    "lt": ("<", '"{}" is not CEL; write "<"'),
}


@dataclass(frozen=True)
class Slip:
    """`says` ends the sentence "not an expression: …"."""

    offset: int
    says: str
    suggestion: str | None = None


def slip(text: str) -> Slip | None:
    """The first sign of another language in a text that CEL cannot read, None when there is no such sign."""
    found = tokens(text)
    for index in range(len(found)):
        for look in _LOOKS:
            if (seen := look(found, index)) is not None:
                return seen
    return _unbalanced(found)


def _text(found: list[Token], index: int) -> str:
    return found[index].text if 0 <= index < len(found) else ""


def _touching(found: list[Token], index: int) -> bool:
    return index + 1 < len(found) and found[index].end == found[index + 1].start


def _quotes(found: list[Token], at: int) -> Slip | None:
    token = found[at]
    if token.text in SMART:
        return Slip(token.start, f"{token.text} is a quote of word processors; write a straight one", '"')
    if token.kind != "string":
        return None
    body = token.text.lstrip("rRbB")
    if len(body) < 2 or body[-1] != body[0]:
        return Slip(token.start, f"this text has no closing {body[0]}", None)
    if _touching(found, at) and (found[at + 1].kind in ("name", "string")):
        other = "'" if body[0] == '"' else '"'
        return Slip(
            token.start, f"a {body[0]} inside {body[0]}…{body[0]}; write \\{body[0]} for it, or {other}…{other} around", None
        )
    return None


def _braces(found: list[Token], at: int) -> Slip | None:
    sign = found[at].text
    if sign == "$" and _text(found, at + 1) == "{":
        return Slip(found[at].start, "this is CEL already; write it without ${ }", None)
    if sign == "{" and _text(found, at + 1) in ("{", "%") and _touching(found, at):
        return Slip(found[at].start, "{{ }} is another language; write the expression alone", None)
    return None


def _unseen(found: list[Token], at: int) -> Slip | None:
    token = found[at]
    if (called := yamlmends.invisible(token.text)) is not None and token.kind == "sign":
        return Slip(token.start, f"{called} stands here, which nobody can see; delete it", "")
    if token.text in ("env", "file") and _text(found, at + 1) == ":":
        return Slip(token.start, "rules hold no secrets; ${env:…} and ${file:…} work in connectors and destinations", None)
    return None


def _signs(found: list[Token], at: int) -> Slip | None:
    sign, start = found[at].text, found[at].start
    before, after, touching = _text(found, at - 1), _text(found, at + 1), _touching(found, at)
    if found[at].kind != "sign":
        return None
    if sign in ("==", "!=") and after == "=" and touching:
        return Slip(start, f'"{sign}=" is not CEL; write "{sign}"', sign)
    if sign == "=" and after == ">" and touching:
        arrow = _text(found, at - 2) == "("
        mend = ("a comma", ",") if arrow else ('">="', ">=")
        return Slip(start, f'"=>" is not CEL; write {mend[0]}', mend[1])
    if sign == "=" and after in ("<", "~") and touching:
        right = "<=" if after == "<" else ".matches(…)"
        return Slip(start, f'"={after}" is not CEL; write "{right}"', right)
    if sign == "=":
        return Slip(start, '"=" is not CEL; write "=="', "==")
    if sign == "<" and after == ">" and touching:
        return Slip(start, '"<>" is not CEL; write "!="', "!=")
    if sign == "!" and after == "=":
        return Slip(start, '"! =" is not CEL; write "!=" without a space', "!=")
    if sign == "|" and after in FILTERS:
        return Slip(start, f"there are no filters; write {FUNCTIONS.get(after) or MEMBERS[after]}", None)
    if sign in ("&", "|"):
        return Slip(start, f'a single "{sign}" is not CEL; write "{sign * 2}"', sign * 2)
    if sign == "?" and after == "." and touching:
        return Slip(start, '"?." is not CEL; below a null all is null, so write "."', ".")
    if sign == ";":
        return Slip(start, 'an expression has no ";" at its end; take it out', "")
    if sign == "(" and before == "in" and "," in {t.text for t in found[at : closing(found, at)]}:
        return Slip(start, "a list stands in [ ]; write in [a, b]", "[")
    if (sign == "*" and after == "*") or sign == "^":
        return Slip(start, "CEL has no power; multiply", None)
    if sign in ("`", "@", "#", "\\"):
        return Slip(start, f'"{sign}" is no sign of CEL; take it out', None)
    return None


def _words(found: list[Token], at: int) -> Slip | None:
    token = found[at]
    if token.kind != "name" or _text(found, at - 1) == ".":
        return None
    word = token.text.lower()
    if word == "is":
        negative = _text(found, at + 1).lower() == "not"
        right = "!=" if negative else "=="
        return Slip(token.start, f'"{token.text}{" not" if negative else ""}" is not CEL; write "{right}"', right)
    follows = _text(found, at + 1)
    if word in ("not", "and", "or", "if") and follows not in (".", "==", "!=", ")", ",", ""):
        return Slip(token.start, _WORDS[word][1].format(token.text), _WORDS[word][0])
    operand = at > 0 and (found[at - 1].kind in ("name", "string", "number") or _text(found, at - 1) in (")", "]"))
    if word in _WORDS and operand and _text(found, at - 1) not in ("in",):
        return Slip(token.start, _WORDS[word][1].format(token.text), _WORDS[word][0])
    return None


_LOOKS: tuple[Callable[[list[Token], int], Slip | None], ...] = (_unseen, _quotes, _braces, _signs, _words)


def _unbalanced(found: list[Token]) -> Slip | None:
    stack: list[Token] = []
    pairs = {")": "(", "]": "[", "}": "{"}
    for token in found:
        if token.kind == "sign" and token.text in pairs.values():
            stack.append(token)
        elif token.kind == "sign" and token.text in pairs:
            if not stack or stack[-1].text != pairs[token.text]:
                return Slip(token.start, f'this "{token.text}" closes nothing; take it out, or open it before', None)
            stack.pop()
    if stack:
        wanted = {opening: close for close, opening in pairs.items()}[stack[-1].text]
        return Slip(stack[-1].start, f'this "{stack[-1].text}" has no closing "{wanted}"', None)
    return None


_ROOTS = "record|previous|event|events|changed|steps|vars|run|item|error|lookup"
_FOREIGN = re.compile(
    rf"""\{{\{{-?\s*(?:{_ROOTS})\.\w | \{{%[^}}]*\b(?:{_ROOTS})\.\w | <%=?\s*(?:{_ROOTS})\.\w
    | [#%@]\{{\{{?\s*(?:{_ROOTS})\.\w | \$\(?(?:{_ROOTS})\.\w | (?<![\w{{$]){{(?:{_ROOTS})\.[\w.]+}}""",
    re.VERBOSE,
)


def foreign(text: str) -> int | None:
    """Where a text outside `${…}` holds a template of another language: it names what only a template can mean."""
    found = _FOREIGN.search(text)
    return found.start() if found else None
