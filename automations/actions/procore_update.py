"""Change fields of a record at Procore.

The fields are written as they are given, so the same call twice leaves the same. With `version:`, the `updated_at` that
the rule has seen, a record that somebody changed meanwhile is left alone and the step fails with `conflict`.

```yaml
use: procore.update
with: {resource: RFIs, id: "${record.id}", fields: {due_date: "2026-12-24"}, version: "${record.updated_at}"}
```
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field as Limited
from pydantic import model_validator

from automations.actions import _procore
from automations.actions._procore import Place, Record
from automations.actions._shapes import Moment, Resource, Text
from automations.context import Context
from automations.effects import summary
from automations.fields import Field, of_resource
from automations.functions import iso, moment
from automations.journal import Policy
from automations.known import Known
from automations.outcomes import Done
from automations.values import plain
from automations.written import Strict, complain
from config.errors import Permanent
from connectors import catalogue

POLICY = "by_method"
FIXED = ("resource", "connector")


class Params(Strict):
    resource: Resource
    id: Text
    fields: Annotated[dict[str, Any], Limited(min_length=1)]
    connector: str | None = None
    """the event's own; another one only of the same company"""
    project_id: Text | None = None
    """the event's own"""
    parent: Text | None = None
    version: Moment | None = None
    """the `updated_at` that the rule has seen"""

    @model_validator(mode="after")
    def _can_be_changed(self) -> Params:
        row = catalogue.resource(self.resource)
        if row is not None and row.show_path is None:
            raise complain("TB133", f"{row.name} cannot be changed: Procore has no path for one of them")
        return self


def policy(params: Params) -> Policy:
    """idempotent; with `version:` the second call would meet the change of the first, so it is looked at instead"""
    return "verify_then_retry" if params.version else "idempotent"


def output(given: dict[str, Any], known: Known) -> Field:
    """the record as Procore answered it"""
    row = known.resource(str(given.get("resource", "")))
    return of_resource(row) if row is not None else Field("map", fields=None)


def run(params: Params, context: Context) -> Done:
    where = _procore.place(context, params)
    fields = plain(params.fields)
    line = f"change {', '.join(sorted(fields))} of {params.resource} {params.id} at {where.connector}"
    if context.dry:
        return Done(summary("procore.update", line, fields))
    target = f"{where.target} {params.id}"
    effect = context.effect_key(target)
    _procore.one_write(context, effect, line)

    def write() -> Record:
        _unchanged(params, context, where)
        procore = _procore.at(context, where)
        change = lambda: procore.update(where.resource, params.id, fields, where.project_id, where.parent)  # noqa: E731
        return _procore.noted(context, effect, where, params.id, change)

    def done_before() -> Record | None:
        seen = _now(params, context, where)
        if not _procore.has(seen, fields):
            return None
        context.tools.own_writes().answered(effect, [seen])
        return seen

    call = (lambda: _procore.patiently(write)) if params.version else write
    return Done(context.perform(policy(params), target, line, fields, call, lookup=done_before))


def _now(params: Params, context: Context, where: Place) -> Record:
    return _procore.at(context, where).get(where.resource, params.id, where.project_id, where.parent)


def _unchanged(params: Params, context: Context, where: Place) -> None:
    """Procore has no conditional writes: what happens between this look and the write is not seen."""
    if params.version is None:
        return
    told = _now(params, context, where).get("updated_at")
    if not isinstance(told, str) or iso(moment(told)) != params.version:
        raise Permanent(
            f"procore.update: {params.resource} {params.id} is as of {told or 'a time that Procore does not tell'}, and the rule "
            f"has seen it as of {params.version}. Nothing was written. Its newer event runs the rule again.",
            kind="conflict",
        )
