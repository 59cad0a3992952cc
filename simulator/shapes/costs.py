"""Money: change events, subcontracts, budget views. Amounts are strings, as Procore sends them."""

from __future__ import annotations

from simulator import words
from simulator.records import Json
from simulator.shapes.setting import Setting, login

_KINDS = {"id": 3, "name": "Subcontract", "code": "S", "base_type": "commitment"}
_TYPES = (("Owner Change", "out_of_scope"), ("Design Change", "in_scope"), ("Allowance", "tbd"))


def _wbs(code: Json | None) -> Json | None:
    if code is None:
        return None
    return {
        "id": code["id"] + 45_000,
        "flat_code": f"{code['full_code']}.S",
        "description": f"{code['name']}.Subcontract",
    }


def change_event(s: Setting, n: int) -> Json:
    created, updated = s.times()
    number = s.ids.next("Change Events")
    kind, scope = s.turn(_TYPES, n)
    amount = 500 * (1 + s.rng.randrange(40))
    is_open = s.live_at is not None or n % 3 != 2
    state = "open" if is_open else "closed"
    return {
        "id": number,
        "company_id": s.company["id"],
        "number": n + 1,
        "alphanumeric_number": f"{n + 1:03}",
        "title": s.turn(words.CHANGES, n),
        "description": "",
        "project_id": s.project["id"],
        "status": state,
        "event_scope": scope,
        "event_type": kind,
        "created_at": created,
        "updated_at": updated,
        "deleted_at": None,
        "change_event_status": {
            "id": 11 if is_open else 12,
            "name": state.capitalize(),
            "mapped_to_status": state,
            "show_in_select": True,
            "default_status": is_open,
        },
        "change_order_change_reason": {
            "id": 4,
            "company_id": s.company["id"],
            "change_reason": "Client Request",
        },
        "created_by": login(s.users[0]),
        "attachments": [],
        "rfqs": [],
        "change_event_line_items": [_change_line(s, number, n, amount)],
    }


def _change_line(s: Setting, event_id: int, n: int, amount: int) -> Json:
    code, vendor = s.maybe(s.cost_codes), s.turn(s.vendors, 3 + n % 5)
    return {
        "id": s.ids.next("Change Event Line Items"),
        "event_id": event_id,
        "description": s.turn(words.CHANGES, n).lower(),
        "estimated_cost_amount": f"{amount}.0",
        "rom": f"{amount}.0",
        "prime_pco_cost": f"{amount}.0",
        "latest_revenue_amount": f"{amount}.0",
        "vendor": {"id": vendor["id"], "name": vendor["name"]},
        "contract": None,
        "line_item_type": dict(_KINDS),
        "wbs_code": _wbs(code),
        "cost_code_id": code["id"] if code else None,
        "line_item_type_id": _KINDS["id"],
        "editable": True,
        "deletable": True,
    }


def work_order_contract(s: Setting, n: int) -> Json:
    created, updated = s.times()
    vendor, code = s.turn(s.vendors, 2 + n % 8), s.turn(s.cost_codes, n + 2) if s.cost_codes else None
    amount = 25_000 * (2 + s.rng.randrange(18))
    money = f"{amount}.00"
    title = code["name"] if code else "Subcontract"
    empty: tuple[str, ...] = (
        "change_order_packages", "potential_change_orders", "change_order_requests",
        "payments_issued", "invoice_contacts", "attachments",
    )  # fmt: skip
    unset = (
        "issued_on_date", "signed_contract_received_date", "letter_of_intent_date", "returned_date",
        "actual_completion_date", "origin_id", "origin_code", "origin_data", "deleted_at",
    )  # fmt: skip
    return {
        "id": s.ids.next("Work Order Contracts"),
        "number": f"SC-{101 + n}",
        "title": title,
        "status": s.turn(("Approved", "Draft", "Out For Signature", "Complete"), n),
        "executed": n % 4 != 1,
        "private": True,
        "accounting_method": "amount",
        "description": "",
        "project": {"id": s.project["id"], "name": s.project["name"]},
        "vendor": {"id": vendor["id"], "company": vendor["company"], "origin_id": None, "origin_data": None},
        "contract_date": created[:10],
        "contract_start_date": created[:10],
        "contract_estimated_completion_date": s.day(200),
        "execution_date": created[:10],
        "retainage_percent": "10.0",
        "grand_total": money,
        "revised_contract": money,
        "approved_change_orders": "0.00",
        "pending_change_orders": "0.00",
        "draft_change_orders_amount": "0.00",
        "pending_revised_contract": money,
        "total_payments": "0.00",
        "total_draw_requests_amount": "0.00",
        "total_requisitions_amount": "0.00",
        "remaining_balance_outstanding": money,
        "percentage_paid": "0.0",
        "requisitions_are_enabled": True,
        "show_line_items_to_non_admins": False,
        "inclusions": "",
        "exclusions": "",
        "created_by_id": s.users[0]["id"],
        "line_items": [_contract_line(s, title, money, code)],
        **{key: [] for key in empty},
        **dict.fromkeys(unset),
        "created_at": created,
        "updated_at": updated,
        "currency_configuration": {"currency_iso_code": "USD"},
    }


