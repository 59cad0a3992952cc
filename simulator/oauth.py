"""Sign-in: tokens for an application or a person, their info and their end.

Source: Procore documentation, OAuth 2.0; the error texts are the ones of the library behind it (Doorkeeper).
"""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from simulator.answers import Refused, answer, body_of_call, refused
from simulator.tokens import LIFETIME_S, Token
from simulator.world import World

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_TEXTS = {
    "invalid_client": "Client authentication failed due to unknown client, no client authentication included,"
    " or unsupported authentication method.",
    "unsupported_grant_type": "The authorization grant type is not supported by the authorization server.",
    "unsupported_response_type": "The authorization server does not support this response type.",
    "invalid_request": "The request is missing a required parameter, includes an unsupported parameter value,"
    " or is otherwise malformed.",
    "invalid_redirect_uri": "The requested redirect uri is malformed or doesn't match client redirect URI.",
    "invalid_grant": "The provided authorization grant is invalid, expired, revoked, does not match the"
    " redirection URI used in the authorization request, or was issued to another client.",
    "unauthorized_client": "You are not authorized to revoke this token",
}


def install(app: Flask, world: World) -> None:
    pages = _SignIn(world)
    app.add_url_rule("/oauth/authorize", view_func=pages.authorize, methods=["GET"])
    app.add_url_rule("/oauth/authorize/native", view_func=pages.code_shown, methods=["GET"])
    app.add_url_rule("/oauth/token", view_func=pages.token, methods=["POST"])
    app.add_url_rule("/oauth/token/info", view_func=pages.info, methods=["GET"])
    app.add_url_rule("/oauth/revoke", view_func=pages.revoke, methods=["POST"])


class _SignIn:
    def __init__(self, world: World) -> None:
        self.world = world

    def authorize(self) -> AnyResponse:
        """The consent page, already consented to: the person who signs in is the first of the first company."""
        wish = request.args
        target = wish.get("redirect_uri", "")
        if wish.get("client_id") != self.world.tokens.client_id:
            return _page("An error has occurred", _TEXTS["invalid_client"], 401)
        if target != OUT_OF_BAND and urlsplit(target).scheme not in ("http", "https"):
            return _page("An error has occurred", _TEXTS["invalid_redirect_uri"], 400)
        if wish.get("response_type") != "code":
            return _back(target, _error_of("unsupported_response_type"))
        code = self.world.tokens.consent(self.world.person(next(iter(self.world.companies))).user_id, target)
        return _back(target, {"code": code.text})

    def code_shown(self) -> AnyResponse:
        code = escape(request.args.get("code", ""))
        return _page("Authorization code:", f'<code id="authorization_code">{code}</code>', 200)

    def token(self) -> Response:
        try:
            wish = body_of_call()
        except Refused:
            return self._no("invalid_request")
        grant = wish.get("grant_type")
        if not grant:
            return self._no("invalid_request")
        if grant not in ("client_credentials", "authorization_code", "refresh_token"):
            return self._no("unsupported_grant_type")
        if not self.world.tokens.knows(*_credentials(wish)):
            return self._no("invalid_client")
        needed = {"authorization_code": ("code", "redirect_uri"), "refresh_token": ("refresh_token",)}.get(str(grant), ())
        if not all(wish.get(name) for name in needed):
            return self._no("invalid_request")
        made = self._granted(str(grant), wish)
        return _pair(made) if made else self._no("invalid_grant")

    def _granted(self, grant: str, wish: dict[str, object]) -> Token | None:
        tokens = self.world.tokens
        if grant == "authorization_code":
            return tokens.redeem(str(wish["code"]), str(wish["redirect_uri"]))
        return tokens.renew(str(wish["refresh_token"])) if grant == "refresh_token" else tokens.issue()

    def info(self) -> Response:
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        known = self.world.tokens.valid(text.strip()) if kind.lower() == "bearer" else None
        if known is None:
            return refused(Refused(401, {"errors": "The access token is invalid"}))
        return answer(
            {
                "resource_owner_id": known.user_id,
                "scopes": [],
                "expires_in_seconds": known.expires_at - int(self.world.clock()),
                "application": {"uid": self.world.tokens.client_id},
                "created_at": known.created_at,
            }
        )

    def revoke(self) -> Response:
        try:
            wish = body_of_call()
        except Refused:
            return self._no("invalid_request")
        if not self.world.tokens.knows(*_credentials(wish)):
            return self._no("unauthorized_client")
        self.world.tokens.revoke(str(wish.get("token")))
        return answer({})

    def _no(self, code: str) -> Response:
        # Both 400 and 401 have been seen for a bad grant, so each profile has one of them.
        strict = self.world.profile == "strict"
        status = {"invalid_client": 401, "unauthorized_client": 403, "invalid_grant": 401 if strict else 400}.get(code, 400)
        return answer(_error_of(code), status)


def _pair(token: Token) -> Response:
    body = {"access_token": token.text, "token_type": "bearer", "expires_in": LIFETIME_S, "created_at": token.created_at}
    return answer(body | ({"refresh_token": token.refresh} if token.refresh else {}))


def _credentials(wish: dict[str, object]) -> tuple[str | None, str | None]:
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        return basic.username, basic.password
    return str(wish.get("client_id")), str(wish.get("client_secret"))


def _error_of(code: str) -> dict[str, str]:
    return {"error": code, "error_description": _TEXTS[code]}


def _back(target: str, said: dict[str, str]) -> AnyResponse:
    """To the application with the answer and its own `state`; out of band, to a page that shows the code."""
    if target == OUT_OF_BAND:
        return redirect("/oauth/authorize/native?" + urlencode(said)) if "code" in said else _page(*_shown(said), 400)
    state = request.args.get("state")
    query = urlencode(said | ({"state": state} if state is not None else {}))
    return redirect(f"{target}{'&' if urlsplit(target).query else '?'}{query}")


def _shown(said: dict[str, str]) -> tuple[str, str]:
    return "An error has occurred", said["error_description"]


def _page(head: str, text: str, status: int) -> Response:
    page = f"<!DOCTYPE html>\n<title>Procore</title>\n<h1>{head}</h1>\n<p>{text}</p>\n"
    return Response(page, status, content_type="text/html; charset=utf-8")
