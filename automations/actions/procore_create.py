"""Make a record at Procore, once.

With `origin_id`, your own key for it, where the resource takes one: a record that has it already is adopted. Else
`find_by:` says by which values it is found again after doubt. With neither a doubtful create is left to a person.

```yaml
use: procore.create
with:
  resource: Company Vendors
  origin_id: "erp-${record.id}"
  fields: {name: "Vendor of ${record.number}"}
```
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field as Limited
from pydantic import model_validator

from automations.actions import _procore
from automations.actions._procore import Place, Record
from automations.actions._shapes import Resource, Text
from automations.context import Context
from automations.effects import summary
from automations.fields import Field, of_resource
from automations.journal import Policy
from automations.known import Known
from automations.outcomes import Done
from automations.values import plain
from automations.written import Strict, complain
from config.errors import Permanent
from connectors import catalogue
from connectors.writes import is_taken

POLICY = "by_method"
FIXED = ("resource", "connector")


class Params(Strict):
    resource: Resource
    fields: Annotated[dict[str, Any], Limited(min_length=1)]
    """as Procore's reference names them"""
    connector: str | None = None
    """the event's own; another one only of the same company"""
    project_id: Text | None = None
    """the event's own"""
    parent: Text | None = None
    """the record that it belongs to, where the path needs one"""
    origin_id: Annotated[Text, Limited(min_length=1, max_length=255)] | None = None
    """your own key, unique in the company"""
    find_by: Annotated[dict[str, Any], Limited(min_length=1)] | None = None
    """values by which the record is found in its list; names may be dotted paths"""

    @model_validator(mode="after")
    def _key_is_known(self) -> Params:
        row = catalogue.resource(self.resource)
        if row is not None and row.make_path is None:
            raise complain("TB133", f"{row.name} cannot be created: Procore has no path for it")
        if self.origin_id and row is not None and row.fields is not None and not row.takes_origin:
            raise complain("TB133", f"{row.name} has no origin_id at Procore; name what finds it again with find_by:")
        return self

    @property
    def key(self) -> str | None:
        """The `origin_id`, wherever it is written."""
        written = self.origin_id or self.fields.get("origin_id")
        return str(written) if written not in (None, "") else None


def policy(params: Params) -> Policy:
    """with `origin_id` natural key; with `find_by` it is looked for first; with neither at most once"""
    row = catalogue.resource(params.resource)
    if params.key and row is not None and row.takes_origin:
        return "natural_key"
    return "verify_then_retry" if params.key or params.find_by else "at_most_once"


def output(given: dict[str, Any], known: Known) -> Field:
    """the record as Procore answered it"""
    row = known.resource(str(given.get("resource", "")))
    return of_resource(row) if row is not None else Field("map", fields=None)


def run(params: Params, context: Context) -> Done:
    where = _procore.place(context, params)
    fields = plain(params.fields) | ({"origin_id": params.key} if params.key else {})
    line = f"create {params.resource} at {where.connector}"
    if context.dry:
        return Done(summary("procore.create", line, fields))
    effect = context.effect_key(where.target, params.key)
    _procore.one_write(context, effect, line)

    def write() -> Record:
        return _procore.noted(context, effect, where, "", lambda: _made_or_adopted(context, where, fields, params))

    answer = context.perform(
        policy(params), where.target, line, fields, lambda: _procore.patiently(write), once=params.key,
        lookup=lambda: _seen_again(context, effect, where, params),
    )  # fmt: skip
    return Done(answer)


def _made_or_adopted(context: Context, where: Place, fields: Record, params: Params) -> Record:
    try:
        return _procore.at(context, where).create(where.resource, fields, where.project_id, where.parent)
    except Permanent as error:
        taken = params.key and error.kind in ("http_409", "http_422") and is_taken(str(error))
        found = _procore.find(context, where, {"origin_id": params.key}) if taken else None
        if found is None:
            raise
        return found


def _seen_again(context: Context, effect: str, where: Place, params: Params) -> Record | None:
    """What an earlier attempt made, which nobody told us of."""
    wanted = {"origin_id": params.key} if params.key else plain(params.find_by or {})
    found = _procore.find(context, where, wanted, context.now) if wanted else None
    if found is not None:
        context.tools.own_writes().answered(effect, [found])
    return found
