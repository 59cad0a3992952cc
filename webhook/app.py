"""The public door: a Flask application, and before it the front that answers deliveries. Nothing else faces the internet."""

from __future__ import annotations

import logging
import secrets

from flask import Flask, Response
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException, NotFound

from config.errors import ConfigError
from config.logs import about
from config.secrets import Box
from config.settings import Settings
from webhook.committer import Committer, Doorbell
from webhook.config_events import ConfigEvents
from webhook.front import Front, Wsgi
from webhook.health import Health, answer
from webhook.hooks import HookTable
from webhook.inbound import Inbound
from webhook.measured import Measured
from webhook.procore import Receiver

log = logging.getLogger("tieback.door")


def create_app(engine: Engine, box: Box, doorbell: Doorbell, settings: Settings) -> Flask:
    """The door. Call `close(app)` at the end: it commits what waits and ends the threads.

    Raises: ConfigError when Flask's debugger is switched on in the environment.
    """
    app = Flask("webhook", static_folder=None, template_folder=None)
    if app.debug:
        raise ConfigError("FLASK_DEBUG is set: the debugger would run anybody's code. Unset it.")
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a redirect is a failed delivery
    committer = Committer(engine, doorbell)
    app.extensions["tieback.committer"] = committer
    app.extensions["tieback.receiver"] = Receiver(HookTable(engine, box), committer, settings)
    health = Health(engine)
    for rule, endpoint, view, method in (
        ("/config-events", "config_events", ConfigEvents(engine, doorbell).receive, "POST"),
        ("/inbound/<source>", "inbound", Inbound(engine, doorbell).receive, "POST"),
        ("/healthz", "healthz", health.alive, "GET"),
        ("/readyz", "readyz", health.readiness, "GET"),
    ):
        app.add_url_rule(rule, endpoint, view, methods=[method], provide_automatic_options=False)
    app.register_error_handler(HTTPException, _known_error)
    app.register_error_handler(Exception, _unknown_error)
    app.wsgi_app = app.extensions["tieback.measured"] = Measured(app.wsgi_app, engine)  # type: ignore[assignment, method-assign]
    return app


def front(app: Flask, settings: Settings, rest: Wsgi | None = None) -> Front:
    """What serves the door. `rest` takes the door's place for all that is no delivery, and hands on what it does not know."""
    known = app.extensions
    return Front(rest or app, settings, receiver=known["tieback.receiver"], measured=known["tieback.measured"])


def close(app: Flask) -> None:
    committer: Committer = app.extensions["tieback.committer"]
    committer.stop()
    measured: Measured = app.extensions["tieback.measured"]
    measured.stop()


def _known_error(error: HTTPException) -> Response:
    # A wrong method is a wrong address too: one answer for all that the door does not know.
    if error.code in (None, 405):
        error = NotFound()
    return answer(error.code or 404, error.name.lower())


def _unknown_error(error: Exception) -> Response:
    request_id = secrets.token_hex(6)
    log.error("door.failed", extra=about(request=request_id), exc_info=error)
    return answer(500, f"internal error, request {request_id}")
