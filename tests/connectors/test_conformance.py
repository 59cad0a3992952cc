"""Every row of the catalogue, read by the connector from the pretend Procore over a real socket.

The simulator's table is typed from Procore's reference and knows nothing of the catalogue, so what holds here was
written down twice and agrees. The profile is the strict one.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from config.errors import ConfigError, Permanent
from connectors import catalogue, http
from connectors.catalogue import Resource, record_hash
from connectors.kinds.procore_dmsa import Procore, known
from connectors.ports import MemoryCalls, MemoryQuota
from simulator.app import Running, serve
from simulator.records import Record
from simulator.seeding import PARENTS
from simulator.table import ROWS
from tests.connectors.conftest import connector_to, procore_of

LEAST = 7
EVER = {"start_date": "2000-01-01", "end_date": "2100-01-01"}
UNLISTED = ("Change Event Line Items", "Budget Line Items", "ToDos")


def _without_waiting() -> MemoryQuota:
    """A quota whose waits pass at once: this Procore has no limits, and what its first answers show is not all of them."""
    clock = [time.time()]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    return MemoryQuota(lambda: clock[0], sleep)


class Place:
    """One resource in one project of a simulator: its records there, and the connector that reads them."""

    def __init__(self, sim: Running, name: str) -> None:
        self.sim, self.row, self.calls = sim, known(name), MemoryCalls()
        self.own = ROWS[name]
        self.procore: Procore = procore_of(connector_to(sim), calls=self.calls, quota=_without_waiting())
        self.project = str(sim.project_id)
        self.scope_id = sim.project_id if self.own.of_project else sim.company_id
        shelves = sim.world.shelves
        self.parent_id = shelves.of(PARENTS[name], sim.project_id)[0].id if name in PARENTS and self.row.parent else None
        for _ in range(LEAST if name != "Projects" else 0):
            sim.world.create(self.own, self.scope_id, {}, None, self.parent_id)

    @property
    def parent(self) -> str | None:
        """For the parameter that the list needs."""
        return str(self.parent_id) if self.row.list_parent else None

    def read(self, **options: Any) -> list[dict[str, Any]]:
        if self.row.daily:
            options = {"query": EVER} | options
        return list(self.procore.pages(self.row, self.project, parent=self.parent, **options))

    def ids(self, **options: Any) -> list[str]:
        """Sorted: some lists have an order of their own. What comes twice is here twice."""
        return sorted(str(record["id"]) for record in self.read(**options))

    def raw(self, **query: Any) -> http.Reply:
        """The list's first page, as it came."""
        path = re.sub(r"{(\w+)}", lambda name: str(self._values()[name.group(1)]), self.row.list_path or "")
        wanted = {name: self._values()[name] for name in self.row.list_query}
        return self.procore.reply("GET", path, query=wanted | (EVER if self.row.daily else {}) | query)

    def _values(self) -> dict[str, Any]:
        company = self.sim.company_id
        return {"company_id": company, "project_id": self.project, self.row.list_parent or "": self.parent_id}

    def records(self) -> list[Record]:
        """What the simulator keeps and the list should show."""
        names = ("Work Order Contracts", "Purchase Order Contracts") if self.row.name == "Commitments" else ()
        kept = [one for name in (*names, self.row.name) for one in self.sim.world.shelves.of(name, self.scope_id) if one.live]
        if self.row.list_parent:
            kept = [one for one in kept if one.parent_id == self.parent_id]
        if self.row.daily and self.row.name != "Calendar Items":
            kept = [one for one in kept if one.body["status"] == "approved"]
        return sorted(kept, key=lambda one: one.id)

    def at_rest(self, key: str) -> dict[str, str]:
        """One of the record's keys, by the record's id."""
        return {str(one.id): str(one.body.get(key)) for one in self.records()}


@pytest.fixture(scope="module")
def strict() -> Iterator[Running]:
    with serve(profile="strict", spike=1_000_000, hourly=1_000_000) as sim:
        yield sim
    http.close_sessions()


@pytest.fixture
def place(strict: Running, request: pytest.FixtureRequest) -> Place:
    return Place(strict, request.param)


@pytest.mark.parametrize("place", catalogue.names(), indirect=True)
def test_a_resource_is_at_procore_as_the_catalogue_says(place: Place) -> None:
    if place.row.list_path is None:
        has_no_list(place)
    else:
        its_list_holds_every_record_once(place)
        its_pages_are_as_large_as_they_may_be(place)
        its_answer_has_the_shape_of_its_version(place)
        its_filters_narrow(place)
        its_days_are_asked_for(place)
        its_parent_is_asked_for(place)
    if place.row.show_path is None:
        has_no_show(place)
    else:
        its_show_is_the_record(place)
    its_deleted_records_are_found_where_it_says(place)


def has_no_list(place: Place) -> None:
    assert place.row.name in UNLISTED
    with pytest.raises(ConfigError, match=f"{place.row.name} has no list at Procore"):
        place.ids()


