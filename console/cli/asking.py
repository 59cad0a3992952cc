"""The options of `connector add` and `update`, and the questions for what they leave out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from config.errors import ConfigError
from config.secrets import Secret
from connectors.definition import APIS, PAYLOAD_VERSIONS
from connectors.environments import ENVIRONMENTS

F = TypeVar("F", bound=Callable[..., Any])
LONGEST_SECRET = 10_000

_OPTIONS = (
    click.option("--environment", type=click.Choice(ENVIRONMENTS), help="Which Procore: production, sandbox, … or custom hosts."),
    click.option("--api-host", metavar="URL", help="Another API host than the environment's usual one."),
    click.option("--login-host", metavar="URL", help="Another sign-in host than the environment's usual one."),
    click.option("--private", is_flag=True, default=None, help="Custom hosts may have private addresses and plain http."),
    click.option("--client-id", help="The app's client id (DMSA)."),
    click.option("--client-secret-file", metavar="PATH", help="File with the client secret; - reads stdin."),
    click.option("--sign-in", is_flag=True, help="Choose from the companies that you see at Procore, by signing in there."),
    click.option("--company", metavar="ID", help="The company; the list is shown when it is missing."),
    click.option("--projects", metavar="IDS", help="all, or project ids separated by commas."),
    click.option("--namespace", help="Of our hooks at Procore; tieback-NAME when not given."),
    click.option("--payload-version", type=click.Choice(PAYLOAD_VERSIONS), help="Of the webhooks."),
    click.option("--webhooks-api", type=click.Choice(APIS), help="Which of Procore's two webhook APIs."),
)


def fields(command: F) -> F:
    """The options of `add` and `update`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def config_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as keys of a connector file; only those that were given."""
    config = {key: given[key] for key in ("environment", "api_host", "login_host", "private", "client_id")}
    config |= {"company_id": given["company"], "projects": _projects(given["projects"])}
    webhooks = {"namespace": given["namespace"], "payload_version": given["payload_version"], "api": given["webhooks_api"]}
    config["webhooks"] = {key: value for key, value in webhooks.items() if value is not None} or None
    return {key: value for key, value in config.items() if value is not None}


def _projects(text: str | None) -> str | list[str] | None:
    return text if text in (None, "all") else [part.strip() for part in str(text).split(",") if part.strip()]


def read_secret(path: str, what: str = "client secret", option: str = "--client-secret-file") -> Secret:
    """The one line of a file, or of stdin for `-`. Raises: ConfigError when there is nothing to read."""
    try:
        text = sys.stdin.read(LONGEST_SECRET) if path == "-" else Path(path).read_text("utf-8")[:LONGEST_SECRET]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"the secret file {path} cannot be read ({reason}). Check {option}.") from None
    lines = text.strip().splitlines()
    if len(lines) != 1:
        raise ConfigError(f"{'stdin' if path == '-' else path} holds {len(lines)} lines; the {what} is exactly one.")
    return Secret(lines[0].strip())


def secret() -> Secret:
    """Typed by hand, hidden. Without a terminal there is no echo to switch off, and asking for it would fail."""
    if not sys.stdin.isatty():
        return Secret(ask("Client secret"))
    return Secret(str(click.prompt("Client secret (hidden)", hide_input=True, err=True)).strip())


def password(path: str | None) -> Secret:
    """From a file or stdin, else typed twice at a terminal."""
    if path is not None or not sys.stdin.isatty():
        return read_secret(path or "-", "password", "--password-file")
    return Secret(str(click.prompt("Password (hidden)", hide_input=True, confirmation_prompt=True, err=True)))


def choose(question: str, choices: Sequence[str]) -> str:
    return str(click.prompt(question, type=click.Choice(choices), default="production", err=True))


def ask(question: str) -> str:
    return str(click.prompt(question, err=True)).strip()


def agreed(question: str) -> bool:
    """Yes or no from a person; no when nobody is there to answer."""
    return _at_a_terminal() and click.confirm(question, err=True)


def typed(question: str, wanted: str) -> None:
    """Until a person has typed exactly this. Raises: ConfigError when they typed something else, or nobody is there."""
    if not _at_a_terminal():
        raise ConfigError(f"nobody is there to type {wanted}. To do it without being asked: --yes")
    if ask(question) != wanted:
        raise ConfigError(f"that is not {wanted}. Nothing was deleted.")


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()
