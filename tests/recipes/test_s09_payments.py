"""S9: invoices to accounts payable, payments back."""

from __future__ import annotations

from tests.recipes.stack import Installation


def test_S9_an_approved_invoice_is_handed_over_once_with_its_lines(here: Installation) -> None:
    lines = [{"id": 1, "cost_code": "22-100", "amount": "400.00"}, {"id": 2, "cost_code": "26-200", "amount": "100.00"}]
    given = {"invoice_number": "INV-9", "contract_id": 501, "amount": "500.00", "items": lines, "vendor_name": "Volt Electric"}
    id = here.create("Payment Applications", status="draft", cost_code="26-200", **given)
    here.ended("invoice-to-ap", id, 1, "skipped")
    for status in ("approved", "draft", "approved"):
        here.settled(1.2)
        here.update("Payment Applications", id, status=status)
    here.ended("invoice-to-ap", id, 2)
    # Two approvals have one key: accounts payable takes the invoice once
    assert {one["headers"]["Idempotency-Key"] for one in here.sink("erp", "INV-9")} == {f"invoice-{id}"}
    assert len([one for one in here.sink("erp", "INV-9") if one["applied"]]) == 1
    assert [(row["line"], row["amount"]) for row in here.table("ap_lines", invoice_id=id)] == [("1", "400.00"), ("2", "100.00")]


def test_S9_a_partial_payment_then_the_final_one_make_two_payments_and_the_loop_guard_stops_the_echo(here: Installation) -> None:
    contract = str(here.listed("Work Order Contracts", here.project)[0]["id"])
    given = {"contract_id": int(contract), "invoice_number": "INV-10", "amount": "500.00", "vendor_name": "Volt Electric"}
    invoice = here.create("Payment Applications", status="approved", items=[], cost_code="26-200", **given)
    here.ended("invoice-to-ap", invoice)
    # When accounts payable tells of the partial and of the final payment, each twice
    body = {"invoice": int(invoice), "contract_id": int(contract), "project_id": int(here.project), "date": "2026-03-02"}
    for payment, amount in (("P-1", "200.00"), ("P-1", "200.00"), ("P-2", "300.00"), ("P-2", "300.00")):
        here.inbound("ap_paid", {**body, "payment": payment, "amount": amount})
        here.settled(1.2)
    here.ended("payment-to-procore", "", 4)
    # Then Procore has two, never three
    made = here.listed("Contract Payments", here.project, contract_id=contract)
    assert sorted(one["payment_number"] for one in made if "payment_number" in one) == ["P-1", "P-2"]
    assert sorted(row["payment"] for row in here.table("payments")) == ["P-1", "P-2"]
    # And what comes back of our own changes to the invoice sets nothing off
    here.until(lambda: len(here.runs("invoice-to-ap", invoice)) == 3, "the echo of both")
    here.settled()
    assert ["our own change" in (run["reason"] or "") for run in here.runs("invoice-to-ap", invoice)] == [False, True, True]
    assert len(here.sink("erp", "INV-10")) == 1
    # But what a person changes is heard as ever
    here.update("Payment Applications", invoice, status="draft")
    here.ended("invoice-to-ap", invoice, 3, "skipped")
    assert "our own change" not in here.runs("invoice-to-ap", invoice)[-1]["reason"]
