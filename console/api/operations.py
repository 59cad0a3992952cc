"""Operations over the API: what each route takes and gives, and its view."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from flask import Response
from pydantic import Field

from console.api.answering import asked, cursor_asked, given, limit_asked, paged, wish
from console.api.described import Described, Given, Moment, Nothing, Reason, Wish, WithReason
from console.pages.parts import here
from console.verbs import choosing, editing, fitting, operating
from console.verbs.operating import Pace

Text = Annotated[str, Field(max_length=400)] | None
Back = Annotated[str, Field(max_length=40, description="A span back from now such as 6h, or a moment in ISO 8601.")] | None
RowId = Annotated[int, Field(ge=1, lt=10**18)]


class Where(Wish):
    """Which runs. Events know `state`, `connector`, `source`, `resource`, `record`, `project`, `text` and `since`."""

    state: Text | list[str] = None
    automation: Text = None
    connector: Text = None
    lane: Text = None
    source: Text = None
    resource: Text = None
    record: Text = None
    project: Text = None
    event_id: RowId | None = None
    cause: Text = None
    operation: RowId | None = None
    text: Text = None
    since: Back = None
    until: Back = None
    ended_since: Back = None


class CountOperation(Wish):
    """`where`, `ids` or `everything` says which are meant; nothing at all is refused."""

    kind: Literal["retry", "cancel", "replay", "backtest"]
    where: Where | None = None
    ids: Annotated[list[RowId], Field(max_length=choosing.MOST_CHOSEN)] | None = None
    everything: bool = False
    rule: Annotated[str, Field(max_length=64, description="For replay: the automation.")] | None = None
    repeat_effects: bool = False
    automation: Annotated[str, Field(max_length=64, description="For backtest.")] | None = None
    since: Annotated[str, Field(max_length=40, description="For backtest: how far back, such as 30d.")] | None = None


class StartOperation(CountOperation):
    rate: Annotated[float, Field(ge=0.01, le=operating.MOST_RATE, description="So many per second.")] | None = None
    canary: Annotated[int, Field(ge=0, le=operating.MOST_CANARY, description="So many first; the rest when they end well.")] = 0
    undo_window_s: Annotated[
        float, Field(ge=0, le=operating.LONGEST_WINDOW_S, description="It begins after so many seconds.")
    ] = 0.0
    reason: Reason = ""


class Operation(Given):
    id: int
    kind: str
    state: str
    what: dict[str, Any]
    total: int | None
    done: int
    failed: int
    skipped: int
    taken_back: int
    rate: float | None
    canary: int
    requested_by: str
    reason: str | None
    created_at: dt.datetime
    starts_at: dt.datetime
    started_at: Moment
    finished_at: Moment


class Counted(Given):
    kind: str
    total: int
    what: dict[str, Any]


class EditRun(Wish):
    """What differs: `body` in the place of `event.body`, whole `inputs` by step."""

    body: Any = None
    inputs: dict[str, dict[str, Any]] = {}
    from_beginning: bool = False


class Edited(Given):
    done: bool
    run: int
    of: int


DESCRIBED: Mapping[str, Described] = {
    "api.run_edit": Described("Try a run once more, as a new one, with another body of its event or other inputs", Edited,
                              takes=EditRun),
    "api.operations": Described("Long work, newest first", Operation, True, query={
        "kind": "Only of this kind.", "state": "Only in this state."}, choices=fitting.OPERATIONS),
    "api.operation": Described("One operation: how far it is, its runs, and what may be done with it", Operation),
    "api.operation_count": Described("How many runs or events it would be", Counted, takes=CountOperation),
    "api.operation_start": Described("Begin a bulk retry, cancel or replay, or a back-test", Operation, takes=StartOperation),
    "api.operation_pause": Described("Do nothing more until it is resumed", Operation, takes=WithReason),
    "api.operation_resume": Described("Go on; with the rest all the same, when its first runs did not end well", Operation,
                                      takes=Nothing),
    "api.operation_cancel": Described("End it; what it made due goes on", Operation, takes=WithReason),
    "api.operation_back": Described("Take back what nobody has begun with", Operation, takes=Nothing),
}  # fmt: skip


def run_edit(id: int) -> Response:
    wanted = wish(EditRun)
    body = wanted.body if "body" in wanted.model_fields_set else editing.NOTHING
    new = editing.retry(here(), id, body=body, inputs=wanted.inputs, beginning=wanted.from_beginning)
    return given({"done": True, "run": new, "of": id})


def listed() -> Response:
    filters, limit = asked(DESCRIBED["api.operations"]), limit_asked()
    return paged(operating.listed(here(), limit + 1, cursor_asked(), **filters), limit)


def show(id: int) -> Response:
    return given(operating.shown(here(), id))


def count() -> Response:
    wanted = wish(CountOperation)
    return given(operating.preview(here(), wanted.kind, _what(wanted)))


def start() -> Response:
    wanted = wish(StartOperation)
    pace = Pace(wanted.rate, wanted.canary, wanted.undo_window_s)
    return show(operating.start(here(), wanted.kind, _what(wanted), pace=pace, why=wanted.reason))


def _what(wanted: CountOperation) -> dict[str, Any]:
    """What was given, as verbs take it."""
    return wanted.model_dump(exclude={"kind", "rate", "canary", "undo_window_s", "reason"}, exclude_none=True)


def pause(id: int) -> Response:
    operating.pause(here(), id, wish(WithReason).reason)
    return show(id)


def resume(id: int) -> Response:
    wish(Nothing)
    operating.resume(here(), id)
    return show(id)


def cancel(id: int) -> Response:
    operating.cancel(here(), id, wish(WithReason).reason)
    return show(id)


def take_back(id: int) -> Response:
    wish(Nothing)
    operating.take_back(here(), id)
    return show(id)


VIEWS: dict[str, Callable[..., Response]] = {
    "api.run_edit": run_edit, "api.operations": listed, "api.operation": show, "api.operation_count": count,
    "api.operation_start": start, "api.operation_pause": pause, "api.operation_resume": resume,
    "api.operation_cancel": cancel, "api.operation_back": take_back,
}  # fmt: skip
