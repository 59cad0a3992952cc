"""What both webhook APIs read and refuse alike."""

from __future__ import annotations

import json
from typing import Any

from flask import request

from simulator.answers import Refused
from simulator.hooks import HookRefused
from simulator.records import Json

MOST_IN_BULK = 500


def bulk(*names: str) -> list[Any]:
    """The wishes of a bulk call, under one of `names` or `triggers`.

    The reference is unclear about this body: a bare array, `{"triggers": […]}` or one object will do.
    """
    try:
        body = json.loads(request.get_data() or b"null")
    except ValueError:
        body = None
    wishes = next((body[name] for name in (*names, "triggers") if name in body), [body]) if isinstance(body, dict) else body
    if not isinstance(wishes, list) or not wishes:
        raise Refused(400, {"errors": {"triggers": ["can't be blank"]}})
    if len(wishes) > MOST_IN_BULK:
        raise Refused(413, {"errors": [f"No more than {MOST_IN_BULK} triggers in one call"]})
    return wishes


def refusal(problem: HookRefused, spelled: dict[str, str] | None = None) -> Refused:
    """The 400 of a wish that breaks a rule; `spelled` renames fields as the API of the call calls them."""
    return Refused(400, {"errors": renamed(problem.errors, spelled or {}), "message": str(problem)})


def renamed(errors: Json, spelled: dict[str, str]) -> Json:
    return {spelled.get(name, name): texts for name, texts in errors.items()}
