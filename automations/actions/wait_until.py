"""Wait until a time, or until something is so.

With `time:` the run goes on then; a time that has passed lets it go on at once. With `condition:` (CEL, without `${}`) the record
is read anew `every` so often, and the run goes on when the condition holds for it or after `timeout`; `met` says which. In
the condition `record` is the record as it is at that moment; later steps find it as `steps.<id>.output.record`.

```yaml
use: wait.until
with: {condition: record.status != "draft", every: 15m, timeout: 48h}
```
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from automations.actions._shapes import Moment
from automations.context import Context
from automations.expressions import Expression
from automations.fields import OPEN, TIME, a_map
from automations.fields import Field as NameField
from automations.functions import iso, moment
from automations.outcomes import Done, Wait
from automations.templates import RecordCopy
from automations.written import Duration, Strict, complain
from config.errors import Permanent

POLICY = "none"
OUTPUT = a_map(None, met=NameField("bool"), at=TIME, record=OPEN)
EXPRESSIONS = ("condition",)


class Params(Strict):
    time: Annotated[Moment | None, Field(description="when to go on")] = None
    condition: Annotated[Any, Field(description="CEL that must hold of the record")] = None
    every: Annotated[Duration, Field(ge=10, description="how often to look, 10s or more")] = 900.0
    timeout: Annotated[Duration | None, Field(gt=0, description="how long to wait for the condition")] = None
    read: Annotated[Literal["procore", "copy"], Field(description="where to look: a call each time, or our copy")] = "procore"

    @model_validator(mode="after")
    def _one_of_two(self) -> Params:
        if (self.time is None) == (self.condition is None):
            raise complain("TB133", "wait.until needs one of time: and condition:, not both")
        if self.condition is not None and self.timeout is None:
            raise complain("TB132", "condition: needs timeout:, so that the wait ends some day; add timeout: 48h")
        return self


def run(params: Params, context: Context) -> Done | Wait:
    if params.time is not None:
        return _at(moment(params.time), context)
    began = moment(context.memory) if context.memory is not None else context.moment
    assert params.timeout is not None
    ends = began + timedelta(seconds=params.timeout)
    record = _record(params, context)
    if _holds(params.condition, record, context):
        return _done(True, context, record)
    if context.moment >= ends:
        return _done(False, context, record)
    following = min(ends, context.moment + timedelta(seconds=params.every))
    return Wait(following, memory=iso(began), reason=f"waits for {params.condition}, at the latest until {iso(ends)}")


def _at(time: datetime, context: Context) -> Done | Wait:
    return _done(True, context, None) if time <= context.moment else Wait(time)


def _done(met: bool, context: Context, record: Any) -> Done:
    return Done({"met": met, "at": iso(context.moment), "record": record})


def _record(params: Params, context: Context) -> dict[str, Any] | None:
    event = context.event
    if not event.resource_name:
        return None
    if params.read == "copy":
        return context.journal.copy_of(event.resource_name, event.resource_id)
    try:
        return context.procore(None).get(event.resource_name, event.resource_id, event.project_id or None)
    except Permanent as error:
        if error.kind == "http_404":
            return None  # deleted meanwhile: `record == null` may be just what is waited for
        raise


def _holds(condition: Expression, record: dict[str, Any] | None, context: Context) -> bool:
    seen = {**context.values, "record": None if record is None else RecordCopy(record)}
    return condition.evaluate(seen) is True
