"""The five steps of adding a connection, asked and shown: name, endpoint, credentials, company, validate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from config.errors import ConfigError
from connectors.environments import ENVIRONMENTS
from console.cli import asking
from console.cli.asking import config_of, read_secret
from console.cli.output import safe, say
from console.verbs import changing, connecting
from console.verbs.at_hand import AtHand
from console.verbs.changing import Editing
from console.verbs.connecting import Draft

Companies = Sequence[Mapping[str, str]]
MOST_COMPANIES = 30


def add(here: AtHand, name: str | None, given: Mapping[str, Any]) -> int:
    """1 when a check is wrong; then nothing was kept."""
    name = name or asking.ask("Name (such as acme-prod)")
    draft = connecting.draft(here, name)
    step(1, "name", name)
    draft = _endpoint(draft, given)
    draft, listed = _credentials(draft, given)
    draft = _company(draft, listed, given["company"])
    checks = _validate(draft)
    if not connecting.fit(checks):
        return _nothing_kept(checks)
    connecting.keep(here, draft, checks)
    say(f"connector added: {name}. Next: tieback hooks apply {name}")
    return 0


def update(here: AtHand, name: str, given: Mapping[str, Any], if_version: int | None) -> int:
    """1 when a check is wrong; then nothing was changed."""
    if not any(given.values()):
        raise ConfigError("nothing to change was given; --help lists the options.")
    path = given["client_secret_file"]
    editing = changing.edit(here, name, config_of(given), read_secret(path) if path else None, if_version)
    step(1, "name", name)
    draft = _reached(editing.draft)
    listed = _listed(draft, given)
    draft = _company(draft, listed, draft.config["company_id"])
    checks = _validate(draft)
    if not connecting.fit(checks):
        return _nothing_kept(checks)
    return _replaced(here, editing, draft, checks)


def _replaced(here: AtHand, editing: Editing, draft: Draft, checks: Sequence[Any]) -> int:
    for told in changing.replace(here, editing, draft, checks):
        say(f"{draft.name}: {told}")
    say(f"connector updated: {draft.name}. Its automations go on with it; next: tieback hooks apply {draft.name}")
    return 0


def _nothing_kept(checks: Sequence[Any]) -> int:
    when = "say it again in some minutes" if connecting.green(checks) else "mend what is wrong, then say it again"
    say(f"nothing was kept: {when}")
    return 1


def _endpoint(draft: Draft, given: Mapping[str, Any]) -> Draft:
    config = config_of(given)
    environment = given["environment"] or connecting.environment_for(given["api_host"], given["login_host"])
    config["environment"] = environment or asking.choose("Environment", ENVIRONMENTS)
    if config["environment"] == "custom":
        for key, what in (("api_host", "API host (https://…)"), ("login_host", "Login host (https://…)")):
            config[key] = config.get(key) or asking.ask(what)
    return _reached(draft.of(**config))


def _reached(draft: Draft) -> Draft:
    draft = connecting.reached(draft)
    connector = draft.connector()
    step(2, "endpoint", f"{connector.environment}: {connector.api_host}, sign-in at {connector.login_host}")
    return draft


def _credentials(draft: Draft, given: Mapping[str, Any]) -> tuple[Draft, Companies]:
    client_id = given["client_id"] or asking.ask("Client id")
    path = given["client_secret_file"]
    draft = connecting.with_credentials(draft, client_id, read_secret(path) if path else asking.secret())
    return draft, _listed(draft, given)


def _listed(draft: Draft, given: Mapping[str, Any]) -> Companies:
    """The live list: what the app sees, or with --sign-in what the person sees."""
    listed = _signed_in(draft) if given["sign_in"] else connecting.companies(draft)
    # Of the secret only what tells two apart: people mix them up.
    whose = "a person signed in to" if given["sign_in"] else "signed in as"
    client, mark = safe(str(draft.config["client_id"]))[:8], draft.secret.fingerprint()
    step(3, "credentials", f"{whose} client {client}…, secret with fingerprint {mark}")
    return listed


def _signed_in(draft: Draft) -> Companies:
    sign_in = connecting.signing_in(draft)
    click.echo(f"Open this address, sign in to Procore, allow the app, and copy the code it shows:\n  {sign_in.url}", err=True)
    return connecting.companies_of_person(sign_in, asking.ask("Code"))


def _company(draft: Draft, listed: Companies, company_id: str | None) -> Draft:
    chosen = connecting.choose(listed, company_id or _chosen(listed))
    step(4, "company", f"{chosen['name']} ({chosen['id']}), one of {len(listed)}")
    return draft.of(company_id=chosen["id"])


def _chosen(listed: Companies) -> str:
    """Ask until one is meant, by its id or a part of its name."""
    shown = listed
    while True:
        for company in shown[:MOST_COMPANIES]:
            click.echo(f"  {safe(company['id'])}  {safe(company['name'])}", err=True)
        if len(shown) > MOST_COMPANIES:
            click.echo(f"  … and {len(shown) - MOST_COMPANIES} more", err=True)
        answer = asking.ask("Company id, or a part of its name")
        found = connecting.matching(listed, answer)
        if len(found) == 1 or answer.isdigit():
            return found[0]["id"] if found else answer
        click.echo(f"{len(found)} companies are called so:" if found else f"No company is called {safe(answer)!r}.", err=True)
        shown = found or listed


def _validate(draft: Draft) -> list[Any]:
    checks = connecting.validated(draft)
    step(5, "validate", "")
    show_checks([vars(check) for check in checks])
    return checks


def show_checks(checks: Sequence[Mapping[str, Any]]) -> None:
    """One line each: state, name, what was seen; then the mend."""
    for check in checks:
        mend = f"  -> {check['mend']}" if check.get("mend") and check["state"] != "ok" else ""
        say(f"  {check['state']:8} {check['name']:14} {check['seen']}{mend}")


def step(number: int, name: str, seen: str) -> None:
    say(f"{number} {name:12} {seen}".rstrip())
