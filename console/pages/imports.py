"""Imports and repairs: reading whole resources, and what webhooks missed."""

from __future__ import annotations

from flask import redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError, Permanent
from connectors import catalogue
from console.pages.parts import Typed, asked, done, drawn, field, here, refused, sought
from console.verbs import connected, importing, repairing
from console.verbs.at_hand import NotThere

PAGE = "/imports"
MOST = 100


def list_() -> tuple[str, int]:
    return _drawn()


def _drawn(error: str | None = None, typed: dict[str, str] | None = None) -> tuple[str, int]:
    found, unfit = sought(lambda: importing.listed(here(), MOST, asked("connector"), asked("state")))
    return drawn(
        "imports/list.html", unfit, imports=found, error=error, typed=Typed(typed or {}),
        connectors=[one["name"] for one in connected.listed(here())], resources=catalogue.names(),
    )  # fmt: skip


def show(id: int) -> str:
    return render_template("imports/show.html", one=importing.shown(here(), id))


def start() -> BaseResponse | tuple[str, int]:
    typed = {name: field(name, 400) for name in ("connector", "resources", "projects", "full")}
    resources = [one.strip() for one in typed["resources"].split(",") if one.strip()]
    projects = [one.strip() for one in typed["projects"].split(",") if one.strip()]
    try:
        if not resources:
            raise ConfigError("say which resources to read, such as RFIs, Submittals.")
        wish = importing.wish(here(), typed["connector"], resources, projects, bool(typed["full"]), None)
        id, known = importing.begin(here(), wish)
    except (ConfigError, Permanent) as error:
        return _drawn(str(error), typed)[0], 422
    return redirect(f"/imports/{id}", 303) if known else done(f"/imports/{id}", f"Import {id} begins.")


def cancel(id: int) -> BaseResponse:
    try:
        importing.cancel(here(), id)
    except NotThere:
        raise
    except ConfigError as error:
        return refused(f"/imports/{id}", error)
    return done(f"/imports/{id}", f"Import {id} is cancelled; what it read stays.")


def repairs() -> str:
    return render_template("repairs/list.html", repairs=repairing.listed(here(), None, MOST))


VIEWS = {"imports.list": list_, "imports.show": show, "imports.start": start, "imports.cancel": cancel, "repairs.list": repairs}
