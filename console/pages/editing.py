"""One run once more with edits: a form with what it was given, and what differs afterwards."""

from __future__ import annotations

import json
from typing import Any

from flask import redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import field, here, say
from console.shapes import pretty
from console.verbs import editing
from console.verbs.at_hand import NotThere

MOST_STEPS = 50
MOST_TEXT = 400_000
_STEP = "step:"


class _Unread(ConfigError):
    """A field whose text is no JSON."""

    def __init__(self, name: str, message: str):
        super().__init__(message)
        self.name = name


def form(id: int) -> str:
    return _drawn(id, {})


def _drawn(id: int, typed: dict[str, str], error: str | None = None, wrong: str | None = None) -> str:
    found = editing.offered(here(), id)
    steps = [{**step, "text": _text(step["inputs"]), "field": _STEP + step["path"]} for step in found["steps"][:MOST_STEPS]]
    return render_template(
        "runs/edit.html", run=found["run"], body=None if found["body"] is None else _text(found["body"]), steps=steps,
        more=len(found["steps"]) - len(steps), effects=found["effects"], typed=typed, error=error or found["refused"],
        wrong=wrong, refused=found["refused"],
    )  # fmt: skip


def _text(value: Any) -> str:
    return pretty(value if value is not None else {})


def retry(id: int) -> BaseResponse | tuple[str, int]:
    typed = {name: request.form[name][:MOST_TEXT] for name in request.form if name == "body" or name.startswith(_STEP)}
    typed["from"] = field("from", 20)
    wrong = None
    try:
        sent = {name: _parsed(name, text) for name, text in typed.items() if name != "from" and text.strip()}
        body = sent.pop("body", editing.NOTHING)
        inputs = {name.removeprefix(_STEP): value for name, value in sent.items()}
        new = editing.retry(here(), id, body=body, inputs=_touched(id, inputs), beginning=typed["from"] == "beginning")
    except NotThere:
        raise
    except ConfigError as error:
        wrong = error.name if isinstance(error, _Unread) else None
        return _drawn(id, typed, str(error), wrong), 422
    say(f"Run {new} is run {id} once more with your edits. Run {id} stays as it is.")
    return redirect(f"/runs/{new}", 303)


def _touched(id: int, inputs: dict[str, Any]) -> dict[str, Any]:
    """Without the steps whose field was left as it was, such as one that was never given anything."""
    were = {step["path"]: step["inputs"] if step["inputs"] is not None else {} for step in editing.offered(here(), id)["steps"]}
    return {path: value for path, value in inputs.items() if path not in were or were[path] != value}


def _parsed(name: str, text: str) -> Any:
    called = "The event" if name == "body" else f"Step {name.removeprefix(_STEP)}"
    try:
        return json.loads(text)
    except ValueError as error:
        at = f"line {error.lineno}, column {error.colno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise _Unread(name, f"{called} is no JSON ({at}). Your text is kept; mend it and send it again.") from None
    except RecursionError:
        raise _Unread(name, f"{called} is nested too deeply. Your text is kept; mend it and send it again.") from None


VIEWS = {"runs.edit": form, "runs.retry_edited": retry}
