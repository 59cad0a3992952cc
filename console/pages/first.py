"""The first start: whoever has the printed code makes themselves administrator."""

from __future__ import annotations

from flask import make_response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console import cookies
from console.pages.parts import field, here
from console.pages.sign_in import drawn
from console.verbs import signing_in, signing_on
from console.verbs.signing_in import Browser, Refused


def form() -> BaseResponse:
    if not signing_in.nobody_yet(here()):
        return redirect("/sign-in", 303)
    return drawn("first/form.html", 200, name="", error=None, provider=signing_on.offered(here()))


def submit() -> BaseResponse:
    name, password = field("name", 64), request.form.get("password", "")
    browser = Browser(request.remote_addr or "", request.headers.get("User-Agent", ""))
    try:
        signing_in.first(here(), field("code", 64), name, password)
        id = signing_in.sign_in(here(), name, password, "", browser)
    except (Refused, ConfigError) as error:
        return drawn(
            "first/form.html",
            401 if isinstance(error, Refused) else 422,
            name=name,
            error=str(error),
            provider=signing_on.offered(here()),
        )
    response = make_response(redirect("/", 303))
    cookies.give(request, response, id)
    cookies.take_back(request, response, "-visit")
    return response


VIEWS = {"first.form": form, "first.submit": submit}
