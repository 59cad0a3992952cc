"""Every payload form becomes the same canonical event; what is none says why."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.events import Said, UnreadableError, read

ARRIVED = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

# The examples of Procore's documentation on webhook payloads, as printed there.
V2 = """{ "id": 123456789,
  "ulid": "01JMYXMZRBVKK0PC6XS8SA4QRE",
  "timestamp": "2026-02-06T23:34:12.246562Z",
  "metadata": { "source_user_id": 987654321, "source_project_id": 2468013579, "source_operation_id": null,
                "source_company_id": 1357908642, "source_application_id": null },
  "user_id": 987654321, "company_id": 1357908642, "project_id": 2468013579,
  "api_version": "v2.0", "event_type": "update", "resource_name": "RFIs", "resource_id": 54321 }"""
V4 = """{ "id": "01JMYXMZRBVKK0PC6XS8SA4QRE", "timestamp": "2026-02-25T16:04:43.619085Z", "reason": "update",
  "company_id": "8", "project_id": "6778", "user_id": "5447",
  "resource_type": "Direct Cost Line Items", "resource_id": "379913" }"""


def one(body: Any) -> Said:
    raw = body if isinstance(body, str) else json.dumps(body)
    said, unread = read(raw.encode(), ARRIVED)
    assert unread == []
    (event,) = said
    return event


def changed(text: str, **values: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(text) | values
    return {name: value for name, value in body.items() if value is not ...}


def test_the_v2_example_becomes_the_canonical_event() -> None:
    assert one(V2) == Said(
        key="01JMYXMZRBVKK0PC6XS8SA4QRE",
        action="update",
        resource_name="RFIs",
        resource_id="54321",
        company_id="1357908642",
        project_id="2468013579",
        user_id="987654321",
        app_id="",
        timestamp=dt.datetime(2026, 2, 6, 23, 34, 12, 246562, tzinfo=dt.UTC),
        payload_version="v2.0",
        parent=None,
    )


def test_an_old_v2_payload_without_ulid_is_known_by_its_id() -> None:
    event = one(changed(V2, ulid=..., api_version="v2"))
    assert (event.key, event.payload_version) == ("123456789", "v2.0")


def test_v3_tells_the_parent_of_a_line_item() -> None:
    event = one(changed(V2, api_version="v3.0", related_resources=[{"id": 1234, "name": "Direct Costs"}]))
    assert (event.payload_version, event.parent) == ("v3.0", {"id": "1234", "name": "Direct Costs"})


def test_v3_without_a_parent_has_none() -> None:
    assert one(changed(V2, api_version="v3.0", related_resources=[])).parent is None


def test_the_v4_example_becomes_the_canonical_event() -> None:
    assert one(V4) == Said(
        key="01JMYXMZRBVKK0PC6XS8SA4QRE",
        action="update",
        resource_name="Direct Cost Line Items",
        resource_id="379913",
        company_id="8",
        project_id="6778",
        user_id="5447",
        app_id="",
        timestamp=dt.datetime(2026, 2, 25, 16, 4, 43, 619085, tzinfo=dt.UTC),
        payload_version="v4.0",
        parent=None,
    )


def test_v4_may_carry_its_version_and_an_empty_project() -> None:
    event = one(changed(V4, payload_version="v4.0", project_id="", resource_type="Projects", reason="create"))
    assert (event.payload_version, event.project_id, event.action) == ("v4.0", "", "create")


@pytest.mark.parametrize("absent", [None, "", ...])
def test_a_company_event_has_an_empty_project_in_every_spelling(absent: Any) -> None:
    assert one(changed(V2, project_id=absent)).project_id == ""


@pytest.mark.parametrize("id", [598134000001001, "598134000001001"])
def test_ids_come_as_numbers_or_text_and_leave_as_text(id: Any) -> None:
    assert one(changed(V4, resource_id=id, company_id=id)).resource_id == "598134000001001"


@pytest.mark.parametrize("verb", ["update", "UPDATE", "Updated"])
def test_verbs_come_in_any_case_and_tense(verb: str) -> None:
    assert one(changed(V4, reason=verb)).action == "update"


def test_a_verb_that_we_do_not_know_is_kept_as_sent_and_unsupported() -> None:
    event = one(changed(V4, reason="archived"))
    assert (event.action, event.supported) == ("archived", False)


def test_unknown_keys_do_not_disturb() -> None:
    assert one(changed(V4, data={"deep": [1, 2]}, shiny=True)) == one(V4)


def test_the_application_that_made_the_change_is_told() -> None:
    assert one(changed(V2, metadata={"source_application_id": "abc"})).app_id == "abc"


def test_an_array_gives_each_event_and_says_which_object_is_none() -> None:
    said, unread = read(f'[{V2}, {{"id": 1}}, {V4}]'.encode(), ARRIVED)
    assert [event.resource_name for event in said] == ["RFIs", "Direct Cost Line Items"]
    assert unread == ['object 2: "event_type" is missing']


@pytest.mark.parametrize("missing", ["event_type", "resource_name", "resource_id", "company_id"])
def test_a_missing_key_is_named(missing: str) -> None:
    said, unread = read(json.dumps(changed(V2, **{missing: ...})).encode(), ARRIVED)
    assert said == []
    assert unread == [f'"{missing}" is missing']


def test_an_unreadable_time_becomes_the_time_of_arrival() -> None:
    assert one(changed(V4, timestamp="yesterday")).timestamp == ARRIVED


def test_what_is_not_json_says_so() -> None:
    with pytest.raises(UnreadableError, match="not JSON"):
        read(b"{", ARRIVED)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
json_values = st.recursive(leaves, lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids))


@given(json_values | st.fixed_dictionaries({}, optional=dict.fromkeys(json.loads(V2) | json.loads(V4), json_values)))
def test_any_json_is_an_event_or_a_reason(body: Any) -> None:
    said, unread = read(json.dumps(body).encode(), ARRIVED)
    assert len(said) + len(unread) == (len(body) if isinstance(body, list) else 1)
    for event in said:
        assert all(isinstance(id, str) for id in (event.resource_id, event.company_id, event.project_id, event.key))


@pytest.mark.parametrize("name", ["resource_id", "company_id", "project_id", "user_id", "resource_type", "reason"])
@pytest.mark.parametrize("sign", ["\x00", "\ud800", "\x1b"])
def test_signs_that_no_database_takes_or_a_terminal_obeys_are_refused_by_name(name: str, sign: str) -> None:
    said, unread = read(json.dumps(changed(V4, **{name: f"a{sign}b"})).encode(), ARRIVED)
    assert (said, len(unread)) == ([], 1)
    assert name in unread[0]


def test_a_key_with_such_signs_becomes_a_digest() -> None:
    assert len(one(changed(V4, id="a\x00b")).key) == 64


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon", 5, None])
def test_a_time_out_of_the_calendar_becomes_the_time_of_arrival(time: Any) -> None:
    assert one(changed(V4, timestamp=time)).timestamp == ARRIVED


def test_a_verb_longer_than_any_word_is_refused() -> None:
    _, unread = read(json.dumps(changed(V4, reason="x" * 65)).encode(), ARRIVED)
    assert unread == ['"reason" is no short text']
