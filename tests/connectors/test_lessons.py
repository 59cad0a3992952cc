"""What an answer is to the quota: told by status and headers, never by the prose of a body or by our own clock."""

from __future__ import annotations

import pytest

from config.errors import Permanent, Transient
from connectors import lessons
from connectors.http import Reply
from connectors.quota import Answer

# Procore's clock, an hour and more away from ours.
DATE, AT = "Thu, 01 Jan 1970 00:16:40 GMT", 1000


def reply(status: int = 200, body: bytes = b"{}", /, **headers: str) -> Reply:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, {"Date": DATE, **given}, body, 1)


def quota(limit: object = 25, remaining: object = 24, reset: object = AT + 7) -> dict[str, str]:
    return {"X_Rate_Limit_Limit": str(limit), "X_Rate_Limit_Remaining": str(remaining), "X_Rate_Limit_Reset": str(reset)}


def test_the_reset_is_a_distance_by_procores_own_clock() -> None:
    assert lessons.of_reply(reply(**quota())) == Answer(limit=25, remaining=24, reset_s=7.0)


@pytest.mark.parametrize("reset", [AT + 100_000, AT - 600, 10**15])
def test_a_reset_that_makes_no_sense_is_not_believed(reset: int) -> None:
    assert lessons.of_reply(reply(**quota(reset=reset))).reset_s is None
    pause_s = lessons.of_reply(reply(429, b"", **quota(25, 0, reset))).pause_s
    assert pause_s is not None
    assert pause_s <= 10


def test_without_a_date_the_reset_cannot_be_placed() -> None:
    bare = Reply(200, {name.replace("_", "-"): text for name, text in quota().items()}, b"{}", 1)
    assert lessons.of_reply(bare) == Answer(limit=25, remaining=24)


def test_an_answer_without_headers_teaches_nothing_but_that_it_came() -> None:
    assert lessons.of_reply(reply()) == Answer()
    assert lessons.of_reply(reply(**quota(limit="many"))).limit is None


# The body of a 429 is prose.
@pytest.mark.parametrize(
    "body", [b"You have surpassed the max number of requests for an hour.", b'{"errors":"slow down"}', b"", b"<html>"]
)
def test_a_429_is_told_by_its_status_whatever_its_body(body: bytes) -> None:
    taught = lessons.of_reply(reply(429, body, **quota(25, 0)))
    assert (taught.pause_s, taught.remaining, taught.trouble) == (7.0, 0, None)
    assert taught.why == "Procore answered 429 and asked for a pause"


@pytest.mark.parametrize(("asked", "pause_s"), [("30", 30.0), ("Thu, 01 Jan 1970 00:17:20 GMT", 40.0), ("soon", 10.0)])
def test_retry_after_is_seconds_or_a_date_of_procores_clock(asked: str, pause_s: float) -> None:
    assert lessons.of_reply(reply(429, Retry_After=asked)).pause_s == pause_s


def test_a_503_stops_all_only_when_it_says_how_long() -> None:
    assert lessons.of_reply(reply(503, Retry_After="30")).pause_s == 30
    silent = lessons.of_reply(reply(503))
    assert (silent.pause_s, silent.trouble) == (None, "503: Procore is in trouble")


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [(401, b"{}", "401: Procore refuses the token"), (403, b"{}", None), (404, b"{}", None), (422, b"{}", None),
     (403, b'{"errors":["App is not connected to this company."]}', "403: the app is not connected to this company"),
     (500, b"<html>", "500: Procore is in trouble")],
)  # fmt: skip
def test_trouble_is_what_concerns_every_call(status: int, body: bytes, trouble: str | None) -> None:
    assert lessons.of_reply(reply(status, body)).trouble == trouble


def test_a_call_without_an_answer_is_trouble_when_it_was_sent() -> None:
    assert lessons.of_error(Transient("x", kind="timeout")).trouble == "timeout: Procore does not answer"
    assert lessons.of_error(Transient("x", kind="connection")) == Answer(heard=False)
    assert lessons.of_error(Permanent("x", kind="too_large")) == Answer()
    assert lessons.of_error(KeyError("x")) == Answer(heard=False)
