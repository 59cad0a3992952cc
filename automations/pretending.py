"""The outside of a trial: every call is counted by the action that makes it, and none leaves the machine.

In a test a far end answers as the test says, and well when it says nothing. In a back-test nothing answers at all: what
a call would bring is not known there. `would` counts what a dry run would have called.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from automations import digesting
from automations.context import Context
from automations.effects import summary
from automations.journal import Gathered
from automations.outcomes import Answer as Ended
from automations.outcomes import Done
from automations.parts import Automation, Step
from automations.tools import NoTools, Reply
from automations.written_tests import Answer
from config.errors import Permanent, Transient, Uncertain
from connectors.destinations.ics import Definition as Calendar
from connectors.messages import Attachment, Message, Receipt
from connectors.rooted import Rooted

NOT_CALLED = "not_called"
OUTSIDE = ("procore.", "http.", "notify.")
_TRANSIENT = ("timeout", "connection", "http_429", "http_5")


@dataclass
class Pretending:
    """`answers` are by step; None: nothing answers. `record` finds a stored copy by resource and id."""

    answers: dict[str, list[Answer]] | None = None
    company: str = ""
    root: Path | None = None
    record: Callable[[str, str], dict[str, Any] | None] = lambda _resource, _id: None
    calls: Counter[str] = field(default_factory=Counter)
    would: Counter[str] = field(default_factory=Counter)
    told: list[tuple[str, Message]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wrapped(self, rule: Automation) -> Automation:
        """The automation with every step's calls led here."""
        lists = {name: tuple(map(self._step, getattr(rule, name))) for name in ("steps", "on_error", "finally_")}
        return replace(rule, **lists)  # type: ignore[arg-type]

    def _step(self, step: Step) -> Step:
        return replace(step, action=_Action(self, step))

    def called(self, word: str) -> None:
        with self._lock:
            self.calls[word] += 1

    def pretended(self, word: str, ended: Ended) -> None:
        """Count what a dry run would have called."""
        said = ended.output if isinstance(ended, Done) else None
        if isinstance(said, dict) and said.get("dry") is True and word.startswith(OUTSIDE):
            with self._lock:
                self.would[word] += len(said.get("results") or ["one"])

    def answer(self, step: str) -> Answer | None:
        """The next answer to this step; the last one stays. Raises: the error that it says, or that nothing answers."""
        if self.answers is None:
            raise Permanent("the answer of a call is not known here", kind=NOT_CALLED)
        with self._lock:
            given = self.answers.get(step)
            if not given:
                return None
            said = given.pop(0) if len(given) > 1 else given[0]
        if said.error is not None:
            raise _error(said)
        return said

    def digest(self, to: str, automation: str, messages: Sequence[Gathered]) -> None:
        """What was gathered goes out as one message."""
        self.called("notify.send")
        said = [{"title": one.title, "text": one.text, "link": one.link, "recipients": one.recipients} for one in messages]
        self.tell(to, digesting.message_of(automation, messages[0].key, said))

    def tell(self, to: str, message: Message) -> None:
        with self._lock:
            self.told.append((to, message))


def _error(said: Answer) -> Exception:
    kind = str(said.error)
    what = said.message or f"the far end answers {kind}"
    if kind == "uncertain":
        return Uncertain(what)
    if kind.startswith(_TRANSIENT):
        return Transient(what, kind=kind)
    return Permanent(what, kind=kind)


class _Action(ModuleType):
    """An action whose calls are known for those of its step; all else is the action's own."""

    def __init__(self, pretending: Pretending, step: Step):
        super().__init__(step.action.__name__)
        self._pretending, self._step, self._own = pretending, step, step.action

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def run(self, params: Any, context: Context) -> Ended:
        given = (self._pretending.answers or {}).get(self._step.id)
        if given and "output" in given[0].model_fields_set:
            self._pretending.called(self._step.use)
            said = self._pretending.answer(self._step.id)
            return Done(said.output if said is not None else None)
        try:
            ended: Ended = self._own.run(params, replace(context, tools=_Outside(self._pretending, self._step)))
        except Permanent as error:
            if error.kind != NOT_CALLED:
                raise
            return Done(summary(self._step.use, str(error)))
        self._pretending.pretended(self._step.use, ended)
        return ended


