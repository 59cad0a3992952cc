"""The five steps of adding a connection: name, endpoint, credentials, company, validate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from config.errors import ConfigError
from config.logs import hide
from config.secrets import Secret
from connectors.definition import APIS, PAYLOAD_VERSIONS
from connectors.environments import ENVIRONMENTS
from console.cli.output import safe, say
from console.verbs import connecting
from console.verbs.at_hand import AtHand
from console.verbs.connecting import Draft

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--environment", type=click.Choice(ENVIRONMENTS), help="Which Procore: production, sandbox, … or custom hosts."),
    click.option("--api-host", metavar="URL", help="Only with --environment custom."),
    click.option("--login-host", metavar="URL", help="Only with --environment custom."),
    click.option("--private", is_flag=True, default=None, help="Custom hosts may have private addresses and plain http."),
    click.option("--client-id", help="The app's client id (DMSA)."),
    click.option("--client-secret-file", metavar="PATH", help="File with the client secret; - reads stdin."),
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


def add(here: AtHand, name: str | None, given: Mapping[str, Any]) -> int:
    """1 when a check is wrong; then nothing was kept."""
    name = name or _ask("Name (such as acme-prod)")
    connecting.free_name(here, name)
    draft = connecting.draft(name)
    _step(1, "name", name)
    draft = _endpoint(draft, given)
    draft = _credentials(draft, given)
    listed = connecting.companies(draft)
    _signed_in(draft)
    draft = _company(draft, listed, given["company"])
    return _validate_and_keep(here, draft, "connector added")


def update(here: AtHand, name: str, given: Mapping[str, Any]) -> int:
    """1 when a check is wrong; then nothing was changed."""
    if not any(value is not None for value in given.values()):
        raise ConfigError("nothing to change was given; --help lists the options.")
    path = given["client_secret_file"]
    draft = connecting.current_draft(here, name, config_of(given), read_secret(path) if path else None)
    if given["environment"] not in (None, "custom"):
        draft = draft.without("api_host", "login_host", "private")
    _step(1, "name", name)
    _step(2, "endpoint", _hosts(draft))
    listed = connecting.companies(draft)
    _signed_in(draft)
    return _validate_and_keep(here, _company(draft, listed, draft.config["company_id"]), "connector updated")


def config_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as keys of a connector file; only those that were given."""
    config = {key: given[key] for key in ("environment", "api_host", "login_host", "private", "client_id")}
    config |= {"company_id": given["company"], "projects": _projects(given["projects"])}
    webhooks = {"namespace": given["namespace"], "payload_version": given["payload_version"], "api": given["webhooks_api"]}
    config["webhooks"] = {key: value for key, value in webhooks.items() if value is not None} or None
    return {key: value for key, value in config.items() if value is not None}


def _projects(text: str | None) -> str | list[str] | None:
    return text if text in (None, "all") else [part.strip() for part in str(text).split(",") if part.strip()]


def _endpoint(draft: Draft, given: Mapping[str, Any]) -> Draft:
    config = config_of(given)
    config.setdefault("environment", given["environment"] or _choose("Environment", ENVIRONMENTS))
    if config["environment"] == "custom":
        for key, what in (("api_host", "API host (https://…)"), ("login_host", "Login host (https://…)")):
            config[key] = config.get(key) or _ask(what)
    draft = draft.of(**config)
    _step(2, "endpoint", _hosts(draft))
    return draft


def _hosts(draft: Draft) -> str:
    connector = draft.connector()
    return f"{connector.environment}: {connector.api_host}, sign-in at {connector.login_host}"


def _credentials(draft: Draft, given: Mapping[str, Any]) -> Draft:
    client_id = given["client_id"] or _ask("Client id")
    path = given["client_secret_file"]
    secret = read_secret(path) if path else _typed_secret()
    hide(secret.reveal())
    return Draft({**draft.config, "client_id": client_id}, secret)


def _typed_secret() -> Secret:
    # Without a terminal there is no echo to switch off, and asking for it would fail.
    if not sys.stdin.isatty():
        return Secret(_ask("Client secret"))
    return Secret(str(click.prompt("Client secret (hidden)", hide_input=True, err=True)).strip())


def _signed_in(draft: Draft) -> None:
    # Of the secret only what tells two apart: people mix them up.
    _step(
        3,
        "credentials",
        f"signed in as client {draft.config['client_id'][:8]}…, secret with fingerprint {draft.secret.fingerprint()}",
    )


def read_secret(path: str) -> Secret:
    """The first line of a file, or of stdin for `-`. Raises: ConfigError when there is nothing to read."""
    try:
        text = sys.stdin.read(10_000) if path == "-" else Path(path).read_text("utf-8")[:10_000]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"the secret file {path} cannot be read ({reason}). Check --client-secret-file.") from None
    lines = text.strip().splitlines()
    if len(lines) != 1:
        raise ConfigError(f"{'stdin' if path == '-' else path} holds {len(lines)} lines; the client secret is exactly one.")
    return Secret(lines[0].strip())


def _company(draft: Draft, listed: list[dict[str, str]], company_id: str | None) -> Draft:
    if company_id is None:
        for company in listed:
            click.echo(f"  {company['id']}  {safe(company['name'])}", err=True)
        company_id = _ask("Company id")
    chosen = connecting.choose(listed, company_id)
    _step(4, "company", f"{chosen['name']} ({chosen['id']}), one of {len(listed)}")
    return draft.of(company_id=chosen["id"])


def _validate_and_keep(here: AtHand, draft: Draft, news: str) -> int:
    checks = connecting.validated(draft.connector())
    _step(5, "validate", "")
    show_checks([vars(check) for check in checks])
    if not connecting.green(checks):
        say("nothing was kept: mend what is wrong, then say it again")
        return 1
    connecting.keep(here, draft, checks, news=news)
    name = draft.config["name"]
    say(f"{news}: {name}. Next: tieback hooks apply {name}")
    return 0


def show_checks(checks: Sequence[Mapping[str, Any]]) -> None:
    """One line each: state, name, what was seen; then the mend."""
    for check in checks:
        mend = f"  -> {check['mend']}" if check.get("mend") and check["state"] != "ok" else ""
        say(f"  {check['state']:8} {check['name']:14} {check['seen']}{mend}")


def _step(number: int, name: str, seen: str) -> None:
    say(f"{number} {name:12} {seen}".rstrip())


def _choose(question: str, choices: Sequence[str]) -> str:
    return str(click.prompt(question, type=click.Choice(choices), default="production", err=True))


def _ask(question: str) -> str:
    return str(click.prompt(question, err=True)).strip()
