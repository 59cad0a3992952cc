"""The pretend Procore as one Flask application, and a way to serve it from a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from simulator import access, oauth, resources, uploads, webhooks, webhooks_v1
from simulator.answers import Refused, answer, refused
from simulator.control import controls
from simulator.filling import fillings
from simulator.routing import Router
from simulator.server import Server
from simulator.sinkpages import sink_pages
from simulator.world import World


def create_app(world: World) -> Flask:
    """All pages over one world."""
    app = Flask("simulator", static_folder=None)
    router = Router()
    resources.install(router, world)
    webhooks.install(router, world)
    webhooks_v1.install(router, world)
    access.install(app, world, router)
    oauth.install(app, world)
    uploads.install_storage(app, world)
    app.register_blueprint(controls(world))
    app.register_blueprint(fillings(world))
    app.register_blueprint(sink_pages(world))
    app.register_error_handler(Refused, refused)
    app.register_error_handler(HTTPException, _missing)
    return app


def _missing(problem: HTTPException) -> Response:
    if request.path.startswith("/_sim"):
        return answer({"error": f"There is no {request.method} {request.path} among the controls."}, problem.code or 404)
    return answer({"errors": [problem.name]}, problem.code or 500)


@dataclass(frozen=True)
class Running:
    """A world that is being served."""

    url: str
    world: World
    server: Server

    @property
    def company_id(self) -> int:
        return next(iter(self.world.companies))

    @property
    def project_id(self) -> int:
        return self.world.projects(self.company_id)[0].id


@contextmanager
def serve(world: World | None = None, *, host: str = "127.0.0.1", port: int = 0, **options: Any) -> Iterator[Running]:
    """Serve a world until the block ends; port 0 takes any free port. Options are those of `World`.

    Raises:
        OSError: the port is in use.
    """
    world = world or World(**options)
    try:
        server = Server((host, port), create_app(world).wsgi_app)
    except OSError:
        world.close()
        raise
    server.start()
    try:
        yield Running(server.url, world, server)
    finally:
        server.stop()
        world.close()
