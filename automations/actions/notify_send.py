"""Say something to people: in Slack, in Teams, by e-mail, or to any web service.

Each destination is an effect of its own, so a retry repeats only what did not go out. All of them are tried before the
step fails; its error names those that failed and those that went through. With `once:` the same value is said once to each
destination, by whatever run. Chats and mail servers know no key for a message: when nobody can tell whether one arrived,
the run is parked for a person. `http:` destinations get the key of the effect as idempotency key.

Over the rate of a `flow: throttle:` with `over: digest` the message is not sent now, but stands in one message that is
sent at the end of the window. Files are attached to e-mails; chats name them.

```yaml
use: notify.send
with:
  to: [slack:site-ops, teams:pm-office, http:erp-events]
  once: "${run.rule}/${record.id}/${record.status}"
  title: "RFI ${record.number}"
  text: "${record.title} is ${record.status}"
  link: "https://app.procore.com/${event.project_id}/project/rfi/show/${record.id}"
```
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from automations import effects
from automations.actions._shapes import Said, Text, spelled
from automations.context import Context
from automations.effects import InDoubt, summary
from automations.fields import OPEN, TEXT, a_list, a_map
from automations.functions import iso
from automations.journal import Effect, Gathered, Policy
from automations.outcomes import Done
from automations.written import Strict, complain
from config.errors import ConfigError, Permanent, Transient, Uncertain
from connectors import names
from connectors.messages import Message, checked_link, one_line

POLICY = "by_method"
OUTPUT = a_map(None, sent=a_list(TEXT), already=a_list(TEXT), gathered=a_list(TEXT), results=a_list(OPEN))
MOST_DESTINATIONS, MOST_FIELDS = 20, 20
_DESTINATION = re.compile(r"(slack|teams|email|http):[a-z0-9][a-z0-9_-]{0,62}\Z")


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Texts = Annotated[list[str], BeforeValidator(_listed)]


class Params(Strict):
    to: Annotated[Texts, Field(min_length=1, max_length=MOST_DESTINATIONS)]
    """one destination or a list: `slack:`, `teams:`, `email:` or `http:` and the name of its file"""
    text: Annotated[Said, Field(min_length=1)]
    """what to say; what a record holds is shown as it is and never becomes markup"""
    title: Said | None = None
    """a heading; the subject of a mail"""
    subject: Said | None = None
    """another word for `title:`"""
    link: Text | None = None
    """a web address to open"""
    fields: Annotated[dict[str, Any], Field(max_length=MOST_FIELDS)] = {}
    """short facts beside the text"""
    once: Annotated[Text, Field(min_length=1, max_length=500)] | None = None
    """said once per destination for this value, whatever run says it; without it once per event"""
    attach: Texts = []
    """files below the files root, for e-mail"""
    recipients: Texts = []
    """addresses for e-mail, in place of those in the destination's file"""

    @field_validator("to")
    @classmethod
    def _destinations(cls, value: list[str]) -> list[str]:
        for name in value:
            if "${" not in name and not _DESTINATION.match(name):
                raise complain(
                    "TB136",
                    f'"{name[:80]}" is no destination of notify.send; write slack:, teams:, email: or http: and the name of a '
                    "file in destinations/",
                )
        return list(dict.fromkeys(value))

    @field_validator("attach")
    @classmethod
    def _below(cls, value: list[str]) -> list[str]:
        for path in value:
            if "${" not in path:
                _is_path(path)
        return value

    @model_validator(mode="after")
    def _fits(self) -> Params:
        if self.title is not None and self.subject is not None:
            raise complain("TB133", "title: and subject: are the same; take one out")
        if self.recipients and not any(name.startswith("email:") or "${" in name for name in self.to):
            raise complain("TB133", "recipients: are for e-mail, and to: names no email: destination")
        return self


def _is_path(path: str) -> None:
    try:
        names.parts(path)
    except Permanent as error:
        raise complain("TB133", str(error)) from None


def policy(params: Params) -> Policy:
    """http: natural key; Slack, Teams and e-mail: at most once."""
    return "at_most_once" if any(policy_of(to) == "at_most_once" for to in params.to) else "natural_key"


def policy_of(destination: str) -> Policy:
    """Chats and mail servers know no key by which a second try could be told from a second message."""
    return "natural_key" if destination.startswith("http:") else "at_most_once"


@dataclass(frozen=True)
class Told:
    """What became of one message to one destination: sent, already, gathered, or why not."""

    to: str
    state: str
    said: str = ""
    error: Transient | Permanent | None = None

    def as_json(self) -> dict[str, Any]:
        return {"to": self.to, "state": self.state, "said": self.said or (str(self.error) if self.error else "")}


def run(params: Params, context: Context) -> Done:
    message = _message(params, context)
    if context.dry:
        return Done(_pretended(params, message))
    found = [told for to in params.to for told in _tell(params, context, to, message)]
    if any(told.error for told in found):
        raise _whole(found)
    by_state = {state: [told.to for told in found if told.state == state] for state in ("sent", "already", "gathered")}
    return Done(by_state | {"results": [told.as_json() for told in found]})


def _message(params: Params, context: Context) -> Message:
    event = {name: value for name, value in context.event.values().items() if name not in ("body", "parent", "app_id")}
    return Message(
        text=params.text, key="", title=params.title or params.subject or "", link=params.link or "",
        fields={name: spelled(value) for name, value in params.fields.items()},
        recipients=tuple(params.recipients),
        about={"automation": context.automation, "step": context.step, "run": context.run_id, "event": event},
    )  # fmt: skip


