"""What can be done to a connector over the API, and what is known of its hooks and quota."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from flask import Response
from pydantic import Field

from config.secrets import Secret
from connectors.definition import APIS, PAYLOAD_VERSIONS
from connectors.environments import ENVIRONMENTS
from console.api.answering import asked, given, whole, wish
from console.api.described import Described, Done, Given, Nothing, Wish
from console.faults import Fault
from console.pages.parts import here
from console.verbs import changing, connected, hooking, proving, repairing, spending
from console.verbs.connecting import Unfit, green

Text = Annotated[str, Field(max_length=300)]


class Rotate(Wish):
    at_once: Annotated[bool, Field(description="The old secret ends with the last hook, not a day later.")] = False


class LookFor(Wish):
    sweep: Annotated[bool, Field(description="Also what changed in each list that automations listen to.")] = False
    ids: Annotated[bool, Field(description="Also every id of those lists.")] = False


class Webhooks(Wish):
    namespace: Text | None = None
    payload_version: Literal[tuple(PAYLOAD_VERSIONS)] | None = None  # type: ignore[valid-type]
    api: Literal[tuple(APIS)] | None = None  # type: ignore[valid-type]


class Update(Wish):
    """Only what is to change."""

    environment: Literal[tuple(ENVIRONMENTS)] | None = None  # type: ignore[valid-type]
    api_host: Text | None = None
    login_host: Text | None = None
    private: bool | None = None
    client_id: Text | None = None
    client_secret: Annotated[str, Field(min_length=1, max_length=1000, description="Kept sealed, never shown.")] | None = None
    company_id: Text | None = None
    projects: Annotated[list[Text] | Literal["all"], Field(description="all, or ids.")] | None = None
    webhooks: Webhooks | None = None
    if_version: Annotated[int, Field(ge=1, description="Only when it is still at this version.")] | None = None


class Verdict(Done):
    ok: bool
    checks: list[dict[str, Any]]


class Change(Given):
    id: int
    at: dt.datetime
    kind: str
    by: str | None
    wrong: list[str]


class Hook(Given):
    connector: str
    scope: str
    status: str
    refused: int


class Window(Given):
    connector: str
    window: str
    limit: int
    left: int
    may_use: dict[str, int]


_OF = {"connector": "Only of this connector."}
DESCRIBED: Mapping[str, Described] = {
    "api.connector_validate": Described("Check a connector field by field", Verdict, takes=Nothing),
    "api.connector_update": Described("Change a connector that no file defines; it is validated first", Verdict, takes=Update),
    "api.connector_rotate": Described("Renew the secret that Procore sends; no delivery is refused", Done, takes=Rotate),
    "api.connector_repair": Described("Let a worker look for what webhooks missed", Done, takes=LookFor),
    "api.connector_history": Described("What was done to a connector, and how its validation changed", Change, True),
    "api.hooks": Described("Our hooks at Procore", Hook, True, query=_OF),
    "api.quota": Described("Both rate-limit windows, and what each lane may still use", Window, True, query=_OF),
}


def validate(name: str) -> Response:
    wish(Nothing)
    checks = proving.validate(here(), name)
    return given({"done": True, "ok": green(checks), "checks": [vars(one) for one in checks]})


def update(name: str) -> Response:
    wanted = wish(Update)
    config = wanted.model_dump(exclude={"client_secret", "if_version"}, exclude_none=True)
    secret = None if wanted.client_secret is None else Secret(wanted.client_secret)
    try:
        told, checks = changing.change(here(), name, config, secret, wanted.if_version)
    except Unfit as error:
        raise Fault("unfit", fields=[{"field": one.name, "message": f"{one.seen} {one.mend}"} for one in error.checks]) from None
    return given({"done": True, "ok": True, "told": told, "checks": [vars(one) for one in checks]})


def rotate(name: str) -> Response:
    wanted = wish(Rotate)
    hooking.in_a_request(here(), name, "rotate")
    planned, done, all_of_them = hooking.rotate(here(), name, at_once=wanted.at_once)
    troubles = [*planned.problems.values(), *(one.error for one in done if one.error)]
    return given({"done": all_of_them and not troubles, "written": sum(one.written for one in done), "troubles": troubles})


def repair(name: str) -> Response:
    wanted = wish(LookFor)
    return given({"done": True, "looks_for": repairing.ask(here(), name, sweep=wanted.sweep, ids=wanted.ids)})


def history(name: str) -> Response:
    asked(DESCRIBED["api.connector_history"])
    return whole(connected.history(here(), name, 1000))


def hooks() -> Response:
    name = asked(DESCRIBED["api.hooks"]).get("connector")
    if name is not None:
        connected.existing(here(), name)
    rows = [row for row in hooking.listed(here(), name) if here().sees(row["connector"])]
    return whole({key: value for key, value in row.items() if key != "url"} for row in rows)


def quota() -> Response:
    name = asked(DESCRIBED["api.quota"]).get("connector")
    if name is not None:
        connected.existing(here(), name)
    return whole(spending.windows(here(), name))


VIEWS: dict[str, Callable[..., Response]] = {
    "api.connector_validate": validate, "api.connector_update": update, "api.connector_rotate": rotate,
    "api.connector_repair": repair, "api.connector_history": history, "api.hooks": hooks, "api.quota": quota,
}  # fmt: skip
