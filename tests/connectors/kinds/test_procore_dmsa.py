import time
from collections.abc import Callable
from typing import Any

import pytest

from config.errors import ConfigError, Permanent, Transient, Uncertain
from connectors import catalogue
from connectors.kinds.procore_dmsa import Procore, filter_query, known
from connectors.ports import MemoryCalls, MemoryQuota
from simulator.app import Running
from simulator.records import Record
from tests.connectors.conftest import Wire, connector_to, http_answer, procore_of


def project_of(sim: Running) -> str:
    return str(sim.project_id)


def kept(sim: Running, shown: dict[str, Any]) -> Record:
    """The simulator's own record of an RFI that was read."""
    found = sim.world.shelves.find("RFIs", shown["id"])
    assert found is not None
    return found


def test_every_resource_with_a_list_can_be_read_and_shown(sim: Running, procore: Procore) -> None:
    project = project_of(sim)
    for name in catalogue.names():
        row = known(name)
        # The simulator has no page for one day's header, and a calendar without items.
        if row.list_path is None or row.list_parent or name in ("Daily Logs", "Calendar Items"):
            continue
        days = {"start_date": "2020-01-01", "end_date": "2100-01-01"} if row.daily else None
        records = list(procore.pages(row, project, query=days))
        assert records, name
        if row.show_path and not row.show_parent:
            assert procore.get(row, str(records[0]["id"]), project)["id"] == records[0]["id"], name


def test_a_record_is_procores_own_dict_untouched(sim: Running, procore: Procore) -> None:
    listed = next(procore.pages("RFIs", project_of(sim)))
    shown = procore.get("rfis", str(listed["id"]), project_of(sim))
    assert isinstance(shown["id"], int)
    assert shown["id"] > 2**32
    assert set(catalogue.resource("RFIs").list_lacks) & set(listed) == set()  # type: ignore[union-attr]
    assert set(catalogue.resource("RFIs").list_lacks) <= set(shown)  # type: ignore[union-attr]


def test_no_record_of_a_typed_resource_has_a_key_that_the_catalogue_lacks(sim: Running, procore: Procore) -> None:
    for name in catalogue.names():
        row = known(name)
        if row.fields is None:
            continue
        days = {"start_date": "2020-01-01", "end_date": "2100-01-01"} if row.daily else None
        record = procore.get(row, str(next(procore.pages(row, project_of(sim), query=days))["id"]), project_of(sim))
        assert set(record) <= set(row.fields), name


def test_the_company_header_goes_with_every_call_also_in_the_strict_profile(start: Callable[..., Running]) -> None:
    sim = start(profile="strict")
    one = procore_of(connector_to(sim))
    assert {str(company["id"]) for company in one.companies()} >= {str(sim.company_id)}
    assert len(list(one.pages("RFIs", project_of(sim)))) > 10


def test_a_page_smaller_than_the_list_gives_the_same_records(sim: Running, procore: Procore, calls: MemoryCalls) -> None:
    whole = [record["id"] for record in procore.pages("Punch Items", project_of(sim))]
    assert [record["id"] for record in procore.pages("Punch Items", project_of(sim), per_page=7)] == whole
    assert len(whole) > 7


def test_a_hundred_ids_are_one_call(sim: Running, procore: Procore, calls: MemoryCalls) -> None:
    ids = [str(record["id"]) for record in procore.pages("RFIs", project_of(sim))][:20]
    before = len(calls.calls)
    found = [str(record["id"]) for record in procore.pages("RFIs", project_of(sim), filters={"id": ids})]
    assert sorted(found) == sorted(ids)
    assert len(calls.calls) - before == 1


