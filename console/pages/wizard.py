"""Adding a connection in five steps: name, endpoint, sign in, company, validate. Nothing is in force before the last click.

What was entered so far rests in the session's row, the client secret sealed: no page ever holds it again.
"""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import TiebackError
from console.pages.parts import Typed, field, here, me, say
from console.verbs import drafting
from console.verbs.drafting import StepError

PAGE = "/add-connector"


def show() -> str:
    return _drawn(drafting.kept(here(), _session()))


def _session() -> str:
    session = me().session
    assert session is not None  # a token has no wizard: the route needs a form of ours
    return session


def _drawn(draft: dict[str, Any], error: StepError | None = None) -> str:
    draft = {**draft, "typed": Typed(draft["typed"])}
    return render_template("wizard/show.html", draft=draft, error=error, environments=drafting.ENVIRONMENTS)


def connect() -> BaseResponse | tuple[str, int]:
    names = ("name", "environment", "api_host", "login_host", "client_id")
    typed = {name: field(name, 300) for name in names} | {"private": bool(field("private"))}
    try:
        drafting.connect(here(), _session(), typed, field("client_secret", 1000))
    except StepError as error:
        return _drawn({**drafting.kept(here(), _session()), "typed": typed, "companies": None, "checks": None}, error), 422
    return redirect(f"{PAGE}#company", 303)


def company() -> BaseResponse | tuple[str, int]:
    try:
        drafting.choose(here(), _session(), field("company_id", 40))
    except StepError as error:
        return _drawn(drafting.kept(here(), _session()), error), 422
    return redirect(f"{PAGE}#validate", 303)


def add() -> BaseResponse | tuple[str, int]:
    try:
        name = drafting.add(here(), _session())
    except TiebackError as error:
        return _drawn(drafting.kept(here(), _session()), StepError("validate", str(error))), 422
    say(f"{name} is added. Next: let Tieback subscribe its hooks.")
    return redirect(f"/connectors/{name}", 303)


def leave() -> BaseResponse:
    drafting.forget(here(), _session())
    return redirect(PAGE, 303)


VIEWS = {"wizard.show": show, "wizard.connect": connect, "wizard.company": company, "wizard.add": add, "wizard.leave": leave}
