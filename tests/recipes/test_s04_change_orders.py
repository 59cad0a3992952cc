"""S4: approved change orders go to the ERP with their paper trail."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.recipes.stack import Installation

NAME = "change-order-to-erp"


def order(here: Installation, title: str, contract: dict[str, Any], **fields: Any) -> str:
    """A change order that is not approved yet, and of which we have heard."""
    given = {"title": title, "status": "draft", "contract": contract, "grand_total": "900.00", "attachments": [], **fields}
    id = here.create("Change Order Packages", **given)
    here.ended(NAME, id, 1, "skipped")
    return id


def posted(here: Installation, *having: str) -> list[dict[str, Any]]:
    return [one for one in here.sink("erp", *having) if one["path"].endswith("/change-orders")]


def _posts(here: Installation, word: str, count: int) -> bool:
    return len(posted(here, word)) == count


def test_S4_reverted_then_approved_again_posts_once_per_approval(here: Installation) -> None:
    # Given a change order of a commitment that the ERP knows
    id = order(here, "Back and forth", {"id": 71, "origin_id": "erp-71"})
    # When it is approved, taken back, and approved again
    for count, status in ((1, "approved"), (1, "draft"), (2, "approved")):
        here.update("Change Order Packages", id, status=status)
        here.until(partial(_posts, here, "Back and forth", count), f"{count} posts")
        here.settled(1.2)  # Procore counts changes in whole seconds
    # And touched without changing its status
    here.update("Change Order Packages", id, description="a note")
    here.settled()
    # Then each approval was posted once, with a key of its own, and stands in the table of links
    here.ended(NAME, id, 2)
    first, second = posted(here, "Back and forth")
    assert first["headers"]["Idempotency-Key"] != second["headers"]["Idempotency-Key"]
    assert len(here.table("change_order_links", change_order_id=id)) == 2


def test_S4_a_missing_parent_is_waited_for_then_posts_go_in_order(here: Installation) -> None:
    # Given two change orders of a commitment that the ERP does not know yet, both approved
    unknown = {"id": 72, "origin_id": None}
    first, second = (order(here, f"In order {n}", unknown) for n in (1, 2))
    here.update("Change Order Packages", first, status="approved")
    here.waits(NAME, first, "parent")
    here.update("Change Order Packages", second, status="approved")
    here.until(lambda: [one for one in here.runs(NAME, second) if one["state"] == "waiting"], "the second in its place")
    here.settled()
    assert posted(here, "In order") == []
    # When the commitment gets its number in the ERP
    for id in (second, first):
        here.update("Change Order Packages", id, contract={"id": 72, "origin_id": "erp-72"})
    here.settled()
    here.pass_time(NAME, first)
    # Then both are posted, the first one first
    here.until(lambda: len(posted(here, "In order")) == 2, "both posts")
    assert [one["body"]["title"] for one in posted(here, "In order")] == ["In order 1", "In order 2"]
    assert {one["body"]["contract"] for one in posted(here, "In order")} == {"erp-72"}


def test_S4_above_the_limit_a_person_is_asked_and_the_paper_trail_and_attachments_go_along(here: Installation) -> None:
    # Given a large change order with a request that came of an RFI, and an attachment
    change = here.create("Change Events", title="Deeper footing", event_origin={"origin_id": 4711, "origin_type": "rfi"})
    plan = {"id": 5, "name": "sketch.pdf", "url": "{{base}}/api/v5/files/5?sig={{sig}}"}
    id = order(here, "Deep footing", {"id": 73, "origin_id": "erp-73"}, grand_total="90000.00", attachments=[plan])
    request = here.create(
        "Potential Change Orders", title="PCO of it", change_order_package_id=int(id), change_event_id=int(change)
    )
    here.update("Change Order Packages", id, status="approved")
    # When somebody says yes
    here.answer(NAME, id, "approve")
    here.ended(NAME, id)
    # Then the ERP has it, the trail stands in its table, and the file is there
    assert [one["body"]["amount"] for one in posted(here, "Deep footing")] == ["90000.00"]
    (row,) = here.table("change_order_chain", change_order_id=id)
    assert (row["request_id"], row["change_event_id"], row["rfi_id"]) == (request, change, "4711")
    assert list(here.file("change-orders").glob("*/sketch.pdf"))


def test_S4_a_refusal_stops_with_the_reason_and_is_told(here: Installation) -> None:
    id = order(here, "Refused one", {"id": 74, "origin_id": "erp-74"}, grand_total="not money")
    here.update("Change Order Packages", id, status="approved")
    (run,) = here.ended(NAME, id, 1, "failed")
    assert "money" in str(run["error"])
    here.until(lambda: here.sink("pm-office", "did not reach the ERP", "money"), "the message")
    assert posted(here, "Refused one") == []