def test_changed_records_are_found_by_their_time(sim: Running, procore: Procore) -> None:
    first = next(procore.pages("RFIs", project_of(sim)))
    sim.world.update(kept(sim, first), {"subject": "New"}, None)
    window = time.strftime("%Y-%m-%dT%H:%M:%SZ...2100-01-01T00:00:00Z", time.gmtime(time.time() - 60))
    changed = [record["id"] for record in procore.pages("RFIs", project_of(sim), filters={"updated_at": window})]
    assert changed == [first["id"]]


def test_deleted_records_come_from_the_recycle_bin(sim: Running, procore: Procore) -> None:
    first = next(procore.pages("RFIs", project_of(sim)))
    sim.world.delete(kept(sim, first), None)
    assert [record["id"] for record in procore.pages("RFIs", project_of(sim), deleted=True)] == [first["id"]]
    with pytest.raises(Permanent) as raised:
        procore.get("RFIs", str(first["id"]), project_of(sim))
    assert raised.value.kind == "http_404"


def test_a_grouped_list_comes_flat(sim: Running, procore: Procore) -> None:
    assert all("title" in record for record in procore.pages("Meetings", project_of(sim)))


def test_a_record_without_a_show_endpoint_is_found_in_its_list(sim: Running, procore: Procore) -> None:
    first = next(procore.pages("Submittal Packages", project_of(sim)))
    assert procore.get("Submittal Packages", str(first["id"]), project_of(sim))["id"] == first["id"]
    with pytest.raises(Permanent, match="is not in its list"):
        procore.get("Submittal Packages", "1", project_of(sim))


def test_a_parent_is_put_where_the_path_needs_it(sim: Running, procore: Procore) -> None:
    rfi = str(next(procore.pages("RFIs", project_of(sim)))["id"])
    assert isinstance(list(procore.pages("RFI Replies", project_of(sim), parent=rfi)), list)
    with pytest.raises(ConfigError, match="RFI Replies needs rfi_id: give it as parent"):
        procore.get("RFI Replies", "1", project_of(sim))


def test_a_missing_project_an_odd_id_and_an_unknown_resource_are_told_before_any_call(
    procore: Procore, calls: MemoryCalls
) -> None:
    with pytest.raises(ConfigError, match="RFIs belongs to a project: give project_id"):
        procore.get("RFIs", "1")
    with pytest.raises(ConfigError, match="is no id"):
        procore.get("RFIs", "../../hooks", "2")
    with pytest.raises(ConfigError, match='no resource "Submital"; did you mean "Submittals"'):
        procore.get("Submital", "1", "2")
    with pytest.raises(ConfigError, match="cannot be filtered by updated_at"):
        procore.pages("Meetings", "1", filters={"updated_at": "a...b"})
    assert calls.calls == []


def test_filters_are_spelled_as_each_list_wants_them() -> None:
    assert filter_query(known("RFIs"), {"id": ["1"], "status": "open"}) == {"filters[id][]": ["1"], "filters[status]": "open"}
    assert filter_query(known("Coordination Issues"), {"id": ["1"]}) == {"filters[ids][]": ["1"]}


# Trouble


def test_an_app_that_was_uninstalled_is_disconnected(sim: Running, procore: Procore) -> None:
    sim.world.faults.add({"name": "app_uninstalled"})
    with pytest.raises(Permanent, match="App is not connected to this company") as raised:
        procore.projects()
    assert raised.value.kind == "disconnected"


def test_a_429_stops_all_callers_until_retry_after(sim: Running, calls: MemoryCalls) -> None:
    quota = MemoryQuota()
    one, other = (procore_of(connector_to(sim), calls=calls, quota=quota) for _ in range(2))
    one.sign_in()
    sim.world.faults.add({"name": "rate_limit_429", "count": 1, "retry_after": 1})
    with pytest.raises(Transient) as raised:
        one.request("GET", "/rest/v1.0/me")
    assert (raised.value.kind, raised.value.retry_after_s) == ("http_429", 1.0)
    started = time.monotonic()
    other.request("GET", "/rest/v1.0/me")
    assert time.monotonic() - started > 0.8


