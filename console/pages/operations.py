"""Operations: long work, counted before it begins, followed while it goes on, paused, cancelled and taken back."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import PAGE_ROWS, Typed, asked, before, done, drawn, field, here, older, refused, say, sought
from console.verbs import choosing, fitting, operating, replaying
from console.verbs.at_hand import NotThere
from console.verbs.operating import Pace

PAGE = "/operations"
CAREFUL = {"canary": "3", "window_s": "10", "rate": "", "why": ""}
OF = {"retry": "run", "cancel": "run", "replay": "event"}
Dict = dict[str, Any]


def list_() -> tuple[str, int]:
    filters = {name: asked(name) for name in ("kind", "state")}
    found, unfit = sought(lambda: operating.listed(here(), PAGE_ROWS + 1, before(), **filters))
    rows, next_page = older(found)
    return drawn(
        "operations/list.html", unfit, operations=rows, next_page=next_page, filters=filters, kinds=operating.KINDS,
        states=fitting.OPERATIONS["state"],
    )  # fmt: skip


def show(id: int) -> str:
    found = operating.shown(here(), id)
    going = found["state"] not in operating.RESTS
    return render_template("operations/show.html", one=found, going=going, most=operating.MOST_LOOKED_AT)


def ask() -> str:
    """How many it would be, before anything is done."""
    kind, what = _wished(request.args)
    return _drawn(kind, what, {**CAREFUL, "canary": ""} if kind == "cancel" else CAREFUL)


def _drawn(kind: str, what: Dict, typed: dict[str, str], error: str | None = None, wrong: str | None = None) -> str:
    found: Dict = {"total": 0, "what": what}
    nothing_said = not what["where"] and not what["ids"] and not what["everything"]
    rules = replaying.rules(here()) if kind == "replay" else []
    try:
        if kind != "replay" or what["rule"]:
            found = operating.preview(here(), kind, what)
    except NotThere as missing:
        error = error or str(missing)
    except ConfigError as unfit:
        error = error or str(unfit)
    return render_template(
        "operations/ask.html", kind=kind, subject=OF[kind], rules=rules, what=what, shown=found["what"], total=found["total"],
        typed=Typed(typed), error=error, wrong=wrong, nothing_said=nothing_said, fields=_fields(kind, what),
        query=urlencode([*_fields(kind, what), ("everything", "1")]), back=f"/{OF[kind]}s?" + urlencode(_conditions(what)),
    )  # fmt: skip


def _wished(given: MultiDict[str, str]) -> tuple[str, Dict]:
    """What the address or the form says: `kind`, a condition of each name, `id` of each one that was chosen, `everything`.

    For a replay also `rule`, the automation that is to hear the events.
    """
    kind = given.get("kind", "")
    kind = kind if kind in OF else "retry"
    where: Dict = {}
    for name in choosing.OF_EVENTS if kind == "replay" else choosing.OF_RUNS:
        values = [value[:400].strip() for value in given.getlist(name) if value.strip()]
        if values:
            where[name] = values if len(values) > 1 else values[0]
    ids = [int(text) for text in given.getlist("id")[: choosing.MOST_CHOSEN + 1] if text.isdigit() and len(text) <= 18]
    what: Dict = {"where": where, "ids": ids, "everything": bool(given.get("everything"))}
    return kind, {**what, "rule": given.get("rule", "")[:64].strip()} if kind == "replay" else what


def _conditions(what: Dict) -> list[tuple[str, str]]:
    found = []
    for name, value in what["where"].items():
        found += [(name, str(one)) for one in (value if isinstance(value, list) else [value])]
    return found


def _fields(kind: str, what: Dict) -> list[tuple[str, str]]:
    """The same wish once more, as fields of a form."""
    found = [("kind", kind), *_conditions(what), *(("id", str(id)) for id in what["ids"])]
    found += [("everything", "1")] if what["everything"] else []
    return found + ([("rule", what["rule"])] if what.get("rule") else [])


def start() -> BaseResponse | tuple[str, int]:
    kind, what = _wished(request.form)
    typed = {name: field(name, 500) for name in CAREFUL}
    wrong = None
    try:
        numbers = {}
        for name, told in (("rate", "Per second"), ("canary", "Try first"), ("window_s", "Undo window")):
            wrong = name
            numbers[name] = _number(typed[name], told)
        wrong = None
        pace = Pace(numbers["rate"], int(numbers["canary"] or 0), numbers["window_s"] or 0.0)
        id = operating.start(here(), kind, what, pace=pace, why=typed["why"])
    except NotThere:
        raise
    except ConfigError as error:
        return _drawn(kind, what, typed, str(error), wrong), 422
    say(f"Operation {id} begins" + (f" in {pace.window_s:g} s; until then it can be withdrawn." if pace.window_s else "."))
    return redirect(f"{PAGE}/{id}", 303)


def _number(text: str, name: str) -> float | None:
    if not text:
        return None
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        found = float("nan")
    if not 0 <= found <= 10**6:
        raise ConfigError(f'{name}: "{text[:40]}" is no number. Write one such as 10, or leave it empty.')
    return found


def _did(id: int, verb: Any, sentence: str) -> BaseResponse:
    try:
        verb()
    except NotThere:
        raise
    except ConfigError as error:
        return refused(f"{PAGE}/{id}", error)
    return done(f"{PAGE}/{id}", sentence)


def pause(id: int) -> BaseResponse:
    return _did(id, lambda: operating.pause(here(), id), f"Operation {id} is paused. What it made due goes on.")


def resume(id: int) -> BaseResponse:
    return _did(id, lambda: operating.resume(here(), id), f"Operation {id} goes on.")


def cancel(id: int) -> BaseResponse:
    return _did(id, lambda: operating.cancel(here(), id), f"Operation {id} is cancelled.")


def take_back(id: int) -> BaseResponse:
    return _did(id, lambda: operating.take_back(here(), id), f"Operation {id} is being taken back: what nobody has begun with.")


VIEWS = {
    "operations.list": list_, "operations.show": show, "operations.ask": ask, "operations.start": start,
    "operations.pause": pause, "operations.resume": resume, "operations.cancel": cancel, "operations.take_back": take_back,
}  # fmt: skip
