"""What this installation was started with, and where each setting comes from. Never a secret."""

from __future__ import annotations

from flask import render_template

from console.pages.parts import here
from console.verbs import configured


def show() -> str:
    return render_template("settings/show.html", settings=configured.listed(here()), about=configured.about(here()))


VIEWS = {"settings.show": show}
