from __future__ import annotations

import pytest

from tests.simulator.conftest import Caller

RFIS = "/rest/v1.0/projects/{p}/rfis"


def links(header: str) -> dict[str, str]:
    """Split as Procore's own client does."""
    pairs = (part.split("; ") for part in header.split(", "))
    return {rel.removeprefix('rel="').rstrip('"'): url.strip("<>") for url, rel in pairs}


def ids(caller: Caller, path: str) -> list[int]:
    answer = caller.get(path)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()]


def test_the_pages_of_a_list_hold_each_record_once(shared: Caller):
    everything = ids(shared, RFIS)
    paged = [one for page in range(1, 6) for one in ids(shared, f"{RFIS}?per_page=10&page={page}")]

    assert paged == everything
    assert len(everything) == 36


def test_page_headers_tell_total_size_and_absolute_neighbours(shared: Caller):
    answer = shared.get(RFIS + "?per_page=10&page=2&filters[status][]=open&filters[status][]=closed")
    found = links(answer.headers["Link"])

    assert (answer.headers["Total"], answer.headers["Per-Page"]) == ("36", "10")
    assert list(found) == ["first", "prev", "last", "next"]
    assert found["next"].startswith(shared.sim.url + "/rest/")
    assert len(shared.get(found["next"].removeprefix(shared.sim.url)).json()) == 10


def test_the_first_page_has_no_previous_and_the_last_no_next(shared: Caller):
    assert list(links(shared.get(RFIS + "?per_page=10").headers["Link"])) == ["last", "next"]
    assert list(links(shared.get(RFIS + "?per_page=10&page=4").headers["Link"])) == ["first", "prev"]
    assert "Link" not in shared.get(RFIS).headers


def test_past_the_end_is_an_empty_list(shared: Caller):
    answer = shared.get(RFIS + "?page=99")

    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/rest/v1.1/projects?company_id={c}", "100"),
        ("/rest/v1.1/projects?company_id={c}&per_page=9999", "300"),
        ("/rest/v1.0/projects/{p}/incidents", "1000"),
        ("/rest/v1.1/requisitions?project_id={p}", "30"),
        ("/rest/v2.0/companies/{c}/projects/{p}/submittals?per_page=500", "100"),
    ],
)
def test_page_sizes_have_a_default_and_a_maximum_of_each_list(shared: Caller, path: str, size: str):
    assert shared.get(path).headers["Per-Page"] == size


def test_meeting_topics_fail_on_big_pages_as_they_do_in_production(shared: Caller):
    path = "/rest/v1.1/projects/{p}/meeting_topics?per_page="

    assert [shared.get(path + size).status_code for size in ("10", "100")] == [200, 500]


def test_an_updated_at_window_holds_both_its_ends(shared: Caller):
    stamps = sorted(one["updated_at"] for one in shared.get(RFIS).json())
    inside = shared.get(RFIS, params={"filters[updated_at]": f"{stamps[5]}...{stamps[9]}"}).json()

    assert sorted(one["updated_at"] for one in inside) == stamps[5:10]


@pytest.mark.parametrize("text", ['"2001-01-01...2100-01-01"', "2001-01-01T00:00:00+00:00...2100-01-01T00:00:00+02:00"])
def test_a_window_may_be_quoted_and_have_offsets(shared: Caller, text: str):
    assert len(ids(shared, f"{RFIS}?filters[created_at]={text}")) == 36


@pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01...", "yesterday...today"])
def test_a_window_that_is_no_range_is_refused(shared: Caller, text: str):
    answer = shared.get(f"{RFIS}?filters[updated_at]={text}")

    assert answer.status_code == 400
    assert "must be a range" in answer.text


def test_ids_select_records(shared: Caller):
    some = ids(shared, RFIS)[3:6]

    assert ids(shared, f"{RFIS}?filters[id][]={some[0]}&filters[id][]={some[2]}") == [some[0], some[2]]
    assert ids(shared, f"{RFIS}?filters[id]={some[0]},{some[1]}") == some[:2]


def test_a_filter_that_the_list_does_not_know_is_ignored(shared: Caller):
    submittals, events = "/rest/v1.1/projects/{p}/submittals", "/rest/v1.1/change_events?project_id={p}"

    assert ids(shared, submittals + "?filters[status]=Nonsense") == ids(shared, submittals)
    assert ids(shared, events + "&filters[id][]=1") == ids(shared, events)
    assert ids(shared, events.replace("v1.1", "v1.0") + "&filters[id][]=1") == []


def test_lists_are_sorted_by_what_they_can_be_sorted_by(shared: Caller):
    projects = [one["name"] for one in shared.get("/rest/v1.1/projects?company_id={c}&sort=-name").json()]
    rfis = [one["number"] for one in shared.get(RFIS + "?sort[attribute]=number&sort[direction]=desc").json()]

    assert projects == sorted(projects, reverse=True)
    assert [int(number) for number in rfis] == sorted(range(1, 37), reverse=True)


def test_deleted_records_leave_the_list_and_appear_in_the_bin(fresh: Caller):
    gone = fresh.post("/_sim/change", json={"resource": "RFIs", "verb": "delete"}).json()["ids"][0]

    assert gone not in ids(fresh, RFIS)
    assert fresh.get(f"{RFIS}/{gone}").status_code == 404
    bin_ = fresh.get(RFIS + "/recycle_bin").json()
    assert [one["id"] for one in bin_] == [gone]
    assert bin_[0]["deleted_at"]


def test_include_deleted_works_where_the_reference_has_it(fresh: Caller):
    events = "/rest/v1.1/change_events?project_id={p}"
    gone = fresh.post("/_sim/change", json={"resource": "Change Events", "verb": "delete"}).json()["ids"]

    assert ids(fresh, events + "&filters[include_deleted]=only") == gone
    assert len(ids(fresh, events + "&filters[include_deleted]=with")) == 18
    assert len(ids(fresh, events)) == 17


def test_views_of_projects_are_ids_and_compact(shared: Caller):
    path = "/rest/v1.1/projects?company_id={c}&view="

    assert all(list(one) == ["id"] for one in shared.get(path + "ids").json())
    assert "address" not in shared.get(path + "compact").json()[0]


@pytest.mark.parametrize(
    ("path", "view"),
    [
        ("/rest/v1.0/vendors?company_id={c}", "compact"),
        ("/rest/v1.1/projects/{p}/vendors?", "minimal"),
        ("/rest/v1.0/projects/{p}/users?", "compact"),
        ("/rest/v1.0/work_order_contracts?project_id={p}", "compact"),
        ("/rest/v1.0/tasks?project_id={p}", "compact"),
    ],
)
def test_other_lists_have_thinner_views_of_the_same_records(shared: Caller, path: str, view: str):
    whole, thin = (shared.get(path + query).json() for query in ("", f"&view={view}"))

    assert [one["id"] for one in thin] == [one["id"] for one in whole]
    assert all(set(one) < set(other) for one, other in zip(thin, whole, strict=True))


def test_ids_alone_are_a_view_of_users_and_drawing_revisions(shared: Caller):
    paths = ("/rest/v1.3/companies/{c}/users?view=ids_only", "/rest/v1.0/projects/{p}/drawing_revisions?serializer_view=only_ids")

    assert all(list(one) == ["id"] for path in paths for one in shared.get(path).json())