def test_a_burst_within_a_small_spike_window_causes_no_429(start: Callable[..., Running]) -> None:
    # Given a far end and a governor on the same clock, which only sleeping moves
    slept: list[float] = []
    clock = [time.time()]
    sim = start(spike=25, hourly=600, clock=lambda: clock[0])

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    quota = MemoryQuota(clock=lambda: clock[0], sleep=sleep)
    calls = MemoryCalls()
    one = procore_of(connector_to(sim), calls=calls, quota=quota)
    for _ in range(60):
        one.request("GET", "/rest/v1.0/me")
    assert [call.status for _, call in calls.calls if call.status == 429] == []
    assert 20 <= sum(slept) < 21


def test_meeting_topics_are_read_although_large_pages_answer_500(sim: Running, procore: Procore) -> None:
    assert list(procore.pages("Meeting Topics", project_of(sim)))


def test_a_page_that_answers_500_is_asked_again_in_smaller_parts(sim: Running, procore: Procore) -> None:
    whole = [record["id"] for record in procore.pages("RFIs", project_of(sim))]
    sim.world.faults.add({"name": "error_500", "count": 2, "path": "/rfis"})
    assert [record["id"] for record in procore.pages("RFIs", project_of(sim), per_page=20)] == whole


@pytest.mark.parametrize(
    "fault,kind",
    [({"name": "outage", "mode": "503"}, "http_5xx"), ({"name": "outage", "mode": "reset"}, "connection"),
     ({"name": "error_502_html"}, "http_5xx"), ({"name": "truncated"}, "connection")],
)  # fmt: skip
def test_trouble_at_procore_is_transient_for_reads_and_no_data(
    sim: Running, procore: Procore, fault: dict[str, Any], kind: str
) -> None:
    procore.sign_in()
    sim.world.faults.add(fault)
    with pytest.raises(Transient) as raised:
        list(procore.pages("RFIs", project_of(sim)))
    assert raised.value.kind == kind
    assert not isinstance(raised.value, Uncertain)


def test_a_write_that_was_cut_off_is_uncertain(sim: Running, procore: Procore) -> None:
    procore.sign_in()
    sim.world.faults.add({"name": "outage", "mode": "reset"})
    with pytest.raises(Uncertain):
        procore.request("POST", f"/rest/v1.0/projects/{sim.project_id}/rfis", json={"rfi": {"subject": "x"}})


@pytest.mark.parametrize("body", [b'{"records": []}', b'["a"]', b'"x"', b"7", b'{"data": {"id": 1}}'])
def test_something_else_than_a_list_of_records_is_not_read_as_one(sim: Running, wire: Callable[..., Wire], body: bytes) -> None:
    one = procore_of(connector_to(sim, api_host=wire(http_answer(body)).url))
    with pytest.raises(Transient, match="something else than a list of records"):
        list(one.pages("RFIs", "1"))


def test_a_v2_envelope_is_opened(sim: Running, procore: Procore) -> None:
    first = next(procore.pages("Equipment"))
    assert isinstance(first["id"], str)
    assert procore.get("Equipment", first["id"])["id"] == first["id"]


def test_no_secret_is_in_what_is_recorded_or_printed(sim: Running, procore: Procore, calls: MemoryCalls) -> None:
    procore.companies()
    shown = repr(calls.calls) + repr(procore.connector)
    assert sim.world.tokens.client_secret not in shown
    assert "eyJ" not in shown


def test_companies_can_be_listed_before_one_is_chosen(sim: Running) -> None:
    found = procore_of(connector_to(sim, company_id="")).companies()
    assert str(sim.company_id) in {str(company["id"]) for company in found}


def test_wanted_projects_are_those_of_the_file_that_are_permitted(sim: Running) -> None:
    one = procore_of(connector_to(sim, projects=(project_of(sim), "4711")))
    assert [str(project["id"]) for project in one.wanted_projects()] == [project_of(sim)]
