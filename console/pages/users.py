"""People and API tokens."""

from __future__ import annotations

from flask import render_template, request
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.access import ROLES
from console.pages.parts import Typed, done, field, here, refused
from console.verbs import people, tokens

PAGE = "/users"


def list_() -> str:
    return _drawn()


def _drawn(error: str | None = None, typed: dict[str, str] | None = None, token: tuple[str, str] | None = None) -> str:
    rows = people.listed(here())
    return render_template(
        "users/list.html", people=rows, tokens=tokens.listed(here()), roles=ROLES, scopes=tokens.SCOPES, error=error,
        typed=Typed(typed or {}), new_token=token,
    )  # fmt: skip


def _companies() -> list[str] | None:
    text = field("companies", 1000)
    return text.replace(",", " ").split() if text else None


def add() -> BaseResponse | tuple[str, int]:
    name, role = field("name", 64), field("role", 20)
    try:
        people.add(here(), name, role, _companies(), request.form.get("password", ""))
    except ConfigError as error:
        return _drawn(str(error), {"name": name, "role": role, "companies": field("companies", 1000)}), 422
    return done(PAGE, f"{name} may sign in as {role}.")


def change(name: str) -> BaseResponse:
    version = field("version", 9)
    try:
        people.change(here(), name, int(version) if version.isdigit() else 0, field("role", 20), _companies())
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"{name} is changed.")


def remove(name: str) -> BaseResponse:
    try:
        people.remove(here(), name)
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"{name} is removed and signed out everywhere.")


def revoke(name: str) -> BaseResponse:
    try:
        ended = people.end_sessions(here(), name)
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"{name}: {ended} session{'' if ended == 1 else 's'} ended.")


def add_token() -> str | tuple[str, int]:
    name, scopes = field("token_name", 64), field("scopes", 400).replace(",", " ").split()
    try:
        token = tokens.add(here(), name, scopes)
    except ConfigError as error:
        return _drawn(str(error), {"token_name": name, "scopes": " ".join(scopes)}), 422
    return _drawn(token=(name, token))  # this once; it is not kept


def revoke_token(name: str) -> BaseResponse:
    try:
        tokens.revoke(here(), name)
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"The token {name} is revoked.")


VIEWS = {
    "users.list": list_, "users.add": add, "users.change": change, "users.remove": remove, "users.revoke": revoke,
    "tokens.add": add_token, "tokens.revoke": revoke_token,
}  # fmt: skip
