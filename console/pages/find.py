"""One field finds a record: `RFI 123`, an id, a title. What is found once is shown at once."""

from __future__ import annotations

from urllib.parse import quote

from flask import redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from console.pages.parts import asked, here
from console.verbs import looking


def go() -> str | BaseResponse:
    text = asked("q", 200) or ""
    found = looking.find(here(), text) if text else []
    if len(found) == 1:
        one = found[0]
        return redirect(f"/records/{quote(one['connector'], '')}/{quote(one['resource'], '')}/{quote(one['record_id'], '')}", 303)
    return render_template("find/found.html", search=text, found=found)


VIEWS = {"find.go": go}
