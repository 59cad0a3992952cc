"""S13 to S15: drawings, insurances, the weather."""

from __future__ import annotations

import datetime as dt

from tests.recipes.stack import Installation, today


def test_S13_published_drawings_tell_the_estimator_to_measure_again_and_list_the_revisions(here: Installation) -> None:
    upload = here.create("Drawing Uploads", title="Set C", status="processing")
    here.ended("drawing-published", upload, 1, "skipped")
    for number in ("A-101", "A-102"):
        here.create("Drawing Revisions", number=number, title=f"Plan {number}", drawing_upload_id=int(upload))
    here.settled(1.2)
    here.update("Drawing Uploads", upload, status="published")
    (told,) = here.until(lambda: here.sink("site-ops", "Set C"), "the message")
    assert "A-101" in str(told["body"])
    assert "A-102" in str(told["body"])


def test_S14_a_vendor_is_reminded_before_an_insurance_expires_then_payment_is_held_until_it_is_renewed(
    here: Installation,
) -> None:
    # Given one insurance that ends soon, and one that has ended
    given = {"vendor_name": "Volt Electric", "vendor_email": "office@trades.example"}
    soon = (today() + dt.timedelta(days=10)).isoformat()
    late = (today() - dt.timedelta(days=2)).isoformat()
    here.create("Company Insurances", name="Liability soon", expiration_date=soon, **given)
    ended = here.create("Company Insurances", name="Liability late", expiration_date=late, **given)
    here.settled()
    # When two mornings pass
    for _ in range(2):
        here.its_time_comes("insurance-expiry")
        here.settled()
    # Then the first one was reminded of once, and payment for the second is held
    assert len(here.mails("Liability soon", "office@trades.example")) == 1
    assert len(here.table("payment_holds", insurance_id=ended)) == 1
    # When it is renewed
    here.update("Company Insurances", ended, expiration_date=(today() + dt.timedelta(days=300)).isoformat())
    # Then payments go on
    here.until(lambda: here.table("payment_holds", insurance_id=ended) == [], "the end of the hold")


def test_S15_a_weather_delay_is_told_when_it_is_raised_and_when_it_is_cancelled(here: Installation) -> None:
    log = here.create("Weather Logs", description="Hail over the yard", is_weather_delay=True)
    here.until(lambda: here.sink("site-ops", "Hail over the yard"), "the delay")
    here.settled(1.2)
    here.update("Weather Logs", log, is_weather_delay=False)
    here.until(lambda: len(here.sink("pm-office", "Hail over the yard")) == 2, "the end of the delay")
    assert len(here.sink("site-ops", "Hail over the yard", "No weather delay after all")) == 1
