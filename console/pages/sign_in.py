"""Signing in and out."""

from __future__ import annotations

from flask import Response, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from console import cookies
from console.guard import own_page
from console.pages.parts import field, here, me
from console.verbs import signing_in
from console.verbs.signing_in import Browser, Refused, TooMany
from store import sessions
from store.session import writing


def form() -> BaseResponse:
    if signing_in.nobody_yet(here()):
        return redirect("/first", 303)
    if g.identity is not None:
        return redirect(own_page(request.args.get("next", "/")), 303)
    return drawn("sign_in/form.html", 200, next=own_page(request.args.get("next", "/")), name="", error=None)


def drawn(template: str, status: int, **values: object) -> Response:
    """A page for somebody who is not signed in yet: it brings the cookie that its form is bound to."""
    g.visit = cookies.read(request, "-visit") or cookies.new_visit()
    response = make_response(render_template(template, **values), status)
    cookies.give(request, response, g.visit, "-visit")
    return response


def submit() -> BaseResponse:
    browser = Browser(request.remote_addr or "", request.headers.get("User-Agent", ""))
    target = own_page(request.form.get("next", "/"))
    # A password is taken as it was typed: a space may be part of it.
    password = request.form.get("password", "")
    try:
        id = signing_in.sign_in(here(), field("name", 64), password, field("code", 20), browser)
    except Refused as error:
        status = 429 if isinstance(error, TooMany) else 401
        return drawn("sign_in/form.html", status, next=target, name=field("name", 64), error=str(error))
    response = make_response(redirect(target, 303))
    cookies.give(request, response, id)
    cookies.take_back(request, response, "-visit")
    return response


def out() -> BaseResponse:
    session = me().session
    if session is not None:
        with writing(here().engine) as db:
            sessions.end(db, session)
    response = make_response(redirect("/sign-in", 303))
    cookies.take_back(request, response)
    return response


VIEWS = {"sign_in.form": form, "sign_in.submit": submit, "sign_in.out": out}
