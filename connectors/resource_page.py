"""docs/resources.md, made from the catalogue: `python -m connectors.resource_page > docs/resources.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from connectors import catalogue
from connectors.catalogue import Resource

_HEAD = """\
# Resources

What Tieback can read from Procore, made from `connectors/catalogue.yaml` and `connectors/shapes.yaml`. Names are Procore's own;
case does not matter.

| column | means |
|---|---|
| events | what can be subscribed to; `-` none; `?` no source says |
| incremental | the list can be asked for what changed since a time; `days`: by daily-log date; `-`: only as a whole |
| deletions | `list`: deleted records can be listed; `event`: only the delete event tells; `compare`: only by comparing ids |
| batch | many records by id in one call |
| page | default and largest page size; `-`: the list has no pages |
| shape | `typed`: fields are known and checked; `open`: records are kept whole, field names are not checked |
| live | a public recording of a live call exists |
"""


def text() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    rows = [row for name in catalogue.names() if (row := catalogue.resource(name))]
    yield _HEAD
    yield f"{len(rows)} resources, {sum(row.fields is not None for row in rows)} of them typed.\n"
    yield "| resource | scope | table | events | incremental | deletions | batch | page | shape | live | note |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    yield from map(_line, rows)
    yield "\n## Names that only webhooks know\n"
    yield "Their events carry ids; there is no endpoint to read the record from.\n"
    yield "| name | scope | events |"
    yield "|---|---|---|"
    for one in catalogue.subscribables():
        if catalogue.resource(one.name) is None:
            yield f"| {one.name} | {one.scope} | {_letters(one.actions)} |"
    yield "\n## Fields of the typed resources\n"
    yield "`!` is never null. Keys inside a list stand behind `[]`."
    yield "Fields in *italics* are missing or staler in the list than in the record."
    for row in rows:
        if row.fields is not None:
            yield f"\n### {row.name}\n"
            yield ", ".join(_fields(row))


def _line(row: Resource) -> str:
    page = f"{row.page_size}/{row.page_max}" if row.paging and row.list_path else "-"
    events = _letters(row.actions) if row.actions else "?" if row.unconfirmed else "-"
    batch = "yes" if row.batch else "-"
    shape = "open" if row.fields is None else "typed"
    live = "yes" if row.seen_live else "-"
    cells = [
        row.name,
        row.scope,
        f"`{row.table}`",
        events,
        _incremental(row),
        _deletions(row),
        batch,
        page,
        shape,
        live,
        _note(row),
    ]
    return f"| {' | '.join(cells)} |"


def _letters(actions: tuple[str, ...]) -> str:
    return " ".join(actions)


def _incremental(row: Resource) -> str:
    if row.list_path is None:
        return "no list"
    return "yes" if "U" in row.filters else "days" if row.daily else "-"


def _deletions(row: Resource) -> str:
    if row.deleted_path or "D" in row.filters:
        return "list"
    return "event" if "delete" in row.actions else "compare"


def _note(row: Resource) -> str:
    ended = "; ".join(f"{action} events ended {since}" for action, since in row.retired.items())
    needs = f"needs {row.parent}" if row.parent and row.parent not in row.note else ""
    return "; ".join(part for part in (ended, needs, row.note) if part)


def _fields(row: Resource) -> Iterator[str]:
    for path, one in (row.fields or {}).items():
        if one.kind == "map" and one.fields:
            continue
        mark = "*" if path.partition(".")[0] in row.list_lacks else ""
        yield f"{mark}`{path}`{mark} {one.kind}{'' if one.nullable else '!'}"
        inside = one.item.fields if one.item else None
        for name, inner in (inside or {}).items():
            yield f"`{path}[].{name}` {inner.kind}"


if __name__ == "__main__":
    sys.stdout.write(text())
