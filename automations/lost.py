"""A name that leads nowhere: what was most likely meant, and what to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from automations import slips
from automations.fields import SPOKEN, Field, Lost
from automations.functions import MEMBERS
from config.problems import did_you_mean, nearest

Said = tuple[str, str, str | None]  # code, message, suggestion

_NO_RECORD = "TB207", "there is a record only when every trigger brings one: webhook:, or manual: with connector and resource"
_ELSEWHERE = {
    "record": _NO_RECORD, "previous": _NO_RECORD, "changed": _NO_RECORD,
    "error": ("TB207", "error is only there inside on_error:"),
    "item": ("TB207", "item is only there in a step with foreach:"),
    "events": ("TB207", "events is only there with flow: coalesce: and keep: all; without it write event"),
    "lookup": ("TB207", "there are no lookup tables; put a CSV or YAML file into lookups/"),
}  # fmt: skip
_OWNERS = ("vars", "record", "event", "item", "run", "steps", "lookup")


def mend_of(lost: Lost, words: Sequence[str], scope: Field, *, behind: str = "", valued: bool = False) -> Said:
    """`words` is the chain as written, `behind` the list whose item it hangs on; `valued` when it stands where a value does."""
    word = words[lost.index]
    known = {name: one for name, one in (lost.owner.fields or {}).items() if name != "calendars"}
    if lost.owner is scope:
        return (*_ELSEWHERE[word], None) if word in _ELSEWHERE else _unknown(word, known, valued)
    if lost.owner.called == "steps":
        where = "no earlier step" if known else "no step before this place, so no"
        return "TB206", f'there is {where} "{word}"{did_you_mean(word, known)}', nearest(word, known)
    if lost.owner.called == "lookup":
        mend = did_you_mean(word, known) or f"; put {word}.csv into lookups/"
        return "TB204", f'there is no lookup table "{word}"{mend}', nearest(word, known)
    if lost.owner.kind not in ("map", "any"):
        return _below_a_value(lost, words, scope, behind)
    return _no_field(lost, word, known, scope, behind)


def _no_field(lost: Lost, word: str, known: Mapping[str, Field], scope: Field, behind: str) -> Said:
    guess = _nearby(word, lost.owner, known, scope)
    full = ".".join((*lost.within, word))
    offer = f"; it has {', '.join(sorted(known))}" if 0 < len(known) <= 8 else ""
    mend = f'; did you mean "{".".join((*lost.within, guess))}"?' if guess else offer
    return "TB204", f'{_owner(lost, behind)} has no field "{full}"{mend}', guess


def _owner(lost: Lost, behind: str) -> str:
    return lost.called or (f"an item of the list ({behind})" if behind else "this value")


def _below_a_value(lost: Lost, words: Sequence[str], scope: Field, behind: str) -> Said:
    """Something is asked of a text or a list as if it had fields."""
    word, owner = words[lost.index], _owner(lost, behind)
    if word in MEMBERS or word in slips.MEMBERS:
        right = slips.MEMBERS.get(word, f"{word}()")
        return "TB204", f'"{word}" is no field here; did you mean ".{right}"?', right
    if lost.owner is scope.child("changed"):
        path = ".".join(words[lost.index :])
        return "TB204", f'changed is a list of paths; write "{path}" in changed', f'"{path}" in changed'
    inside = ".".join(lost.within) or owner
    if lost.owner.kind == "list":
        mend = f"ask its items, such as {words[max(lost.index - 1, 0)]}.exists(x, x.{word} == …), or take one: [0]"
        return "TB204", f'{owner}: "{inside}" is a list and has no "{word}"; {mend}', None
    said = inside if inside == owner or owner == "this value" else f'{owner}: "{inside}"'
    return "TB204", f"{said} is {SPOKEN.get(lost.owner.kind, lost.owner.kind)} and has no fields", None


def _nearby(word: str, owner: Field, known: Mapping[str, Field], scope: Field) -> str | None:
    """The field that was meant: one of another name, of nearly this name, or of just this name one step below."""
    if owner is scope.child("event") and slips.EVENT.get(word) in known:
        return slips.EVENT[word]
    below = [f"{name}.{word}" for name, one in known.items() if one.kind == "map" and word in (one.fields or {})]
    return nearest(word, known) or (below[0] if len(below) == 1 else None)


def _unknown(word: str, known: Mapping[str, Field], valued: bool) -> Said:
    """A value without quotes, a word of another language, or a field without what it belongs to."""
    if word in slips.VALUES:
        return "TB203", f'"{word}" is not CEL; write {slips.VALUES[word]}', slips.VALUES[word]
    if word in ("env", "secrets", "secret"):
        return "TB203", f'there is no "{word}" here: rules hold no secrets; a connector or destination names them', None
    owners = [name for name in _OWNERS if name in known and word in (known[name].fields or {})]
    if valued and "vars" not in owners and word not in slips.NAMES:
        return "TB203", f'there is no "{word}" here; if it is text, put quotes around it: "{word}"', f'"{word}"'
    guess = slips.NAMES.get(word) or (f"{owners[0]}.{word}" if owners else None) or nearest(word, known)
    return "TB203", f'there is no "{word}" here' + (f'; did you mean "{guess}"?' if guess else ""), guess
