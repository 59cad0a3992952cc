from collections.abc import Mapping
from typing import Any

import pytest

from config.errors import Permanent, Transient
from connectors import reading
from connectors.http import Reply, Strained


class List:
    """A list at the far end. `largest` clamps per_page; `total` sends the header; `breaks_over` answers 500 for large pages."""

    def __init__(self, count: int, largest: int = 1000, total: bool = True, breaks_over: int = 10_000) -> None:
        self.records: list[dict[str, Any]] = [{"id": number} for number in range(1, count + 1)]
        self.largest, self.total, self.breaks_over = largest, total, breaks_over
        self.asked: list[tuple[int, int]] = []

    def ask(self, position: Mapping[str, Any]) -> tuple[Reply, list[dict[str, Any]]]:
        page, size = position["page"], position["per_page"]
        self.asked.append((page, size))
        if size > self.breaks_over:
            raise Strained("500", kind="http_5xx")
        size = min(size, self.largest)
        headers = {"Total": str(len(self.records)), "Per-Page": str(size)} if self.total else {}
        return Reply(200, headers, b"", 1), self.records[(page - 1) * size : page * size]

    def read(self, size: int) -> list[int]:
        return [record["id"] for record in reading.each(reading.pages(self.ask, size, "acme: GET /rest/v1.0/x"))]


def test_a_list_is_read_to_its_end_without_one_call_too_many() -> None:
    far = List(250)
    assert far.read(100) == list(range(1, 251))
    assert far.asked == [(1, 100), (2, 100), (3, 100)]


def test_a_list_that_ends_with_a_full_page_needs_no_empty_one() -> None:
    far = List(200)
    assert far.read(100) == list(range(1, 201))
    assert len(far.asked) == 2


def test_a_page_size_that_the_far_end_makes_smaller_loses_nothing() -> None:
    for total in (True, False):
        assert List(250, largest=30, total=total).read(1000) == list(range(1, 251))


def test_without_headers_the_list_ends_with_an_empty_page() -> None:
    far = List(150, total=False)
    assert far.read(100) == list(range(1, 151))
    assert far.asked[-1] == (3, 100)


@pytest.mark.parametrize("breaks_over,size", [(10, 100), (10, 1000), (1, 7), (33, 100)])
def test_pages_become_smaller_until_the_far_end_can_do_them(breaks_over: int, size: int) -> None:
    far = List(95, breaks_over=breaks_over)
    assert far.read(size) == list(range(1, 96))
    assert far.asked[-1][1] <= breaks_over


def test_a_list_that_breaks_in_the_middle_goes_on_where_it_was() -> None:
    far = List(300)

    def ask(position: Mapping[str, Any]) -> tuple[Reply, list[dict[str, Any]]]:
        if position["page"] == 2 and position["per_page"] == 100:
            raise Strained("500", kind="http_5xx")
        return far.ask(position)

    found = [record["id"] for record in reading.each(reading.pages(ask, 100, "x"))]
    assert found == list(range(1, 301))
    assert (3, 50) in far.asked
    assert (1, 50) not in far.asked


def test_a_list_that_fails_with_one_record_a_page_raises() -> None:
    with pytest.raises(Strained):
        List(5, breaks_over=0).read(100)


def test_an_endpoint_that_ignores_paging_is_read_once() -> None:
    def ask(position: Mapping[str, Any]) -> tuple[Reply, list[dict[str, Any]]]:
        return Reply(200, {}, b"", 1), [{"id": 1}, {"id": 2}]

    assert [record["id"] for record in reading.each(reading.pages(ask, 100, "x"))] == [1, 2]


def test_pages_that_go_round_in_circles_stop_with_an_error() -> None:
    def ask(position: Mapping[str, Any]) -> tuple[Reply, list[dict[str, Any]]]:
        return Reply(200, {}, b"", 1), [{"id": position["page"] % 3}]

    with pytest.raises(Permanent, match="page 4 repeats an earlier one") as raised:
        list(reading.each(reading.pages(ask, 100, "acme: GET /rest/v1.0/x")))
    assert raised.value.kind == "endless"


def test_pages_without_end_stop_with_an_error(monkeypatch: Any) -> None:
    monkeypatch.setattr(reading, "MOST_PAGES", 50)

    def ask(position: Mapping[str, Any]) -> tuple[Reply, list[dict[str, Any]]]:
        return Reply(200, {}, b"", 1), [{"id": position["page"]}]

    with pytest.raises(Permanent, match="still no end after 50 pages"):
        list(reading.each(reading.pages(ask, 1, "x")))


def test_a_record_that_moved_to_the_next_page_meanwhile_comes_once() -> None:
    far = List(20)
    seen = []
    for record in reading.each(reading.pages(far.ask, 10, "x")):
        seen.append(record["id"])
        if record["id"] == 5:
            far.records.insert(0, {"id": 99})
    assert seen == list(range(1, 21))


def test_a_429_in_the_middle_is_waited_for_and_not_the_end_of_the_list() -> None:
    far = List(30)
    refusals = iter([True, True])

    def ask(position: Mapping[str, Any]) -> tuple[Reply, list[dict[str, Any]]]:
        if position["page"] == 2 and next(refusals, False):
            raise Transient("wait", kind="http_429", retry_after_s=1)
        return far.ask(position)

    assert len(list(reading.each(reading.pages(ask, 10, "x")))) == 30


def test_records_without_an_id_are_all_kept() -> None:
    def ask(position: Mapping[str, Any]) -> tuple[Reply, list[dict[str, Any]]]:
        return Reply(200, {"Total": "2", "Per-Page": "10"}, b"", 1), [{"name": "a"}, {"name": "b"}]

    assert len(list(reading.each(reading.pages(ask, 10, "x")))) == 2


def numbers(pages: Any) -> list[int]:
    return [record["id"] for page in pages for record in page.records]


def test_a_list_is_taken_up_again_at_a_page() -> None:
    far = List(95)
    first = next(reading.pages(far.ask, 10, "x"))
    assert first.next == (2, 10)
    assert numbers(reading.pages(far.ask, 10, "x", 2)) == list(range(11, 96))
    assert [page.next for page in reading.pages(far.ask, 10, "x", 9)] == [(10, 10), None]


def test_an_endpoint_that_ignores_paging_ends_wherever_it_is_taken_up() -> None:
    def ask(position: Mapping[str, Any]) -> tuple[Reply, list[dict[str, Any]]]:
        return Reply(200, {}, b"", 1), [{"id": 1}, {"id": 2}]

    assert numbers(reading.pages(ask, 100, "x", 2)) == [1, 2]


@pytest.mark.parametrize("gone", [1, 7, 25])
def test_a_list_that_becomes_shorter_hides_no_record(gone: int) -> None:
    far = List(100)
    seen: set[int] = set()
    for page in reading.pages(far.ask, 10, "x"):
        seen |= {record["id"] for record in page.records}
        if page.number == 5:
            del far.records[:gone]
    assert seen == set(range(1, 101))
