"""The simulator's table and the catalogue were typed apart from the same reference: where they differ, it is meant."""

import re
from collections.abc import Iterator

from connectors import catalogue
from connectors.catalogue import Resource
from simulator.table import ROWS, Row

MEANT = {
    ("Meeting Topics", "page"): "100 answers 500 in production: the simulator does so, the connector asks for 10",
    ("Requisitions", "page"): "the default of 30 is known, the maximum is not: the connector asks for no more than 100",
    ("Payment Applications", "page"): "the default of 30 is known, the maximum is not: the connector asks for no more than 100",
    ("Projects", "make"): "the reference creates projects under v1.0; the simulator serves both",
    ("Daily Logs", "show"): "the header of a day is found by a parameter, not by a path: simulator/pages.py has it",
}
MORE_IN_THE_SIMULATOR = {
    "Tax Codes": "no event and no row in section 5; its largest page and its sync are documented",
    "Generic Tools": "the parents of correspondence, so that a client can find their ids",
    "Specification Section Divisions": "the parents of section revisions, so that a client can find their ids",
}


def test_the_simulator_serves_every_resource_of_the_catalogue_and_few_more() -> None:
    served = {row.name for row in ROWS.values() if row.routes}
    unserved = {row.name for row in ROWS.values() if not row.routes}
    assert served - set(catalogue.names()) == set(MORE_IN_THE_SIMULATOR)
    assert set(catalogue.names()) - served == {"Change Event Line Items"}
    assert {one.name for one in catalogue.subscribables()} <= served | unserved


def test_where_the_two_tables_differ_there_is_a_reason() -> None:
    found = {
        (name, what): (mine, theirs)
        for name in catalogue.names()
        for what, mine, theirs in differences(ROWS[name], row_of(name))
        if mine != theirs
    }
    assert set(found) == set(MEANT), found


def row_of(name: str) -> Resource:
    row = catalogue.resource(name)
    assert row is not None
    return row


def differences(own: Row, row: Resource) -> Iterator[tuple[str, object, object]]:
    """Each thing that both tables say: of the simulator, of the catalogue."""
    first = {route.kind: route for route in reversed(own.routes)}
    listed, shown, binned, bulk, made = (first.get(kind) for kind in ("list", "show", "bin", "sync", "make"))
    yield "scope", "project" if own.of_project else "company", row.scope
    yield "events", set(own.verbs), set(row.actions)
    yield "list", listed and plain(listed.path), row.list_path and plain(row.list_path)
    yield "required", set(listed.required) if listed else set(), set(row.list_query)
    yield "show", shown and plain(shown.path), row.show_path and plain(row.show_path)
    yield "deleted", binned and binned.path, row.deleted_path
    bulks = {route.path for route in own.routes if route.kind == "sync"}
    yield "sync", row.sync_path if row.sync_path in bulks else bulk and bulk.path, row.sync_path
    yield "sync query", set(bulk.required) if bulk else set(), set(row.sync_query)
    yield "make", (made or listed) and plain((made or listed).path), row.make_path and plain(row.make_path)  # type: ignore[union-attr]
    yield "filters", {option for option in own.options if len(option) == 1}, set(row.filters)
    yield "paging", "no-paging" not in own.options, row.paging
    sizes = (own.page_default, own.page_max), (row.page_size, row.page_max)
    yield "page", *(("unknown", "unknown") if sizes == ((100, 10_000), (100, 1000)) else sizes)


def plain(path: str) -> str:
    """The record's own id has several names in the reference."""
    return re.sub(r"{\w+}$", "{id}", path)