class _Outside(NoTools):
    """The tools of one step."""

    def __init__(self, pretending: Pretending, step: Step):
        self._pretending, self._step = pretending, step

    def _called(self) -> Answer | None:
        self._pretending.called(self._step.use)
        return self._pretending.answer(self._step.id)

    def procore(self, connector: str) -> _Outside:
        return self

    def http(self, destination: str) -> _Outside:
        return self

    def notify(self, destination: str) -> _Mouth:
        return _Mouth(self._pretending, self._step, destination)

    def company_of(self, connector: str) -> str:
        return self._pretending.company

    def folder(self, destination: str = "") -> Rooted:
        if self._pretending.root is None:
            raise Permanent("no file is written here", kind=NOT_CALLED)
        return Rooted(self._pretending.root, destination.partition(":")[2])

    def calendar(self, destination: str) -> Calendar:
        name = destination.partition(":")[2]
        return Calendar(name, f"calendars/{name}.ics", False, name, "UTC")

    def attachment(self, path: str, *, read: bool) -> Attachment:
        return Attachment(path.rpartition("/")[2])

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Reply:
        said = self._called() or Answer()
        return Reply(said.status, {name.lower(): value for name, value in said.headers.items()}, said.text, said.json_)

    def get(self, resource: str, id: str, project_id: str | None = None, parent: str | None = None) -> dict[str, Any]:
        said = self._called()
        found = said.record if said is not None else self._pretending.record(resource, id)
        if found is None:
            raise Permanent(
                f"nothing says what {resource} {id} is; write it below answers: {self._step.id}: {{record: {{…}}}}",
                kind="http_404",
            )
        return {"id": id, **found}

    def paged(
        self,
        resource: str,
        project_id: str | None = None,
        *,
        parent: str | None = None,
        filters: Mapping[str, Any] | None = None,
        asking: Callable[[], None] | None = None,
    ) -> Iterator[_Page]:
        if asking is not None:
            asking()
        said = self._called()
        yield _Page(list(said.records or []) if said is not None else [])

    def create(
        self, resource: str, fields: Mapping[str, Any], project_id: str | None = None, parent: str | None = None
    ) -> dict[str, Any]:
        return self._written({"id": "1", **fields})

    def update(
        self, resource: str, id: str, fields: Mapping[str, Any], project_id: str | None = None, parent: str | None = None
    ) -> dict[str, Any]:
        return self._written({"id": id, **fields})

    def sync(
        self, resource: str, rows: Sequence[Mapping[str, Any]], project_id: str | None = None, parent: str | None = None
    ) -> _Synced:
        said = self._called()
        written = [{"id": str(number), **row} for number, row in enumerate(rows, 1)]
        return _Synced(list(said.records) if said is not None and said.records is not None else written)

    def upload(self, name: str, content_type: str, content: BinaryIO, project_id: str | None = None) -> str:
        return str(self._written({"id": "upload-1"})["id"])

    def download(self, url: str, into: BinaryIO, max_bytes: int) -> None:
        said = self._called()
        into.write((said.text if said is not None else "").encode()[:max_bytes])

    def _written(self, usual: dict[str, Any]) -> dict[str, Any]:
        said = self._called()
        return {**usual, **(said.record or {})} if said is not None else usual


@dataclass(frozen=True)
class _Page:
    records: list[dict[str, Any]]


@dataclass(frozen=True)
class _Synced:
    records: list[dict[str, Any]]
    refused: Sequence[Any] = ()


@dataclass(frozen=True)
class _Mouth:
    pretending: Pretending
    step: Step
    to: str

    def notify(self, message: Message) -> Receipt:
        self.pretending.called(self.step.use)
        said = self.pretending.answer(self.step.id)
        self.pretending.tell(self.to, message)
        return Receipt(said.text if said is not None and said.text else "200 ok")
