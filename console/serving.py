"""Which application a process serves: the door, the console, or both on one port."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from config.errors import ConfigError
from config.settings import Settings
from console.cookies import is_loopback
from console.verbs import signing_in
from console.verbs.at_hand import AtHand
from webhook.app import close, create_app, front
from webhook.front import Front, Wsgi

# What the door answers; everything else on a shared port is the console's.
DOOR = ("/webhooks/", "/config-events", "/inbound/", "/healthz", "/readyz")


def applications(whole: Any, settings: Settings, role: str) -> tuple[Front, Callable[[], None]]:
    """The ASGI application of this role, and what closes it."""
    if role == "console":
        return Front(_console(whole, settings), settings), lambda: None
    door = create_app(whole.engine, whole.box, whole.doorbell, settings)
    rest = None if role == "web" else one_port(door, _console(whole, settings))
    return front(door, settings, rest), lambda: close(door)


def _console(whole: Any, settings: Settings) -> Wsgi:
    from console.app import create_app as create_console

    return create_console(AtHand(settings, whole.engine, "console"))


def one_port(door: Wsgi, console: Wsgi) -> Wsgi:
    """The door's paths to the door, untouched and first, since Procore waits for them; the rest to the console."""

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        return (door if environ.get("PATH_INFO", "").startswith(DOOR) else console)(environ, start)

    return app


def may_listen(settings: Settings) -> None:
    """Raises: ConfigError for a console that would face a network without TLS. An address inside it is no permission."""
    host, port = settings.console_bind
    if not is_loopback(host) and not settings.behind_proxy:
        raise ConfigError(
            f"TIEBACK_CONSOLE_BIND is {host}:{port}, which other machines reach, and nothing ends TLS there. "
            "Put a proxy that ends TLS in front and set TIEBACK_BEHIND_PROXY=1, or write 127.0.0.1:8001."
        )
    if os.geteuid() == 0:
        sys.stderr.write("tieback: the console runs as root; give it a user of its own.\n")


def say_first_code(here: AtHand, bind: tuple[str, int]) -> None:
    """To the terminal only, once a start: whoever can read it runs this installation."""
    code = signing_in.new_first_code(here)
    if code is None:
        return
    host = f"[{bind[0]}]" if ":" in bind[0] else bind[0]
    sys.stderr.write(
        f"tieback: nobody can sign in yet. Open http://{host}:{bind[1]}/first and give this code within 15 minutes: {code}\n"
    )
