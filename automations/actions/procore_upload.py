"""Bring a file to Procore, and hang it on a record.

Without `attach:` the upload's id is for the `fields:` of a later step, as `upload_ids`. An upload that nothing refers to
is nothing at Procore, so it is simply repeated after doubt; with `attach:` the record is looked at first, and a file of
this name that hangs there is adopted.

```yaml
use: procore.upload
with: {file: "out/daily.csv", attach: {resource: RFIs, id: "${record.id}"}}
```
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping

from automations.actions import _procore
from automations.actions._procore import Place
from automations.actions._shapes import Resource, Text
from automations.context import Context
from automations.effects import summary
from automations.fields import TEXT, a_map
from automations.outcomes import Done
from automations.written import Strict

POLICY = "verify_then_retry"
FIXED = ("connector",)
OUTPUT = a_map(None, upload_id=TEXT, attached=TEXT)


class Attach(Strict):
    resource: Resource
    id: Text
    field: str = "attachments"
    """the list of the record that shows its files"""


class Params(Strict):
    file: Text
    """below the files folder"""
    name: Text | None = None
    """what Procore calls it; the file's own name"""
    connector: str | None = None
    """the event's own; another one only of the same company"""
    project_id: Text | None = None
    """the event's own"""
    parent: Text | None = None
    attach: Attach | None = None

    @property
    def called(self) -> str:
        return self.name or self.file.rpartition("/")[2]


def run(params: Params, context: Context) -> Done:
    project = params.project_id or context.event.project_id or None
    resource = params.attach.resource if params.attach else "uploads"
    where = Place(context.connector(params.connector), resource, project, params.parent)
    to = f"{resource} {params.attach.id}" if params.attach else resource
    line = f"upload {params.called} to {to} at {where.connector}"
    if context.dry:
        return Done(summary("procore.upload", line) | {"upload_id": "", "attached": ""})
    target = f"procore:{where.connector} {to} {params.called}"
    effect = context.effect_key(target)
    _procore.one_write(context, effect, line)
    request = {"file": params.file, "name": params.called}
    answer = context.perform(
        "verify_then_retry", target, line, request, lambda: _procore.patiently(lambda: _brought(params, context, where, effect)),
        lookup=lambda: _hangs_there(params, context, where),
    )  # fmt: skip
    return Done(answer)


def _brought(params: Params, context: Context, where: Place, effect: str) -> dict[str, str]:
    kind = mimetypes.guess_type(params.called)[0] or "application/octet-stream"
    with context.tools.folder().read(params.file) as content:
        upload = _procore.at(context, where).upload(params.called, kind, content, where.project_id)
    attach = params.attach
    if attach is None:
        return {"upload_id": upload, "attached": ""}
    procore, fields = _procore.at(context, where), {"upload_ids": [upload]}
    change = lambda: procore.update(where.resource, attach.id, fields, where.project_id, where.parent)  # noqa: E731
    _procore.noted(context, effect, where, attach.id, change)
    return {"upload_id": upload, "attached": attach.id}


def _hangs_there(params: Params, context: Context, where: Place) -> dict[str, str] | None:
    """A file of this name on the record, which an earlier attempt brought and nobody told us of."""
    attach = params.attach
    if attach is None:
        return None
    record = _procore.at(context, where).get(where.resource, attach.id, where.project_id, where.parent)
    files = record.get(attach.field)
    names = {one.get(key) for one in files or [] if isinstance(one, Mapping) for key in ("name", "filename")}
    return {"upload_id": "", "attached": attach.id} if params.called in names else None
