"""Many records in one request, and never an address too long for a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors import batches, catalogue
from connectors.kinds.procore_dmsa import Procore
from simulator.app import Running


class Lists:
    """Answers as a list does, and notes what it was asked for."""

    def __init__(self, *ids: str, all_of_them: bool = False):
        self.ids, self.all_of_them = ids, all_of_them
        self.asked: list[list[str]] = []
        self.pages: list[int] = []

    def __call__(
        self, row: Any, project_id: str | None, *, filters: dict[str, list[str]], per_page: int
    ) -> Iterator[dict[str, Any]]:
        self.asked.append(filters["id"])
        self.pages.append(per_page)
        yield from ({"id": int(id)} for id in self.ids if self.all_of_them or id in filters["id"])
        self.pages.append(0)  # a further page was asked for


def row(name: str = "Punch Items") -> Any:
    return catalogue.resource(name)


def test_one_request_reads_many_and_what_the_list_lacks_is_not_there(sim: Running, procore: Procore) -> None:
    project = str(sim.project_id)
    ids = [str(one["id"]) for one in procore.pages("Punch Items", project)][:3]
    sim.world.calls.forget()
    found = procore.many("Punch Items", [*ids, "999999"], project)
    assert sorted(found) == sorted(ids)
    assert found[ids[0]] == procore.get("Punch Items", ids[0], project)
    assert [call["count"] for call in sim.world.calls.listed() if call["path"].endswith("/punch_items")] == [1]


def test_a_request_asks_for_a_hundred_at_most_and_for_no_empty_page() -> None:
    ids = [str(598134000000000 + n) for n in range(150)]
    lists = Lists(*ids)
    assert list(batches.read_many(lists, row(), ids, "1")) == ids
    assert [len(part) for part in lists.asked] == [100, 50]
    assert lists.pages == [100, 50]


def test_a_smaller_page_of_the_list_and_long_ids_make_smaller_requests() -> None:
    lists = Lists()
    batches.read_many(lists, row(), [str(n) * 60 for n in range(10, 99)], "1")
    around = len("filters%5Bid%5D%5B%5D=&")
    assert len(lists.asked) > 1
    assert max(sum(around + len(id) for id in part) for part in lists.asked) <= batches.LONGEST_QUERY


def test_a_list_that_ignores_the_filter_is_not_read_to_its_end() -> None:
    lists = Lists("5", "7", "9", all_of_them=True)
    assert batches.read_many(lists, row(), ["7", "8"], "1") == {}
    assert lists.pages == [2]


def test_an_id_that_is_asked_for_twice_is_read_once() -> None:
    lists = Lists("7")
    assert list(batches.read_many(lists, row(), ["7", "7"], "1")) == ["7"]
    assert lists.asked == [["7"]]
