"""A real door on a free port in front of a rig's store, for tests in which Procore really sends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine

from config.secrets import Box
from config.settings import Settings
from config.settings import load as settings_of
from tests.workers.rig import Bell, Rig, rig
from webhook.app import close, create_app, front
from webhook.serve import Server


@contextmanager
def served(engine: Engine, settings: Settings, far: Any, **automations: str) -> Iterator[Rig]:
    """A rig whose TIEBACK_PUBLIC_URL leads to a door that stores for it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    public = settings_of({**settings.env, "TIEBACK_PUBLIC_URL": url}, settings.site.parent)
    app = create_app(engine, Box(public.secret_keys), Bell(), public)  # type: ignore[arg-type]
    server = Server(front(app, public), listener)
    server.start()
    try:
        with rig(engine, public, far, **automations) as one:
            yield one
    finally:
        server.stop()
        listener.close()
        close(app)
