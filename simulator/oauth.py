"""Sign-in: tokens for an application, their info and their end.

Source: Procore documentation, OAuth 2.0; the error texts are the ones of the library behind it.
"""

from __future__ import annotations

from flask import Flask, Response, request

from simulator.answers import Refused, answer, body_of_call, refused
from simulator.tokens import LIFETIME_S
from simulator.world import World

_TEXTS = {
    "invalid_client": "Client authentication failed due to unknown client, no client authentication included,"
    " or unsupported authentication method.",
    "unsupported_grant_type": "The authorization grant type is not supported by the authorization server.",
    "invalid_request": "The request is missing a required parameter, includes an unsupported parameter value,"
    " or is otherwise malformed.",
    "invalid_grant": "The provided authorization grant is invalid, expired, revoked, does not match the"
    " redirection URI used in the authorization request, or was issued to another client.",
}


def install(app: Flask, world: World) -> None:
    @app.post("/oauth/token")
    def token() -> Response:
        try:
            wish = body_of_call()
        except Refused:
            return _error("invalid_request", 400)
        grant = wish.get("grant_type")
        if not grant:
            return _error("invalid_request", 400)
        if grant != "client_credentials":
            return _error("unsupported_grant_type", 400)
        if not world.tokens.knows(*_credentials(wish)):
            return _error("invalid_client", 401)
        made = world.tokens.issue()
        return answer(
            {
                "access_token": made.text,
                "token_type": "bearer",
                "expires_in": LIFETIME_S,
                "created_at": made.created_at,
            }
        )

    @app.get("/oauth/token/info")
    def info() -> Response:
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        known = world.tokens.valid(text.strip()) if kind.lower() == "bearer" else None
        if known is None:
            return refused(Refused(401, {"errors": "The access token is invalid"}))
        return answer(
            {
                "resource_owner_id": known.user_id,
                "scopes": [],
                "expires_in_seconds": known.expires_at - int(world.clock()),
                "application": {"uid": world.tokens.client_id},
                "created_at": known.created_at,
            }
        )

    @app.post("/oauth/revoke")
    def revoke() -> Response:
        wish = body_of_call()
        if world.tokens.knows(*_credentials(wish)):
            world.tokens.revoke(str(wish.get("token")))
        return answer({})


def _credentials(wish: dict[str, object]) -> tuple[str | None, str | None]:
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        return basic.username, basic.password
    return str(wish.get("client_id")), str(wish.get("client_secret"))


def _error(code: str, status: int) -> Response:
    return answer({"error": code, "error_description": _TEXTS[code]}, status)
