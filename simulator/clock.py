"""The time that answers tell, which the fault `clock_skew` puts off."""

from __future__ import annotations

from flask import Response
from werkzeug.http import http_date

from simulator.faults import FaultBoard

_RESET = "X-Rate-Limit-Reset"


def skewed(faults: FaultBoard, response: Response, now: float) -> None:
    """Tell the time of Procore's clock, in Date and in the reset of a limit."""
    seconds = sum(fault.settings["seconds"] for fault in faults.all("clock_skew"))
    response.headers["Date"] = http_date(now + seconds)
    if seconds and _RESET in response.headers:
        response.headers[_RESET] = str(int(response.headers[_RESET]) + round(seconds))
