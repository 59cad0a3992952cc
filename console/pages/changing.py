"""Changing a connector that is kept here: other fields, another secret, another place."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError, TiebackError
from config.secrets import Secret
from connectors.definition import APIS, PAYLOAD_VERSIONS
from connectors.environments import ENVIRONMENTS
from console.pages.parts import Typed, field, here, say
from console.verbs import changing as verbs
from console.verbs import connected
from console.verbs.at_hand import NotThere
from console.verbs.changing import Conflict
from console.verbs.connecting import Unfit

FIELDS = ("environment", "api_host", "login_host", "client_id", "company_id", "projects")
OF_HOOKS = ("namespace", "payload_version", "api")
# Which field a check that is wrong speaks of.
OF_CHECK = {"hosts": "environment", "clock": "environment", "credentials": "client_secret", "company": "company_id",
            "webhooks": "namespace"}  # fmt: skip


def show(name: str) -> str:
    row = connected.ours(here(), name)
    webhooks = row.config.get("webhooks") or {}
    typed = {key: row.config.get(key) for key in (*FIELDS, "private")} | {key: webhooks.get(key) for key in OF_HOOKS}
    projects = typed["projects"]
    typed["projects"] = ", ".join(projects) if isinstance(projects, list) else projects or "all"
    return _drawn(name, typed, row.version)


def change(name: str) -> BaseResponse | tuple[str, int]:
    connected.existing(here(), name)
    typed: dict[str, Any] = {key: field(key, 4000) for key in (*FIELDS, *OF_HOOKS)} | {"private": bool(field("private"))}
    version, secret = field("version", 12), field("client_secret", 1000)
    began = int(version) if version.isascii() and version.isdigit() else None
    if field("ask", 10):
        return _companies(name, typed, Secret(secret) if secret else None, began)
    try:
        told, _ = verbs.change(here(), name, _given(typed), Secret(secret) if secret else None, began)
    except NotThere:
        raise
    except Conflict as error:
        return _drawn(name, typed, error.version, f"{error.seen} Save again to change it all the same."), 422
    except Unfit as error:
        return _drawn(name, typed, began, str(error), checks=error.checks), 422
    except TiebackError as error:
        return _drawn(name, typed, began, str(error)), 422
    say(f"{name} is changed; its automations go on with it. Next: apply its hooks.", *told)
    return redirect(f"/connectors/{name}", 303)


def _companies(name: str, typed: dict[str, Any], secret: Secret | None, began: int | None) -> tuple[str, int]:
    """The same form with the companies to choose from, or with why they cannot be told."""
    try:
        given = {key: value for key, value in _given(typed).items() if key != "company_id"}
        found = verbs.companies(here(), name, given, secret)
    except NotThere:
        raise
    except TiebackError as error:
        said = f"The companies cannot be listed, so write the id of the company yourself. {error}"
        return _drawn(name, typed, began, said), 422
    return _drawn(name, typed, began, companies=found, again=secret is not None), 200


def _given(typed: dict[str, Any]) -> dict[str, Any]:
    """As keys of a connector file. Raises: ConfigError for projects that are neither all nor ids."""
    projects: Any = typed["projects"] or "all"
    if projects != "all":
        projects = [one for one in projects.replace(",", " ").split() if one]
        if not all(one.isascii() and one.isdigit() for one in projects):
            raise ConfigError("projects: write all, or the ids of projects with commas between them.")
    custom = typed["environment"] == "custom"
    hosts = {key: typed[key] for key in ("api_host", "login_host") if typed[key] and custom}
    private = {"private": True} if custom and typed["private"] else {}
    webhooks = {key: typed[key] for key in OF_HOOKS if typed[key]}
    plain = {key: typed[key] for key in ("environment", "client_id", "company_id")}
    return {**plain, **hosts, **private, "projects": projects, "webhooks": webhooks}


def _drawn(
    name: str, typed: dict[str, Any], version: int | None, error: str = "", checks: Any = (),
    companies: list[dict[str, str]] | None = None, again: bool = False,
) -> str:  # fmt: skip
    """`again` True: a secret was typed, and stands on no page, so it must be typed once more."""
    wrong = OF_CHECK.get(checks[0].name, checks[0].name) if checks else _meant(error)
    return render_template(
        "connectors/edit.html", name=name, typed=Typed(typed), version=version, error=error, wrong=wrong, checks=checks,
        environments=ENVIRONMENTS, payload_versions=PAYLOAD_VERSIONS, apis=APIS, companies=companies, again=again,
    )  # fmt: skip


def _meant(error: str) -> str:
    """The field that a sentence names; "" when it names none."""
    said = error.replace("client secret", "client_secret").replace("client id", "client_id")
    return next((key for key in ("client_secret", *OF_HOOKS, *reversed(FIELDS)) if key in said), "")


VIEWS = {"connectors.edit": show, "connectors.change": change}
