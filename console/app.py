"""The console as a WSGI application: pages and the JSON API over the same verbs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, g, request
from jinja2 import StrictUndefined
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map

from config.errors import ConfigError, TiebackError
from console import api, cookies, faults, pages
from console.access import TABLE
from console.guard import Guard
from console.pages.navigation import NAVIGATION
from console.pages.plots import gauge
from console.shapes import FILTERS, between
from console.verbs.at_hand import AtHand
from console.verbs.measuring import Scraped
from webhook.health import Health

MOST_BYTES = 512 * 1024


class RowId(IntegerConverter):
    """A number that a row's id may be: what no database holds is an address that does not exist."""

    def __init__(self, map: Map):
        super().__init__(map, min=1, max=10**18 - 1)


class Console(Flask):
    """A Flask that knows no route beside the table of `console.access`."""

    def add_url_rule(self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any) -> None:
        access = TABLE.get(endpoint or "")
        if access is None:
            raise ConfigError(
                f"the route {rule} ({endpoint}) is not in the table of console/access.py. Say there who may use it."
            )
        if rule != access.rule or options.get("methods") not in (None, [access.method]):
            raise ConfigError(f"the route {endpoint} is {access.method} {access.rule} in the table and {rule} here.")
        options |= {"methods": [access.method], "provide_automatic_options": False}
        super().add_url_rule(rule, endpoint, view_func, *args, **options)

    def serve(self, endpoint: str, view: Callable[..., Any]) -> None:
        """Register a view under the rule and the method that the table has for it."""
        self.add_url_rule(TABLE[endpoint].rule, endpoint, view)


def create_app(here: AtHand) -> Console:
    """The console. Raises: ConfigError when Flask's debugger is switched on in the environment."""
    app = Console("console", static_folder="static", static_url_path="/static", template_folder="templates")
    if app.debug:
        raise ConfigError("FLASK_DEBUG is set: the debugger would run anybody's code. Unset it.")
    app.config |= {"MAX_CONTENT_LENGTH": MOST_BYTES, "MAX_FORM_PARTS": 200}
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = RowId
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= FILTERS
    app.jinja_env.globals |= {"between": between, "gauge": gauge, "nav": NAVIGATION}
    guard, health = Guard(here), Health(here.engine)
    app.before_request(guard.before)
    app.after_request(guard.after)
    app.context_processor(_on_every_page)
    figures = Scraped(here)
    ours: dict[str, Callable[..., Any]] = {
        "health.alive": health.alive,
        "health.ready": health.readiness,
        "metrics.show": lambda: Response(figures.text(), content_type=CONTENT_TYPE_PLAIN_0_0_4),
    }
    for endpoint, view in {**ours, **pages.VIEWS, **api.VIEWS}.items():
        app.serve(endpoint, view)
    _answer_errors(app)
    return app


def _answer_errors(app: Flask) -> None:
    app.register_error_handler(faults.Fault, faults.of_fault)
    app.register_error_handler(HTTPException, faults.of_http)
    app.register_error_handler(TiebackError, faults.of_ours)
    app.register_error_handler(DBAPIError, faults.of_database)
    app.register_error_handler(Exception, faults.of_anything)


def _on_every_page() -> dict[str, Any]:
    """Who is here, what they may, what is to be said once, and how the whole is."""
    identity = g.get("identity")
    cookie = cookies.read(request) if identity is not None else g.get("visit", "")
    return {
        "me": identity,
        "may": identity.may if identity is not None else lambda endpoint: False,
        "form_token": cookies.form_token(cookie) if cookie else "",
        "said": g.get("said") or [],
        "standing": pages.standing() if identity is not None else None,
        "allowed": [one for one in TABLE if identity is not None and identity.may(one) and one in current_app.view_functions],
        "here_path": request.path,
    }
