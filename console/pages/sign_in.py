"""Signing in and out."""

from __future__ import annotations

from flask import Response, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from console import cookies
from console.faults import Fault
from console.guard import own_page
from console.pages.parts import field, here, me
from console.verbs import signing_in, signing_on
from console.verbs.signing_in import Browser, Refused, TooMany
from store import sessions
from store.session import writing


def form() -> BaseResponse:
    if signing_in.nobody_yet(here()):
        return redirect("/first", 303)
    if g.identity is not None:
        return redirect(own_page(request.args.get("next", "/")), 303)
    return _asked(200, own_page(request.args.get("next", "/")))


def _asked(status: int, target: str, name: str = "", error: str | None = None) -> Response:
    return drawn("sign_in/form.html", status, next=target, name=name, error=error, provider=signing_on.offered(here()))


def provider() -> BaseResponse:
    """To the provider; the browser's visit ties what comes back to it."""
    given, target = here().settings.sign_on, own_page(request.args.get("next", "/"))
    if given is None:
        raise Fault("not-found")
    visit = cookies.read(request, "-visit") or cookies.new_visit()
    try:
        response = make_response(redirect(signing_on.begin(here(), given, visit, target, _browser()), 303))
    except Refused as error:
        return _asked(429 if isinstance(error, TooMany) else 502, target, error=str(error))
    cookies.give(request, response, visit, "-visit")
    return response


def back() -> BaseResponse:
    """From the provider, with a code or with its refusal."""
    given = here().settings.sign_on
    if given is None:
        raise Fault("not-found")
    try:
        id, target = signing_on.back(here(), given, cookies.read(request, "-visit"), request.args, _browser())
    except Refused as error:
        return _asked(429 if isinstance(error, TooMany) else 401, "/", error=str(error))
    return _signed_in(id, own_page(target))


def _signed_in(id: str, target: str) -> BaseResponse:
    response = make_response(redirect(target, 303))
    cookies.give(request, response, id)
    cookies.take_back(request, response, "-visit")
    return response


def _browser() -> Browser:
    return Browser(request.remote_addr or "", request.headers.get("User-Agent", ""))


def drawn(template: str, status: int, **values: object) -> Response:
    """A page for somebody who is not signed in yet: it brings the cookie that its form is bound to."""
    g.visit = cookies.read(request, "-visit") or cookies.new_visit()
    response = make_response(render_template(template, **values), status)
    cookies.give(request, response, g.visit, "-visit")
    return response


def submit() -> BaseResponse:
    target = own_page(request.form.get("next", "/"))
    # A password is taken as it was typed: a space may be part of it.
    password = request.form.get("password", "")
    try:
        id = signing_in.sign_in(here(), field("name", 64), password, field("code", 20), _browser())
    except Refused as error:
        status = 429 if isinstance(error, TooMany) else 401
        return _asked(status, target, field("name", 64), str(error))
    return _signed_in(id, target)


def out() -> BaseResponse:
    session = me().session
    if session is not None:
        with writing(here().engine) as db:
            sessions.end(db, session)
    response = make_response(redirect("/sign-in", 303))
    cookies.take_back(request, response)
    return response


VIEWS = {
    "sign_in.form": form, "sign_in.submit": submit, "sign_in.provider": provider, "sign_in.back": back, "sign_in.out": out,
}  # fmt: skip
