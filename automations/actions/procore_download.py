"""Fetch the file behind an attachment's address into the files folder.

Our token goes to Procore's own hosts alone; the storage that they lead to is told nothing. The file stands whole or not
at all, and the same call twice leaves the same file. Addresses expire: take them from a record that was just read.

```yaml
use: procore.download
with: {url: "https://app.procore.example/api/v5/files/7?sig=x", path: "rfis/${record.number}.pdf"}
```
"""

from __future__ import annotations

import shutil
from tempfile import TemporaryFile
from typing import Annotated, Any

from pydantic import Field

from automations.actions._shapes import Text
from automations.context import Context
from automations.effects import summary
from automations.fields import INT, TEXT, a_map
from automations.outcomes import Done
from automations.written import Strict

POLICY = "idempotent"
FIXED = ("connector",)
OUTPUT = a_map(None, path=TEXT, bytes=INT, sha256=TEXT)


class Params(Strict):
    url: Text
    """as Procore wrote it into the record"""
    path: Text
    """where the file will stand, below the files folder"""
    connector: str | None = None
    """the event's own; another one only of the same company"""
    max_bytes: Annotated[int, Field(ge=1, le=2_000_000_000)] = 50_000_000


def run(params: Params, context: Context) -> Done:
    name = context.connector(params.connector)
    folder = context.tools.folder()
    at = folder.shown(params.path)
    if context.dry:
        return Done(summary("procore.download", f"a file of {name} to {at}") | {"path": at, "bytes": 0, "sha256": ""})

    def fetch() -> dict[str, Any]:
        with TemporaryFile() as kept:
            context.procore(params.connector).download(params.url, kept, params.max_bytes)
            kept.seek(0)
            return folder.replace(params.path, lambda out: shutil.copyfileobj(kept, out), context.journal.still_mine).as_json()

    # The address is signed anew at each read: what it leads to is named by its path.
    request = {"url": params.url.partition("?")[0], "to": at}
    return Done(context.perform("idempotent", f"files:{at}", f"download {at} from {name}", request, fetch))