def _pretended(params: Params, message: Message) -> dict[str, Any]:
    said = {"title": message.title, "text": message.text, "link": message.link, "fields": dict(message.fields)}
    request = {name: value for name, value in {**said, "recipients": params.recipients, "attach": params.attach}.items() if value}
    results = [{"to": to, "state": "dry", "said": ""} for to in params.to]
    return summary("notify.send", f"tell {', '.join(params.to)}", request) | {
        "sent": [], "already": [], "gathered": [], "results": results,
    }  # fmt: skip


def _tell(params: Params, context: Context, to: str, message: Message) -> Iterator[Told]:
    """One destination; each address that a mail server refused while it took others is an effect of its own."""
    if context.digest_until is not None:
        yield _caught(to, _gather, params, context, message)
        return
    refused: dict[str, str] = {}
    yield _caught(to, _send, params, context, to, message, refused)
    for address in refused:
        # Tried at once as a mail of its own, whose error says whether it can still go; a retry tries only these.
        yield _caught(f"{to} {address}", _send, params, context, to, replace(message, recipients=(address,)), {})


def _caught(target: str, tell: Callable[..., Told], params: Params, context: Context, *given: Any) -> Told:
    try:
        return tell(params, context, target, *given)
    except (Transient, Permanent) as error:
        return Told(target, "failed", error=error)


def _send(params: Params, context: Context, target: str, to: str, message: Message, refused: dict[str, str]) -> Told:
    made = []

    def call() -> dict[str, Any]:
        made.append(target)
        keyed = replace(message, key=context.effect_key(target, params.once), attachments=_attachments(params, context, to))
        receipt = context.tools.notify(to).notify(keyed)
        return {"said": receipt.said, "refused": dict(receipt.refused)}

    kept = context.perform(policy_of(to), target, _line(target, message), _request(params, message), call, once=params.once)
    kept = kept if isinstance(kept, dict) else {}
    refused.update(kept.get("refused") or {})
    return Told(target, "sent" if made else "already", str(kept.get("said", "")))


def _attachments(params: Params, context: Context, to: str) -> tuple[Any, ...]:
    return tuple(context.tools.attachment(path, read=to.startswith("email:")) for path in params.attach)


def _gather(params: Params, context: Context, to: str, message: Message) -> Told:
    """Hand the message over to the digest of its window; it is known by the key that it would have had by itself."""
    assert context.digest_until is not None
    key, until = context.effect_key(to, params.once), iso(context.digest_until)
    line = _line(to, message)
    hash_, lasting = effects.hash_of(_request(params, message)), params.once is not None
    effect = Effect(key, context.step, policy_of(to), f"digest of {to}", line, hash_, lasting)
    kept = context.journal.intend(effect)
    if kept.state == "applied":
        return Told(to, "already")
    if kept.elsewhere:
        raise effects.at_it(effect)
    if kept.state == "uncertain":
        raise InDoubt(f"{line}: an earlier attempt may have gone through. Look at {to}, then settle it.")
    recipients = message.recipients if to.startswith("email:") else ()  # for a chat they would only part what belongs together
    gathered = Gathered(
        key, context.automation, to, context.digest_key, context.digest_until, message.title, message.text, _link_of(to, message),
        recipients,
    )  # fmt: skip
    context.journal.gather(gathered)
    context.journal.settle(key, "applied", {"said": f"in the digest of {until}", "refused": {}})
    return Told(to, "gathered", f"in the digest of {until}")


def _link_of(to: str, message: Message) -> str:
    """Checked now: a digest must not fail over one of its messages."""
    try:
        return checked_link(to, message.link)
    except ConfigError as error:
        raise Permanent(str(error), kind="request") from None


def _line(target: str, message: Message) -> str:
    return f"message to {target}: {one_line(message.title or message.text, 100)}"


def _request(params: Params, message: Message) -> dict[str, Any]:
    return {
        "title": message.title, "text": message.text, "link": message.link, "fields": dict(message.fields),
        "recipients": message.recipients, "attach": params.attach,
    }  # fmt: skip


def _whole(found: list[Told]) -> Transient | Permanent:
    """One error for all. What may still go out is tried again first; then doubt parks the run; a refusal fails the step."""
    failed = [(told, told.error) for told in found if told.error is not None]
    fine = [told.to for told in found if told.error is None]
    said = "; ".join(f"{told.to}: {error}" for told, error in failed)
    whole = f"{said} (went through: {', '.join(fine) or 'none'})" if len(found) > 1 else said
    again = [error for told, error in failed if isinstance(error, Transient) and not _doubtful(told, error)]
    if again:
        waits = [error.retry_after_s for error in again if error.retry_after_s is not None]
        return Transient(whole, kind=again[0].kind, retry_after_s=max(waits) if waits else None)
    if any(isinstance(error, InDoubt) or _doubtful(told, error) for told, error in failed):
        return InDoubt(whole)
    first = failed[0][1]
    return Permanent(whole, kind=first.kind)


def _doubtful(told: Told, error: Transient | Permanent) -> bool:
    return isinstance(error, Uncertain) and policy_of(told.to) == "at_most_once"