def its_list_holds_every_record_once(place: Place) -> None:
    everything = [str(one.id) for one in place.records()]
    assert place.ids() == everything
    before = len(place.calls.calls)
    assert place.ids(per_page=3) == everything
    small = len(place.calls.calls) - before
    assert small == (-(-len(everything) // 3) if place.row.paging else 1)


def its_pages_are_as_large_as_they_may_be(place: Place) -> None:
    """What the connector asks for at most is what Procore gives: a smaller page in force would cost calls unseen."""
    if not place.row.paging:
        assert "Per-Page" not in place.raw(page=2, per_page=1).headers
        return
    assert place.raw(per_page=place.row.page_max).headers["Per-Page"] == str(place.row.page_max)
    if place.row.name != "Meeting Topics":
        # Its default is not known, only what fails.
        assert place.raw().headers["Per-Page"] == str(place.row.page_size)


def its_answer_has_the_shape_of_its_version(place: Place) -> None:
    body = http.json_of("acme", "GET", "", place.raw())
    if place.row.envelope == "v2":
        assert list(body) == ["data"]
        assert all(isinstance(one["id"], str) for one in body["data"])
        return
    assert isinstance(body, list)
    if place.row.group:
        assert all(sorted(one) == sorted(["group_title", place.row.group]) for one in body)
        body = [one for group in body for one in group[place.row.group]]
    assert all(isinstance(one["id"], int) for one in body)


def its_filters_narrow(place: Place) -> None:
    everything = place.ids()
    for letter, key in (("U", "updated_at"), ("C", "created_at")):
        if letter not in place.row.filters:
            refuses_the_filter(place, key)
            continue
        stamps = place.at_rest(key)
        moment = sorted(stamps.values())[0]
        inside = [number for number, stamp in stamps.items() if stamp == moment]
        assert place.ids(filters={key: f"{moment}...{moment}"}) == inside
        assert 0 < len(inside) < len(everything), f"{key} does not narrow"
    if "I" in place.row.filters or place.row.id_filter != "id":
        assert place.ids(filters={"id": everything[1:3]}) == everything[1:3]
    else:
        refuses_the_filter(place, "id")


def refuses_the_filter(place: Place, name: str) -> None:
    with pytest.raises(ConfigError, match=f"the list of {re.escape(place.row.name)} cannot be filtered by {name} at Procore"):
        place.ids(filters={name: "1"})


def its_days_are_asked_for(place: Place) -> None:
    if not place.row.daily:
        return
    key = "start_date" if place.row.name == "Calendar Items" else "date"
    days = place.at_rest(key)
    last = max(days.values())
    of_last_day = place.ids(query={"start_date": last, "end_date": last})
    assert set(of_last_day) >= {number for number, day in days.items() if day == last}
    assert len(of_last_day) < len(days)
    if key == "date":
        # Without dates the answer is of today, in the project's time zone, and still of approved logs only.
        today = place.sim.world.create(place.own, place.scope_id, {"status": "pending"}, None)
        assert place.ids(query={}) == [number for number, day in days.items() if day == today.body["date"]]
        place.sim.world.delete(today, None)


def its_parent_is_asked_for(place: Place) -> None:
    if place.row.list_parent is None:
        return
    with pytest.raises(ConfigError, match=f"needs {place.row.list_parent}: give it as parent"):
        list(place.procore.pages(place.row, place.project))
    of_others = place.sim.world.shelves.of(PARENTS[place.row.name], place.scope_id)[1].id
    others = {str(record["id"]) for record in place.procore.pages(place.row, place.project, parent=str(of_others))}
    assert others.isdisjoint(place.ids())


def has_no_show(place: Place) -> None:
    if place.row.list_path is None:
        with pytest.raises(ConfigError, match="has no list"):
            place.procore.get(place.row, "1", place.project)
        return
    one = place.read()[1]
    assert steady(place.row, place.procore.get(place.row, str(one["id"]), place.project, place.parent)) == steady(place.row, one)
    with pytest.raises(Permanent, match="1 is not in its list"):
        place.procore.get(place.row, "1", place.project, place.parent)


def its_show_is_the_record(place: Place) -> None:
    record = place.records()[0]
    parent = str(record.parent_id) if place.row.show_parent and record.parent_id else None
    shown = place.procore.get(place.row, str(record.id), place.project, parent)
    assert str(shown["id"]) == str(record.id)
    if place.row.list_path:
        listed = next(one for one in place.read() if str(one["id"]) == str(record.id))
        assert {key: one for key, one in steady(place.row, shown).items() if key in steady(place.row, listed)} == steady(
            place.row, listed
        )
        assert set(shown) - set(listed) <= set(place.row.list_lacks) or place.row.name == "Projects"
    with pytest.raises(Permanent) as missing:
        place.procore.get(place.row, "1", place.project, parent)
    assert missing.value.kind == "http_404"


def steady(row: Resource, record: dict[str, Any]) -> dict[str, str]:
    """Each key with a hash of its content, without signatures; without what a list is known to have staler."""
    return {key: record_hash(row, {key: value}) for key, value in record.items() if key not in row.list_lacks}


def its_deleted_records_are_found_where_it_says(place: Place) -> None:
    if place.row.list_path is None:
        return
    gone = place.records()[-1]
    place.sim.world.delete(gone, None)
    assert str(gone.id) not in place.ids()
    if place.row.deleted_path:
        assert str(gone.id) in place.ids(deleted=True)
    else:
        with pytest.raises(ConfigError, match="has no list of deleted records at Procore"):
            place.ids(deleted=True)
    if "D" in place.row.filters:
        assert place.ids(filters={"include_deleted": "only"}) == [str(gone.id)]
    else:
        refuses_the_filter(place, "include_deleted")


def test_all_101_rows_are_proved() -> None:
    assert len(catalogue.names()) == 101
