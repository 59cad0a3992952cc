"""S3: payment applications against the ERP's invoices."""

from __future__ import annotations

from typing import Any

import openpyxl

from tests.recipes.stack import Installation


def test_S3_an_alias_resolves_a_renamed_cost_code_is_flagged_not_dropped_and_a_rerun_changes_nothing(here: Installation) -> None:
    # Given a vendor whom the ERP calls otherwise, a cost code that somebody renamed, and an amount that differs
    fine = {"vendor_name": "ABC Plumbing", "cost_code": "22-100 Plumbing", "amount": "1200.00", "status": "draft"}
    renamed = {"vendor_name": "Volt Electric", "cost_code": "26-200 (old)", "amount": "80.00", "status": "draft"}
    differs = {"vendor_name": "Volt Electric", "cost_code": "26-200", "amount": "75.00", "status": "draft"}
    for number, fields in (("PA-1", fine), ("PA-2", renamed), ("PA-3", differs)):
        here.create("Payment Applications", invoice_number=number, **fields)
    here.until(
        lambda: len([row for row in here.table("payapps") if str(row["number"]).startswith("PA-")]) == 3,
        "three payment applications",
    )
    here.inbound("erp_invoices", {"invoices": [
        {"number": "PA-1", "vendor": "ABC Plumbing & Mechanical", "cost_code": "22-100", "amount": "1200.50"},
        {"number": "PA-2", "vendor": "Volt Electric", "cost_code": "26-200", "amount": "80.00"},
        {"number": "PA-3", "vendor": "Volt Electric", "cost_code": "26-200", "amount": "99.00"},
    ]})  # fmt: skip
    here.until(lambda: len(here.table("erp_invoices")) == 3, "three invoices")

    def flagged() -> dict[str, str]:
        return {row["number"]: row["problem"] for row in standing(here)}

    # Then only those two stand among the exceptions, with what is wrong
    wrong = {"PA-2": "the cost code is not known", "PA-3": "the ERP has more than we"}
    here.until(lambda: flagged() == wrong, "the exceptions")
    here.settled()
    (last,) = here.mails("do not fit", "accounts@acme.example", "PA-2", "PA-3")
    (book,) = last.iter_attachments()
    assert book.get_filename() == "exceptions.xlsx"
    sheet = openpyxl.load_workbook(here.file("payapps/exceptions.xlsx")).active
    assert sheet is not None
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2) if str(row[0].value).startswith("PA-")] == [
        ["PA-2", "Volt Electric", "26-200 (old)", "80.00", "80.00", "the cost code is not known"],
        ["PA-3", "Volt Electric", "26-200", "75.00", "99.00", "the ERP has more than we"],
    ]
    # When it runs again at night
    before = (standing(here), len(here.mails("do not fit", "PA-2")))
    runs = len(here.ended("payapp-reconcile"))
    here.its_time_comes("payapp-reconcile", "nightly")
    here.ended("payapp-reconcile", "", runs + 1)
    # Then nothing is different, and nothing was posted to the ERP
    assert (standing(here), len(here.mails("do not fit", "PA-2"))) == before
    assert here.sink("erp", "PA-") == []
    # And what is mended leaves the list
    here.inbound(
        "erp_invoices", {"invoices": [{"number": "PA-3", "vendor": "Volt Electric", "cost_code": "26-200", "amount": "75.00"}]}
    )
    here.until(lambda: flagged() == {"PA-2": wrong["PA-2"]}, "the end of the exception")


def standing(here: Installation) -> list[dict[str, Any]]:
    """The exceptions; whose run wrote a row last is told by its first two columns."""
    rows = [row for row in here.table("payapp_exceptions") if str(row["number"]).startswith("PA-")]
    return [{name: value for name, value in row.items() if name not in ("connector", "company_id")} for row in rows]
