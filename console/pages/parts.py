"""What pages have in common: a form's answer, a way back, and how the whole is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Response, g, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError, TiebackError
from console.access import Identity
from console.guard import own_page
from console.verbs import standing as standing_verbs
from console.verbs.at_hand import AtHand
from console.verbs.fitting import Misfit
from store import sessions
from store.session import writing

PAGE_ROWS = 50


def here() -> AtHand:
    found: AtHand = g.here
    return found


def me() -> Identity:
    found: Identity = g.identity
    return found


def field(name: str, most: int = 4000) -> str:
    """A field of the form, without the space around it."""
    return request.form.get(name, "")[:most].strip()


def pause_s() -> float | None:
    """How long a pause lasts, in seconds; None: until somebody resumes it. Raises: ConfigError for what is no number."""
    text = field("hours", 8)
    try:
        return float(text) * 3600 if text else None
    except ValueError:
        raise ConfigError(f'hours: "{text}" is no number. Write such as 4, or nothing.') from None


class Typed(dict[str, Any]):
    """What was typed into a form; empty for what was not."""

    def __missing__(self, name: str) -> str:
        return ""


def asked(name: str, most: int = 400) -> str | None:
    """A filter of the address; None when it is not there or empty."""
    return request.args.get(name, "")[:most].strip() or None


def sought(find: Callable[[], list[dict[str, Any]]]) -> tuple[list[dict[str, Any]], str | None]:
    """What a filter finds; or nothing, and the sentence of the field that does not fit."""
    try:
        return find(), None
    except Misfit as error:
        return [], str(error)


def drawn(template: str, unfit: str | None, **words: Any) -> tuple[str, int]:
    """A list with its filters as they were typed, also those that do not fit."""
    return render_template(template, unfit=unfit, **words), 200 if unfit is None else 422


def say(*sentences: str, tone: str = "good") -> None:
    """What the next page shows once. `tone` is good or bad."""
    identity = me()
    if identity.session is None:
        return
    with writing(g.here.engine) as db:
        sessions.say(db, identity.session, [[tone, one] for one in sentences])


def back(usual: str) -> BaseResponse:
    """To the page that the form was on."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    target = came_from.path + (f"?{came_from.query}" if came_from.query else "")
    return redirect(own_page(target) if came_from.netloc == request.host else usual, 303)


def done(usual: str, sentence: str) -> BaseResponse:
    say(sentence)
    return back(usual)


def refused(usual: str, error: TiebackError) -> BaseResponse:
    """An action that was not possible: its sentence on the page it came from."""
    say(str(error), tone="bad")
    return back(usual)


def older(rows: list[dict[str, Any]], limit: int = PAGE_ROWS) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of this page, and the address of the next one when there was one row more."""
    if len(rows) <= limit:
        return rows, None
    shown = rows[:limit]
    kept = {name: value for name, value in request.args.items() if name != "before"}
    return shown, f"{request.path}?{urlencode({**kept, 'before': shown[-1]['id']})}"


def before() -> int | None:
    """Where the page begins: the id of the last row of the page before it."""
    text = request.args.get("before", "")
    return int(text) if text.isdigit() and len(text) <= 18 else None


def standing() -> dict[str, Any]:
    """How the whole is, asked once for each request: the bar at the top shows it on every page."""
    if "standing" not in g:
        g.standing = standing_verbs.verdict(g.here)
    found: dict[str, Any] = g.standing
    return found


def download(text: Any, name: str, kind: str) -> Response:
    return Response(text, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
