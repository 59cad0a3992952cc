"""One's own account: password, second factor, sessions."""

from __future__ import annotations

from flask import redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console import passwords
from console.pages.parts import done, field, here, me, refused
from console.verbs import people, signing_in, signing_on
from store import sessions, users
from store.session import reading

PAGE = "/account"


def show() -> str:
    return _drawn(None)


def _drawn(error: str | None, factor: str | None = None) -> str:
    with reading(here().engine) as db:
        row = users.get(db, me().name)
        open_sessions = [dict(one._mapping) for one in sessions.of_user(db, row.id)] if row is not None else []
    offered = factor or passwords.new_factor()
    return render_template(
        "account/show.html",
        error=error,
        provided=signing_on.offered(here()) or "a provider" if row is not None and row.subject else None,
        factor_on=row is not None and row.totp is not None,
        factor=offered,
        factor_url=passwords.factor_url(offered, me().name),
        sessions=open_sessions,
    )


def password() -> BaseResponse:
    try:
        signing_in.confirm(here(), me().name, request.form.get("present", ""))
        people.set_password(here(), me().name, request.form.get("password", ""), keep=me().session)
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, "Your password is changed. Everywhere else you are signed out.")


def factor() -> BaseResponse | tuple[str, int]:
    """On with a code of the new secret, off with the password."""
    try:
        signing_in.confirm(here(), me().name, request.form.get("present", ""))
        if field("off"):
            signing_in.drop_factor(here(), me().name)
            return done(PAGE, "The second factor is off.")
        signing_in.set_factor(here(), me().name, field("factor", 64), field("code", 20))
    except ConfigError as error:
        # The secret stays the one that the person has scanned already.
        return (_drawn(str(error), field("factor", 64)), 422) if field("factor") else refused(PAGE, error)
    return done(PAGE, "The second factor is on: the next sign-in asks for a code.")


def revoke() -> BaseResponse:
    ended = people.end_sessions(here(), me().name, keep=me().session)
    return done(PAGE, f"{ended} other session{'' if ended == 1 else 's'} ended.") if ended else redirect(PAGE, 303)


VIEWS = {"account.show": show, "account.password": password, "account.factor": factor, "account.revoke": revoke}
