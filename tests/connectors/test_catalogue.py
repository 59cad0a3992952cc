import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors import catalogue, resource_page
from connectors.catalogue import Resource, Type, record_hash
from connectors.shapes import KINDS

ROWS = [row for name in catalogue.names() if (row := catalogue.resource(name))]
DATA = yaml.safe_load(Path("connectors/catalogue.yaml").read_text("utf-8"))
SHAPES = yaml.safe_load(Path("connectors/shapes.yaml").read_text("utf-8"))


def placeholders(row: Resource) -> set[str]:
    return set(re.findall(r"{(\w+)}", f"{row.list_path} {row.show_path} {row.deleted_path}"))


def test_all_101_resources_are_there() -> None:
    assert len(catalogue.names()) == len(DATA["resources"]) == 101


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row_is_sound(row: Resource) -> None:
    paths = [path for path in (row.list_path, row.show_path, row.deleted_path) if path]
    assert all(re.fullmatch(r"/rest/v\d\.\d(/[a-z_0-9]+|/{[a-z_]+})+", path) for path in paths)
    assert placeholders(row) <= {"company_id", "project_id", "id"} | {row.list_parent, row.show_parent}
    assert row.scope in ("company", "project")
    assert set(row.actions) <= {"create", "update", "delete"}
    assert row.filters <= set("UICDL")
    assert 1 <= row.page_size <= row.page_max
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,62}", row.table)
    assert not set(row.retired) & set(row.actions)


def test_rows_have_no_key_that_the_head_of_the_file_does_not_explain() -> None:
    used = {key for row in DATA["resources"].values() for key in row} - {"note", "also_called"}
    head = Path("connectors/catalogue.yaml").read_text("utf-8").partition("resources:")[0]
    assert [key for key in sorted(used) if not re.search(rf"\b{key}\b", head)] == []


def test_tables_are_unique() -> None:
    assert len({row.table for row in ROWS}) == 101


def test_a_project_path_without_the_project_in_it_asks_for_it_in_the_query() -> None:
    punch = catalogue.resource("Punch Items")
    assert punch is not None
    assert (punch.show_path, punch.show_query) == ("/rest/v1.1/punch_items/{id}", ("project_id",))
    for row in ROWS:
        if row.scope == "project" and row.show_path and "{project_id}" not in row.show_path:
            assert "project_id" in row.show_query, row.name


def test_names_compare_without_regard_to_case() -> None:
    assert catalogue.resource("rFiS") is catalogue.resource("RFIs")
    assert catalogue.resource("Daily Log/Entries") is catalogue.resource("Daily Logs")
    assert catalogue.resource("RFI") is None


def test_the_shape_of_the_best_known_resources_is_typed_and_the_rest_is_open() -> None:
    known = {row.name for row in ROWS if row.fields is not None}
    assert known == {
        "RFIs", "Submittals", "Punch Items", "Observation Items", "Change Events", "Projects", "Company Users", "Company Vendors",
        "Meetings", "Manpower Logs", "Work Order Contracts",
    }  # fmt: skip


def test_nested_fields_have_dotted_paths_and_lists_carry_their_items() -> None:
    fields: Any = getattr(catalogue.resource("Submittals"), "fields", None)
    assert fields["status.name"] == Type("text", nullable=False)
    assert fields["due_date"] == Type("date")
    assert fields["id"] == Type("id", nullable=False)
    assert fields["approvers"].item.fields["user"].fields["name"] == Type("text")
    events: Any = getattr(catalogue.resource("Change Events"), "fields", None)
    assert events["change_items"].item.fields["estimated_cost_amount"].kind == "money"


def test_types_follow_the_names_of_keys() -> None:
    for row in ROWS:
        for path, one in (row.fields or {}).items():
            name = path.rpartition(".")[2]
            assert one.kind in KINDS
            assert one.kind == "timestamp" or not name.endswith("_at"), (row.name, path)
            if name == "id":
                assert one == Type("id", nullable=False), (row.name, path)


def test_what_a_list_lacks_are_fields_of_its_shape() -> None:
    for row in ROWS:
        assert set(row.list_lacks) <= set(row.fields or {}), row.name


def test_shapes_belong_to_resources() -> None:
    assert set(SHAPES["shapes"]) <= set(catalogue.names())


def test_webhook_names_know_their_scope_actions_and_end() -> None:
    users = catalogue.subscribable("project users")
    assert users is not None
    assert (users.scope, users.actions, dict(users.retired)) == ("project", ("create", "delete"), {"update": "2026-06-30"})
    assert catalogue.subscribable("Markup Layers") is not None
    assert catalogue.subscribable("Requisitions") is None


def test_a_signed_address_does_not_change_the_hash_and_content_does() -> None:
    row = catalogue.resource("RFIs")
    one = {
        "id": 1,
        "questions": [{"attachments": [{"id": 7, "url": "https://storage.procore.com/f/7?sig=abc&companyId=1"}]}],
        "a": 1,
    }
    two = {
        "a": 1,
        "id": 1,
        "questions": [{"attachments": [{"id": 7, "url": "https://storage.procore.com/f/7?sig=xyz&companyId=1"}]}],
    }
    assert record_hash(row, one) == record_hash(row, two)
    assert record_hash(row, one) != record_hash(row, {**one, "a": 2})
    assert record_hash(row, {"link": "https://s3.example/x?X-Amz-Signature=1"}) == record_hash(
        row, {"link": "https://s3.example/x?X-Amz-Signature=2"}
    )
    assert record_hash(row, {"link": "https://x.example/?id=1"}) != record_hash(row, {"link": "https://x.example/?id=2"})
    assert record_hash(None, {"x": 1}) != record_hash(None, {"x": "1"})


def test_the_page_of_resources_is_what_the_catalogue_says() -> None:
    written = Path("docs/resources.md").read_text("utf-8")
    assert written == resource_page.text(), "run: python -m connectors.resource_page > docs/resources.md"
