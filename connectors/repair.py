"""What a list says against what we have: whether a record is news, and whether one that is missing is gone.

A list may be thinner or staler than the record itself, so only what it says is compared. A record that a list does
not show is gone only with proof: the recycle bin, the list of deleted ones, or two 404s of the record itself.
Source: Procore documentation, filtering and recycle bins (404 is also the answer to what may not be seen).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from config.errors import Permanent
from connectors import catalogue
from connectors.catalogue import Resource
from connectors.kinds.procore_dmsa import Procore

Json = dict[str, Any]
MOST_SHARE, MOST = 0.2, 20
MOST_OF_BIN = 300


def why_not_swept(row: Resource) -> str | None:
    """Why changes of this resource cannot be asked for; None when they can."""
    if reason := _no_list(row):
        return reason
    if "U" not in row.filters:
        return f"{row.name} has no updated_at filter: only a full comparison (--ids) or a full import sees its changes."
    return None


def why_not_compared(row: Resource) -> str | None:
    """Why its list cannot be compared as a whole; None when it can."""
    return _no_list(row)


def _no_list(row: Resource) -> str | None:
    if row.list_path is None:
        return f"{row.name} has no list at Procore, so what webhooks missed of it cannot be found."
    if row.list_parent:
        return f"{row.name} is listed only under its {row.list_parent}: a full import reads it, a look for changes does not."
    return None


def says_nothing_new(row: Resource, record: Mapping[str, Any], record_hash: str, copy: Any) -> bool:
    """Whether a record of a list tells nothing that our copy does not have.

    `copy` has `record_hash`, `updated_at` (text) and `body`. Fields that the list lacks, at any depth, do not count; a
    list that is older than the copy tells nothing.
    """
    if record_hash == copy.record_hash or _older(record.get("updated_at"), copy.updated_at):
        return True
    heard = {key: value for key, value in record.items() if key not in row.list_lacks}
    return catalogue.record_hash(row, heard) == catalogue.record_hash(row, _as_said(heard, copy.body))


def _as_said(said: Any, kept: Any) -> Any:
    """What is kept, with only the fields that are said."""
    if isinstance(said, Mapping) and isinstance(kept, Mapping):
        return {key: _as_said(value, kept[key]) for key, value in said.items() if key in kept}
    if isinstance(said, list) and isinstance(kept, list) and len(said) == len(kept):
        return [_as_said(one, other) for one, other in zip(said, kept, strict=True)]
    return kept


def _older(one: Any, other: Any) -> bool:
    return isinstance(one, str) and isinstance(other, str) and one < other


def gone(procore: Procore, row: Resource, project_id: str | None, missing: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """(id, proof) of each record that is missing in the list; the proof is None where there is none.

    One that is there after all is left out. Raises: as `Procore.pages` does.
    """
    binned = _binned(procore, row, project_id, missing)
    for id in missing:
        if id in binned:
            yield id, binned[id]
        elif row.show_path is None or row.show_parent:
            yield id, None
        elif shown(procore, row, id, project_id) is None:
            yield id, "Procore answers 404, twice"


def _binned(procore: Procore, row: Resource, project_id: str | None, missing: Collection[str]) -> dict[str, str]:
    asked = deleted_ones(procore, row, project_id)
    if asked is None:
        return {}
    found, proof = asked
    wanted = set(missing)
    return {id: proof for one in found if (id := str(one.get("id"))) in wanted}


def in_bin(procore: Procore, row: Resource, project_id: str | None, id: str) -> str | None:
    """The proof that one record was deleted; None when the first pages of what Procore lists as deleted do not show it.

    A bin may hold the deletions of years, and one record is not worth reading them all.
    """
    asked = deleted_ones(procore, row, project_id)
    if asked is None:
        return None
    found, proof = asked
    return proof if any(str(one.get("id")) == id for one in islice(found, MOST_OF_BIN)) else None


def deleted_ones(procore: Procore, row: Resource, project_id: str | None) -> tuple[Iterator[Json], str] | None:
    """The records that Procore lists as deleted, and what that proves; None where it lists none."""
    if row.deleted_path:
        return procore.pages(row, project_id, deleted=True), "it is in the recycle bin"
    if "D" in row.filters and not row.list_parent:
        return procore.pages(row, project_id, filters={"include_deleted": "only"}), "it is listed as deleted"
    return None


def shown(procore: Procore, row: Resource, id: str, project_id: str | None, parent: str | None = None) -> Json | None:
    """The record; None after two 404s. Raises: as `Procore.get` does for anything else."""
    for _ in range(2):
        try:
            return procore.get(row, id, project_id, parent)
        except Permanent as error:
            if error.kind != "http_404":
                raise
    return None


def too_many(missing: int, known: int) -> bool:
    """Whether so many of a list's records are missing at once that it proves nothing: more than a fifth, and more than 20."""
    return missing > MOST and missing > MOST_SHARE * known
