"""What every request passes before a page sees it: TLS, who asks, whether they may, and whether the form is ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Response, g, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from console import cookies
from console.access import ROLES, SCOPES, TABLE, Access, Identity
from console.faults import Fault
from console.verbs import signing_in
from console.verbs.at_hand import AtHand
from store import apitokens, connectors, sessions
from store.board import Theirs
from store.session import reading, writing

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",
}
HSTS = "max-age=63072000; includeSubDomains"


class Guard:
    """`here` is what the process has at hand; each request gets it in the name of who asks, as `g.here`."""

    def __init__(self, here: AtHand):
        self._here = here

    def before(self) -> BaseResponse | None:
        """Deny unless the table says otherwise. Raises: Fault."""
        access = TABLE.get(request.endpoint or "")
        if access is None:
            raise Fault("not-found")
        if access.reach == "open" and request.endpoint in ("static", "health.alive", "health.ready", "api.openapi"):
            return None
        if not (request.is_secure or cookies.may_be_plain(request)):
            raise Fault("not-safe")
        if access.reach == "metrics":
            self._check_scraper()
            return None
        return self._person(access)

    def _check_scraper(self) -> None:
        """Figures are of all companies: a token that is limited to one does not open them, and no session does."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        with reading(self._here.engine) as db:
            found = apitokens.find(db, token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise Fault("not-signed-in", "Send a token of the scope metrics: Authorization: Bearer …")
        if "metrics" not in found.scopes or any(one.startswith("company:") for one in found.scopes):
            raise Fault("forbidden", "This token is not for metrics. Make one: tieback tokens add prometheus --scope metrics")

    def _person(self, access: Access) -> BaseResponse | None:
        identity = self._identify()
        g.identity, g.here = identity, self._here
        if access.reach == "open":
            _check_form(access, identity)
            return None
        if identity is None:
            return self._sent_to_sign_in()
        if not identity.may(request.endpoint or ""):
            raise Fault("forbidden")
        _check_form(access, identity)
        g.here = replace(self._here, actor=identity.actor, only=self._theirs(identity))
        return None

    def _identify(self) -> Identity | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme and request.path.startswith("/api/"):
            return self._by_token(token.strip()) if scheme.lower() == "bearer" else None
        id = cookies.read(request)
        if not id:
            return None
        with reading(self._here.engine) as db:
            found = sessions.find(db, id)
        if found is None:
            return None
        g.said = found.said
        self._note_life(found)
        companies = None if found.companies is None else frozenset(found.companies)
        return Identity(found.name, found.role, companies, found.user_id, found.digest)

    def _note_life(self, found: Any) -> None:
        """A page that refreshes itself is no sign of life, or nobody would ever be signed out."""
        by_itself = request.headers.get("X-Refresh") == "1"
        said = found.said and request.method == "GET"
        if by_itself or not (found.due or said):
            return
        with writing(self._here.engine) as db:
            if found.due:
                sessions.seen(db, found.digest)
            if said:
                sessions.say(db, found.digest, None)

    def _by_token(self, token: str) -> Identity | None:
        with reading(self._here.engine) as db:
            found = apitokens.find(db, token)
        if found is None:
            return None
        roles = [SCOPES[scope] for scope in found.scopes if scope in SCOPES]
        if not roles:
            return None
        companies = frozenset(one.removeprefix("company:") for one in found.scopes if one.startswith("company:"))
        return Identity(found.name, max(roles, key=ROLES.index), companies or None)

    def _theirs(self, identity: Identity) -> frozenset[str] | None:
        """The connectors that someone of some companies may see, also those that were removed."""
        if identity.companies is None:
            return None
        with reading(self._here.engine) as db:
            return Theirs(connectors.of_companies(db, identity.companies), identity.companies)

    def _sent_to_sign_in(self) -> BaseResponse:
        if request.path.startswith("/api/") or request.headers.get("HX-Request"):
            raise Fault("not-signed-in")
        if signing_in.nobody_yet(self._here):
            return redirect("/first", 303)
        return redirect("/sign-in?next=" + quote(_wanted()), 303)

    def after(self, response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint == "metrics.show" and response.status_code == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if request.endpoint == "static" and response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=86400"
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = HSTS
        return response


def _check_form(access: Access, identity: Identity | None) -> None:
    """A bearer token is sent by no browser on its own; everything else that changes something must be a form of ours."""
    if not access.changes:
        return
    if identity is not None and identity.session is None:
        if request.mimetype != "application/json" and request.content_length:
            raise Fault("not-acceptable")
        return
    cookie = cookies.read(request) if identity is not None else cookies.read(request, "-visit")
    if not cookies.is_own_form(request, cookie):
        raise Fault("foreign-form" if identity is not None or access.reach == "open" else "not-signed-in")


def _wanted() -> str:
    """The page to come back to: what was asked for, or the page whose form was sent too late."""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    came_from = urlsplit(request.headers.get("Referer", ""))
    return came_from.path + (f"?{came_from.query}" if came_from.query else "") if came_from.netloc == request.host else "/"


def own_page(target: str) -> str:
    """The target of a redirect if it is a page of ours, else the overview: one slash, no host, nothing that a browser repairs."""
    fits = target.startswith("/") and not target.startswith(("//", "/\\")) and "\\" not in target and target.isprintable()
    seen = urlsplit(target) if fits else None
    return target if seen is not None and not seen.scheme and not seen.netloc and "//" not in seen.path else "/"
