"""Keep documents of Procore in a folder: every version once, with its checksum, under a name that each disk takes.

A document stands under its name. When its bytes change, the new version takes the name and the old one stays beside
it as `plan~v1.pdf`. What has the version or checksum that is there already is not downloaded again. Of two documents with
one name both are kept. `remove:` and `delete: true` take at most `max_deletes` documents a day away; the rest is in `held`.

```yaml
use: file.mirror
with:
  folder: "projects/${event.project_id}"
  files:
    - {id: "${record.id}", name: "RFI ${record.number}.pdf", version: "${record.revision}", url: "https://app.procore.example/files/7"}
```
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from automations.actions import _mirroring as mirroring
from automations.actions._files import FilePath, ToFiles
from automations.actions._mirroring import Document, Mirror
from automations.actions._shapes import Text
from automations.context import Context
from automations.effects import summary
from automations.fields import INT, OPEN, TEXT, a_list, a_map
from automations.outcomes import Done
from automations.written import Strict, complain
from config.errors import Permanent

POLICY = "idempotent"
FIXED = ("connector", "to")
OUTPUT = a_map(None, added=INT, updated=INT, kept=INT, removed=INT, held=a_list(TEXT), stored=a_list(OPEN))
MOST_LISTED = 500


class Params(Strict):
    folder: FilePath
    """the folder, below the files root or the folder of `to:`"""
    files: list[Document] = []
    """`{id, name, url, version, sha256, folder}` each; without `version` and `sha256` it is downloaded to be compared"""
    remove: list[Text] = []
    """ids of documents that are gone"""
    delete: bool = False
    """remove what is not in `files:`, which then is the whole list"""
    max_deletes: Annotated[int, Field(ge=0, le=100_000)] = 25
    """documents that may be removed from this folder in one day (UTC)"""
    max_bytes: Annotated[int, Field(ge=1, le=2_000_000_000)] = 50_000_000
    """the most bytes that one file may have"""
    connector: str | None = None
    to: ToFiles | None = None
    """a folder with a quota of its own, `files:<name>`"""

    @model_validator(mode="after")
    def _whole_list(self) -> Params:
        if self.delete and "files" not in self.model_fields_set:
            raise complain("TB132", "delete: true removes what is not in files:, so it needs files:; add the whole list")
        return self


def run(params: Params, context: Context) -> Done:
    name = context.connector(params.connector)
    if context.dry:
        nothing: dict[str, Any] = {"added": 0, "updated": 0, "kept": 0, "removed": 0, "held": [], "stored": []}
        return Done(summary("file.mirror", f"{len(params.files)} files of {name} in {params.folder}") | nothing)
    root = context.tools.folder(params.to or "")
    shown = root.shown(params.folder)
    mirror = Mirror(root, params.folder, context.journal.still_mine)

    def call() -> dict[str, Any]:
        return _mirrored(params, context, mirror)

    # Addresses are signed anew at each read: documents are named by their ids and versions.
    request = {"files": [(one.id, one.version) for one in params.files], "remove": params.remove, "delete": params.delete}
    return Done(context.perform("idempotent", f"files:{shown}", f"mirror {len(params.files)} files in {shown}", request, call))


def _not_nothing(params: Params, mirror: Mirror) -> None:
    """A list that has become empty as a whole is no evidence that everything was deleted."""
    if not params.files and any(True for _ in mirror.ids()):
        raise Permanent(
            f"files: is empty, and delete: true would remove all that is in {params.folder}. When the list is really empty, "
            "name the documents in remove:.",
            kind="empty",
        )


def _mirrored(params: Params, context: Context, mirror: Mirror) -> dict[str, Any]:
    counts = dict.fromkeys(("added", "updated", "kept"), 0)
    stored: list[dict[str, Any]] = []
    for document in params.files:
        note = mirror.note(document.id)
        if mirror.has(note, document):
            counts["kept"] += 1
            continue
        with mirroring.downloaded(context.procore(params.connector), document.url, params.max_bytes) as (file, digest):
            what, note = mirror.store(document, note, file, digest)
        counts[what] += 1
        if what != "kept" and len(stored) < MOST_LISTED:
            stored.append({"id": document.id, "path": mirror.shown(note), "version": note["version"], "sha256": note["sha256"]})
    gone = dict.fromkeys(params.remove)
    if params.delete:
        _not_nothing(params, mirror)
        gone |= dict.fromkeys(set(mirror.ids()) - {one.id for one in params.files})
    removed, held = mirror.remove(sorted(gone), params.max_deletes, f"{context.now:%Y-%m-%d}")
    return {**counts, "removed": removed, "held": held[:MOST_LISTED], "stored": stored}
