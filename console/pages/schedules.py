"""When automations are due by the clock."""

from __future__ import annotations

from flask import render_template

from console.pages.parts import here
from console.verbs import scheduling


def list_() -> str:
    return render_template("schedules/list.html", schedules=scheduling.listed(here()))


VIEWS = {"schedules.list": list_}
