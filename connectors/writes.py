"""Creating, changing and bulk upserting records: which call that is, from the catalogue, and what its answer means.

Source: Procore documentation, sync actions and error reference; REST reference for the wrapping of fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.errors import ConfigError, Uncertain
from connectors.catalogue import Resource
from connectors.reading import Json
from connectors.remarks import plain

if TYPE_CHECKING:
    from connectors.kinds.procore_dmsa import Procore

MOST_ROWS = 1000


@dataclass(frozen=True)
class Refusal:
    """A row that Procore did not take: its place in what was sent (from 0), None when the answer does not tell."""

    index: int | None
    origin_id: str
    said: str


@dataclass(frozen=True)
class Synced:
    """`records` are those that were written, as Procore answers them."""

    records: list[Json]
    refused: list[Refusal]


def create(procore: Procore, row: Resource, fields: Mapping[str, Any], project_id: str | None, parent: str | None) -> Json:
    if row.make_path is None:
        raise ConfigError(f"{row.name} cannot be created: Procore has no path for it. {row.note}".rstrip(". ") + ".")
    path, query = procore.where(
        row, row.make_path, row.make_query, project_id=project_id, parent=parent, parent_name=row.make_parent
    )
    return _written(procore, "POST", path, procore.request("POST", path, query=query, json=_wrapped(row, path, fields)))


def update(
    procore: Procore, row: Resource, id: str, fields: Mapping[str, Any], project_id: str | None, parent: str | None
) -> Json:
    if row.show_path is None:
        raise ConfigError(f"{row.name} cannot be changed: Procore has no path for one of them. {row.note}".rstrip(". ") + ".")
    path, query = procore.where(
        row, row.show_path, row.show_query, id=id, project_id=project_id, parent=parent, parent_name=row.show_parent
    )
    return _written(procore, "PATCH", path, procore.request("PATCH", path, query=query, json=_wrapped(row, path, fields)))


def sync(
    procore: Procore, row: Resource, rows: Sequence[Mapping[str, Any]], project_id: str | None, parent: str | None
) -> Synced:
    """A 200 says nothing of the rows: what went wrong stands in its `errors`."""
    if row.sync_path is None:
        raise ConfigError(f"{row.name} has no bulk upsert at Procore. Use procore.create and procore.update.")
    path, query = procore.where(
        row, row.sync_path, row.sync_query, project_id=project_id, parent=parent, parent_name=row.sync_parent
    )
    # The one bulk upsert that is a POST, by the reference.
    method = "POST" if row.name == "Budget Line Items" else "PATCH"
    answer = procore.request(method, path, query=query, json={"updates": [dict(one) for one in rows]})
    found = answer.get("data", answer) if isinstance(answer, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("entities"), list):
        raise Uncertain(f"{procore.connector.name}: {method} {path}: answered without entities; what was written is not known.")
    records = [one for one in found["entities"] if isinstance(one, dict)]
    return Synced(records, [_refusal(rows, one) for one in found.get("errors") or [] if isinstance(one, dict)])


def is_taken(said: str) -> bool:
    """Whether a refusal says that the key of a record is there already."""
    return "already been taken" in said.lower() or "already exists" in said.lower()


def _refusal(rows: Sequence[Mapping[str, Any]], one: Mapping[str, Any]) -> Refusal:
    """Procore repeats the row, with what is wrong in `errors`."""
    keys = [key for key in ("origin_id", "id") if one.get(key) is not None]
    fits = (
        index for index, row in enumerate(rows)
        if (any(str(row.get(key)) == str(one[key]) for key in keys) if keys else all(one.get(k) == v for k, v in row.items()))
    )  # fmt: skip
    return Refusal(next(fits, None), str(one.get("origin_id") or ""), plain(_said(one.get("errors") or one.get("message")), 300))


def _said(errors: Any) -> str:
    """`name can't be blank; origin_id has already been taken`."""
    if isinstance(errors, Mapping):
        return "; ".join(f"{name} {_said(texts)}" for name, texts in errors.items())
    return ", ".join(map(_said, errors)) if isinstance(errors, list) else str(errors)


def _wrapped(row: Resource, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields in the resource's word; v2 takes them as they are."""
    return dict(fields) if path.startswith("/rest/v2") else {row.word: dict(fields)}


def _written(procore: Procore, method: str, path: str, answer: Any) -> Json:
    found = answer["data"] if isinstance(answer, dict) and set(answer) == {"data"} else answer
    if not isinstance(found, dict):
        raise Uncertain(f"{procore.connector.name}: {method} {path}: answered no record. Whether it was done is not known.")
    return found
