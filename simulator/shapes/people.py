"""Companies, projects, users and vendors, with the keys seen in recorded production answers."""

from __future__ import annotations

from simulator import words
from simulator.records import Json
from simulator.shapes.setting import Setting, login


def company(name: str, number: int) -> Json:
    return {
        "id": number,
        "name": name,
        "is_active": True,
        "my_company": True,
        "logo_url": "https://app.procore.com/assets/logo.png",
        "pcn_business_experience": None,
    }


def project(s: Setting, n: int) -> Json:
    created, updated = s.times()
    code, name = f"26-{n + 1:03}", f"New Project {n + 1}"
    return {
        "id": s.ids.next("Projects"),
        "name": name,
        "display_name": f"{code} {name}",
        "project_number": code,
        "active": True,
        "is_demo": False,
        "code": "",
        "description": "",
        "accounting_project_number": None,
        "address": "100 Quay St",
        "city": "Austin",
        "state_code": "TX",
        "country_code": "US",
        "county": "Travis",
        "zip": "78701",
        "latitude": 30.2672,
        "longitude": -97.7431,
        "time_zone": "US/Central",
        "phone": None,
        "fax": None,
        "company": {"id": s.company["id"], "name": s.company["name"]},
        "created_at": created,
        "updated_at": updated,
        "created_by": login(s.users[0]) if s.users else None,
        "start_date": s.day(-400),
        "actual_start_date": s.day(-393),
        "completion_date": s.day(420),
        "projected_finish_date": s.day(450),
        "estimated_value": "1000000.0",
        "total_value": "1250000.0",
        "square_feet": None,
        "store_number": None,
        "project_stage": {"id": s.stages[0]["id"], "name": s.stages[0]["name"]} if s.stages else None,
        "project_type": None,
        "project_bid_type_id": None,
        "project_owner_type_id": None,
        "project_region_id": None,
        "parent_job_id": None,
        "photo_id": None,
        "sector": None,
        "work_scope": None,
        "delivery_method": None,
        "designated_market_area": None,
        "erp_integrated": False,
        "owners_project_id": None,
        "origin_id": None,
        "origin_data": None,
        "origin_code": None,
        "custom_fields": {
            "custom_field_168115": {
                "data_type": "lov_entry",
                "value": {"id": s.ids.next("lov"), "label": "Standard"},
            }
        },
    }


def user(s: Setting, n: int) -> Json:
    first, last, title, employer = words.PEOPLE[n] if n < len(words.PEOPLE) else ("Extra", f"Person{n}", "Engineer", 0)
    created, updated = s.times()
    vendor = s.turn(s.vendors, employer) if s.vendors else None
    return {
        "id": s.ids.next("Company Users"),
        "name": f"{first} {last}",
        "first_name": first,
        "last_name": last,
        "initials": first[0] + last[0],
        "email_address": f"{first}.{last}@{s.domain}.example".lower(),
        "employee_id": f"E-{100 + n}" if employer == 0 else None,
        "is_employee": employer == 0,
        "is_active": True,
        "job_title": title,
        "email_signature": "",
        "avatar": None,
        "address": None,
        "city": "Austin",
        "state_code": "TX",
        "country_code": "US",
        "zip": None,
        "business_phone": f"512555{100 + n:04}",
        "business_phone_extension": None,
        "mobile_phone": None,
        "fax_number": None,
        "notes": None,
        "contact_id": s.ids.next("contact"),
        "last_login_at": updated,
        "locale": "en",
        "is_insurance_manager": False,
        "add_to_new_projects": False,
        "default_permission_template_id": s.company["id"] + 33,
        "company_permission_template_id": s.company["id"] + 12,
        "origin_id": None,
        "origin_data": None,
        "created_at": created,
        "updated_at": updated,
        "vendor": {"id": vendor["id"], "name": vendor["name"]} if vendor else None,
    }


def project_user(s: Setting, n: int) -> Json:
    template = s.company["id"] + 33
    return dict(s.turn(s.users, n)) | {
        "permission_template": {"id": template, "name": "Architect/Engineer", "project_specific": False},
        "company_permission_template": {"id": s.company["id"] + 12, "name": "Standard"},
    }


def vendor(s: Setting, n: int) -> Json:
    name, short, kind = words.VENDORS[n] if n < len(words.VENDORS) else (f"Added Vendor {n}", f"AV{n}", "Concrete")
    name, short = (name, short) if name else (s.company["name"], "GC")
    created, updated = s.times()
    trade = next((trade for trade in s.trades if trade["name"] == kind), None)
    office = f"office@{short.lower()}.example"
    return {
        "id": s.ids.next("Company Vendors"),
        "name": name,
        "company": name,
        "trade_name": "",
        "legal_name": "",
        "abbreviated_name": short,
        "is_active": True,
        "is_connected": False,
        "connected_to_company_id": None,
        "company_vendor": True,
        "authorized_bidder": True,
        "prequalified": False,
        "address": f"{n + 1} Mix Rd",
        "city": "Austin",
        "state_code": "TX",
        "country_code": "US",
        "zip": "78701",
        "business_phone": f"512556{100 + n:04}",
        "fax_number": "",
        "mobile_phone": None,
        "email_address": office,
        "website": "",
        "license_number": "",
        "labor_union": "",
        "union_member": False,
        "non_union_prevailing_wage": False,
        "notes": "",
        "logo": None,
        "business_id": None,
        "business_register": None,
        "children_count": 0,
        "contact_count": 1,
        "parent": None,
        "vendor_group": None,
        "synced_to_erp": False,
        "attachments": [],
        "bidding": {
            "affirmative_action": False,
            "small_business": n % 3 == 0,
            "minority_business_enterprise": False,
            "womens_business": False,
        },
        "bidding_distribution": [],
        "standard_cost_codes": [],
        "project_ids": [],
        "primary_contact": {
            "id": s.ids.next("contact"),
            "first_name": "Office",
            "last_name": short,
            "email_address": office,
            "business_phone": f"512556{200 + n:04}",
            "business_phone_extension": None,
            "mobile_phone": "",
            "fax_number": "",
            "created_at": created,
            "updated_at": updated,
        },
        "trades": [dict(trade)] if trade else [],
        "origin_id": None,
        "origin_data": None,
        "origin_code": None,
        "created_at": created,
        "updated_at": updated,
    }


_COMPANY_ONLY = (
    "bidding",
    "legal_name",
    "children_count",
    "contact_count",
    "parent",
    "trades",
    "standard_cost_codes",
)


def project_vendor(s: Setting, n: int) -> Json:
    return {key: value for key, value in s.turn(s.vendors, n).items() if key not in _COMPANY_ONLY}
