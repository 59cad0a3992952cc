"""The documentation's payload examples, posted to the door byte for byte, stand as canonical events afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, update

from config.secrets import Secret
from config.settings import Settings
from store import hooks, listings
from store.models import Delivery
from store.session import reading, writing
from tests.webhook.door import deliver
from tests.workers.rig import Rig
from tests.workers.test_events import V2, V4
from webhook.app import close, create_app

SECRET = "s" * 40
V2_OLD = json.dumps({k: v for k, v in json.loads(V2).items() if k != "ulid"} | {"api_version": "v2"})
V3 = json.dumps(json.loads(V2) | {"api_version": "v3.0", "related_resources": [{"id": 1234, "name": "Direct Costs"}]})
V4_VERSIONED = json.dumps(json.loads(V4) | {"payload_version": "v4.0", "project_id": "", "resource_type": "Projects"})


@pytest.fixture
def rig(engine: Engine, settings: Settings) -> Iterator[Rig]:
    one = Rig(engine, settings)
    one.load_site()
    yield one
    one.close()


def posted(rig: Rig, body: str, company: str) -> list[dict[str, Any]]:
    """The events as operators list them, after the door and the sorting."""
    with writing(rig.engine) as db:
        key = hooks.ensure(db, rig.box, "acme", company, "", Secret(SECRET))
    app = create_app(rig.engine, rig.box, rig.bell, rig.settings)  # type: ignore[arg-type]
    assert deliver(app, rig.settings, key, body.encode(), SECRET) == 204
    close(app)
    rig.work()
    with reading(rig.engine) as db:
        return listings.events(db, limit=5)


@pytest.mark.parametrize(
    ("body", "company", "canonical"),
    [
        (V2, "1357908642", ("01JMYXMZRBVKK0PC6XS8SA4QRE", "update", "RFIs", "54321", "2468013579", "987654321", "v2.0")),
        (V2_OLD, "1357908642", ("123456789", "update", "RFIs", "54321", "2468013579", "987654321", "v2.0")),
        (V3, "1357908642", ("01JMYXMZRBVKK0PC6XS8SA4QRE", "update", "RFIs", "54321", "2468013579", "987654321", "v3.0")),
        (V4, "8", ("01JMYXMZRBVKK0PC6XS8SA4QRE", "update", "Direct Cost Line Items", "379913", "6778", "5447", "v4.0")),
        (V4_VERSIONED, "8", ("01JMYXMZRBVKK0PC6XS8SA4QRE", "update", "Projects", "379913", "", "5447", "v4.0")),
    ],
    ids=["v2.0", "v2 of 2020", "v3.0", "v4.0", "v4.0 with its version"],
)
def test_the_example_becomes_the_right_event(rig: Rig, body: str, company: str, canonical: tuple[str, ...]) -> None:
    (event,) = posted(rig, body, company)
    names = ("key", "action", "resource_name", "resource_id", "project_id", "user_id", "payload_version")
    assert tuple(event[name] for name in names) == canonical
    assert event["company_id"] == company
    assert event["state"] == "ignored"
    assert event["reason"].startswith("no automation listens to")


def test_another_companys_payload_is_listed_as_quarantined(rig: Rig) -> None:
    (event,) = posted(rig, V4, "9")
    assert event["state"] == "quarantined"
    assert "8" in event["reason"]


def test_an_array_of_examples_gives_an_event_each(rig: Rig) -> None:
    events = posted(rig, f"[{V4}, {V4_VERSIONED.replace('QRE', 'QRF')}]", "8")
    assert {event["resource_name"] for event in events} == {"Direct Cost Line Items", "Projects"}


def test_while_its_connector_cannot_be_used_a_hook_still_knows_its_company(rig: Rig) -> None:
    # Given a delivery that is kept as if it had come in by the hook of company 8
    posted(rig, V4, "8")
    rig.deliver(json.loads(V4) | {"id": "foreign", "company_id": "9"})
    with writing(rig.engine) as db:
        (hook,) = hooks.of_connector(db, "acme")
        db.execute(update(Delivery).where(Delivery.delivery_key == "foreign").values(hook_key=hook.key))
    # When it is sorted without any connector
    rig.work()
    # Then it is another company's
    with reading(rig.engine) as db:
        (event, _) = listings.events(db, limit=5)
    assert event["state"] == "quarantined"
    assert event["reason"] == "company 9 is not the company 8 of connector acme"