def _contract_line(s: Setting, title: str, money: str, code: Json | None) -> Json:
    return {
        "id": s.ids.next("Work Order Contract Line Items"),
        "position": 1,
        "description": title,
        "amount": money,
        "extended_amount": money,
        "extended_type": "manual",
        "quantity": "1.0",
        "unit_cost": money[:-1],
        "uom": "ls",
        "wbs_code": _wbs(code),
        "line_item_type": dict(_KINDS),
        "origin_id": None,
    }


def budget_view(s: Setting, n: int) -> Json:
    created, updated = s.times()
    return {
        "id": s.ids.next("Budget Views"),
        "name": "Procore Standard Budget" if n == 0 else f"Budget View {n + 1}",
        "description": "",
        "role": "project",
        "created_at": created,
        "updated_at": updated,
        "created_by": login(s.users[0]),
        "links": {"detail_rows": "", "summary_rows": ""},
    }


def budget_row(s: Setting, n: int) -> Json:
    """The view's own columns are further keys, spelled as the column is named."""
    number = s.ids.next("Budget View Detail Rows")
    code = s.turn(s.cost_codes, n) if s.cost_codes else None
    amount = 5_000 * (1 + s.rng.randrange(30))
    money = f"{amount}.00"
    flat, name = (code["full_code"], code["name"]) if code else ("01-100", "Project Manager")
    division = flat.split("-")[0]
    return {
        "id": number,
        "budget_row_id": str(number),
        "company_id": s.company["id"],
        "company": s.company["name"],
        "project_id": s.project["id"],
        "project": s.project["name"],
        "biller_id": s.project["id"],
        "biller": s.project["name"],
        "biller_type": "Project",
        "root_cost_code_id": int(division),
        "root_cost_code": f"{division} - General",
        "cost_code_id": code["id"] if code else None,
        "cost_code": f"{flat} - {name}",
        "cost_code_level_1": f"{division} - General",
        "cost_code_level_1_id": int(division),
        "cost_code_level_2": f"{flat} - {name}",
        "cost_code_level_2_id": code["id"] if code else None,
        **{f"cost_code_level_{level}": "None" for level in (3, 4, 5)},
        **{f"cost_code_level_{level}_id": 0 for level in (3, 4, 5)},
        "cost_code_origin_id": None,
        "category_id": 2,
        "category": "Labor",
        "wbs_code_id": number + 70,
        "wbs_code": _wbs(code),
        "uom": "hours",
        "quantity": "200.000000000000",
        "unit_cost": f"{amount / 200:.4f}",
        "calculation_strategy": "automatic",
        "original_budget_amount": money,
        "budget_modifications": "0.00",
        "budget_forecast": {
            "id": s.ids.next("forecast"),
            "manual_amount": "0.00",
            "automatic_amount": money,
            "amount": money,
            "automatically_calculated": True,
            "calculation_strategy": "automatic",
            "notes": "",
        },
        "budgeted": True,
        "budgetable": True,
        "deletable": True,
        "unbudgeted_reason": None,
        "curve": None,
        "start_date": None,
        "end_date": None,
        "currency_configuration": {"currency_iso_code": None},
        "Commitment Purchase Orders": "0.00",
        "Cost to Date": "0.00",
        # Columns are named by people: with slips of the pen, and blanks at the end.
        "Forcast To Complete ": "0.00",
        "Current Budget": money,
    }
