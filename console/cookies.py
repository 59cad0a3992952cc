"""The browser's side of a session: its cookie, the token that every form carries, and where a request may come from.

Over TLS the cookie is `__Host-tieback`: secure, for this host only, out of reach of scripts. On a loopback address without TLS
browsers may refuse such a cookie; there, and only there, it is called `tieback` and lacks `Secure`.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from hashlib import sha256
from urllib.parse import urlsplit

from flask import Request, Response

SECURE, PLAIN = "__Host-tieback", "tieback"
LONGEST_ID = 64


def is_loopback(host: str) -> bool:
    """Whether a host (without port) is this machine, by number or as `localhost`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def may_be_plain(request: Request) -> bool:
    """Without TLS only a browser of this machine is served; the name it used must be this machine's too (DNS rebinding)."""
    host = urlsplit(f"//{request.host}").hostname or ""
    return is_loopback(request.remote_addr or "") and is_loopback(host)


def name_of(request: Request, kind: str = "") -> str:
    return (SECURE if request.is_secure else PLAIN) + kind


def read(request: Request, kind: str = "") -> str:
    """The value that the browser sent; empty when there is none that could be ours."""
    value = request.cookies.get(name_of(request, kind), "")
    return value if len(value) <= LONGEST_ID else ""


def give(request: Request, response: Response, value: str, kind: str = "") -> None:
    """For as long as the browser is open; how long it counts is known here."""
    response.set_cookie(name_of(request, kind), value, secure=request.is_secure, httponly=True, samesite="Lax", path="/")


def take_back(request: Request, response: Response, kind: str = "") -> None:
    response.delete_cookie(name_of(request, kind), secure=request.is_secure, httponly=True, samesite="Lax", path="/")


def new_visit() -> str:
    """What a browser is known by before it signs in; it never becomes a session's id."""
    return secrets.token_urlsafe(32)


def form_token(cookie: str) -> str:
    """What a form must carry to be taken: made from the cookie, which another site can neither read nor set."""
    return hmac.new(cookie.encode(), b"tieback form", sha256).hexdigest()


def is_own_form(request: Request, cookie: str) -> bool:
    """Whether a request that changes something comes from a page of ours."""
    sent = request.headers.get("X-Form-Token") or request.form.get("form_token", "")
    right = hmac.compare_digest(sent.encode(), form_token(cookie).encode())
    return bool(cookie) and right and _same_origin(request)


def _same_origin(request: Request) -> bool:
    """Browsers say where a form was; what says nothing, or `null`, is not taken."""
    origin = request.headers.get("Origin") or request.headers.get("Referer") or ""
    seen = urlsplit(origin)
    return (seen.scheme, seen.netloc.lower()) == (request.scheme, request.host.lower())
