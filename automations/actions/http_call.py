"""Call a destination over HTTP. Host, credentials and allowed addresses are the destination's.

There is no `url:`; a rule only extends the destination's path. DELETE answered with 404 is fine.

```yaml
use: http.call
with:
  to: http:erp
  method: POST
  path: /rfis
  idempotency_key: "rfi-${record.id}-${record.revision}"
  json: {number: "${record.number}", title: "${record.title}", due: "${record.due_date}"}
```
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from automations.actions._shapes import Text
from automations.context import Context
from automations.effects import refuse_hidden, summary
from automations.fields import ANY, INT, OPEN, TEXT, a_map
from automations.journal import Policy
from automations.outcomes import Done
from automations.tools import Reply
from automations.values import plain
from automations.written import Strict, complain
from config.errors import Permanent, Transient

POLICY = "by_method"
FIXED = ("to", "method")
OUTPUT = a_map(None, status=INT, json=ANY, text=TEXT, headers=OPEN)
KEPT_HEADERS = ("content-type", "etag", "location", "retry-after", "x-request-id")
_NEVER = frozenset(
    {"authorization", "proxy-authorization", "cookie", "host", "content-length", "transfer-encoding", "connection"}
)


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class Params(Strict):
    to: str
    """the destination, `http:<name>`"""
    path: str
    """extends the destination's own; begins with `/`"""
    method: Annotated[Literal["GET", "POST", "PUT", "PATCH", "DELETE"], BeforeValidator(_upper)] = "POST"
    """decides what happens after doubt, see *Effect*"""
    json_: Annotated[Any, Field(alias="json")] = None
    """the body, as JSON"""
    body: str | None = None
    """the body, as text; not together with `json:`"""
    headers: dict[str, Text] = {}
    """headers beside those of the destination; none that carry credentials"""
    query: dict[str, Any] = {}
    """what stands behind the `?`"""
    idempotency_key: Annotated[Text, Field(min_length=1, max_length=255)] | None = None
    """sent as `Idempotency-Key`, or as the header that the destination names; makes a POST safe to repeat"""
    expect: list[int] | None = None
    """the statuses that are fine; 200 to 299 when left out"""

    @field_validator("to")
    @classmethod
    def _destination(cls, value: str) -> str:
        if not re.fullmatch(r"http:[a-z0-9][a-z0-9_-]*", value):
            raise complain(
                "TB136", f'"{value}" is no destination of http.call; write http:<name>, the name of a file in destinations/'
            )
        return value

    @field_validator("path")
    @classmethod
    def _below(cls, value: str) -> str:
        return below(value)

    @field_validator("headers")
    @classmethod
    def _no_credentials(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name.lower() in _NEVER:
                raise complain("TB115", f'the header "{name}" belongs to the destination; write it there')
        return value

    @model_validator(mode="after")
    def _one_body(self) -> Params:
        if self.json_ is not None and self.body is not None:
            raise complain("TB133", "json: and body: exclude each other; take one out")
        return self


def below(path: str) -> str:
    """A path that can only extend the destination's own. Raises: PydanticCustomError TB133."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path or any(ord(c) < 33 for c in path):
        raise complain("TB133", f'"{path[:80]}" is no path; begin with one "/" and use no spaces')
    if any(part in ("..", ".") or part.lower() in ("%2e%2e", "%2e", ".%2e", "%2e.") for part in re.split(r"[/?#]", path)):
        raise complain("TB133", f'"{path[:80]}" leads out of the destination; take the ".." out')
    return path


def policy(params: Params) -> Policy | None:
    """GET only reads; PUT, PATCH and DELETE are idempotent; POST has a natural key with idempotency_key, else at most once."""
    if params.method == "GET":
        return None
    if params.method != "POST":
        return "idempotent"
    return "natural_key" if params.idempotency_key else "at_most_once"


def run(params: Params, context: Context) -> Done:
    kind = policy(params)
    line = f"{params.method} {params.to}{params.path}"
    refuse_hidden(line, params.model_dump())
    if kind is None:
        return Done(_answer(params, _send(params, context)))
    request = {"path": params.path, "query": plain(params.query), "json": plain(params.json_), "body": params.body}
    if context.dry:
        return Done(
            summary("http.call", line, {**request, "idempotency_key": params.idempotency_key})
            | {"status": 0, "text": "", "headers": {}}
        )
    # With a key of its own the effect is the same wherever it is sent from; without, the path tells targets apart.
    target = f"{params.to} {params.method}" if params.idempotency_key else f"{params.to} {params.method} {params.path}"
    _within_its_cap(params, context, target, line)
    answer = context.perform(
        kind, target, line, request, lambda: _answer(params, _send(params, context)), once=params.idempotency_key
    )
    return Done(answer)


def _within_its_cap(params: Params, context: Context, target: str, line: str) -> None:
    caps = context.tools.caps()
    kind: Literal["writes", "deletes"] = "deletes" if params.method == "DELETE" else "writes"
    if caps.take(kind, 1, context.effect_key(target, params.idempotency_key), line, at_procore=False) < 1:
        raise Permanent(caps.refusal(kind, 1), kind="cap")


def _send(params: Params, context: Context) -> Reply:
    query = {name: str(plain(value)) for name, value in params.query.items()}
    try:
        return context.tools.http(params.to.removeprefix("http:")).send(
            params.method, params.path, json=plain(params.json_), body=params.body, headers=params.headers,
            query=query, idempotency_key=params.idempotency_key,
        )  # fmt: skip
    except Permanent as error:
        # A destination raises what it refuses; this rule may have expected just that.
        status = error.kind.removeprefix("http_")
        if status.isdigit() and _fine(params, int(status)):
            return Reply(int(status), text=str(error))
        raise


def _fine(params: Params, status: int) -> bool:
    if params.expect:
        return status in params.expect
    return 200 <= status < 300 or (params.method == "DELETE" and status in (404, 410))


def _answer(params: Params, reply: Reply) -> dict[str, Any]:
    if not _fine(params, reply.status):
        raise _refused(params, reply)
    headers = {name: value for name, value in reply.headers.items() if name.lower() in KEPT_HEADERS}
    return {"status": reply.status, "json": reply.json, "text": reply.text, "headers": headers}


def _refused(params: Params, reply: Reply) -> Transient | Permanent:
    said = f"{params.method} {params.to}{params.path} answered {reply.status}: {' '.join(reply.text.split())[:200]}"
    if reply.status == 429 or reply.status >= 500:
        after = reply.headers.get("retry-after", "")
        kind = "http_429" if reply.status == 429 else "http_5xx"
        return Transient(said, kind=kind, retry_after_s=float(after) if after.isdigit() else None)
    return Permanent(said, kind=f"http_{reply.status}")
