"""What stands before every /rest call: faults, limits, token, company, project, tool.

Source: Procore documentation, error reference and rate limiting; the body of a disconnected app is a
recorded one.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from flask import Flask, Response, g, request

from simulator.answers import DISCONNECTED, Refused
from simulator.calls import template_of
from simulator.clock import skewed
from simulator.faults import Fault
from simulator.limits import BODIES, Quota
from simulator.routing import Router
from simulator.server import CUT
from simulator.table import Row
from simulator.world import World

NO_COMPANY_NEEDED = ("/rest/v1.0/me", "/rest/v1.0/companies")
MISSING_HEADER = "Missing Procore-Company-Id header!\n\nThis header is needed to route the call to the company's region."
_BRACES = str.maketrans("<>", "{}")
_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    "<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)


def install(app: Flask, world: World, router: Router) -> None:
    """Serve what the router knows, behind the checks."""

    @app.route("/rest/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def rest(rest: str) -> Response:
        found = router.find(request.path)
        g.template, g.ids = (found.route.template.translate(_BRACES), found.ids) if found else (None, {})
        _check(world, found.route.row if found else None)
        view = found.route.views.get("GET" if request.method == "HEAD" else request.method) if found else None
        if found is None or view is None:
            raise Refused(404, {"errors": ["Not Found"]})
        return view(**found.ids, **found.words)

    @app.after_request
    def finish(response: Response) -> Response:
        if request.path.startswith("/rest/"):
            quota: Quota = g.get("quota") or world.limits.look(g.get("company_id"))
            response.headers.update(quota.headers())
            if world.faults.take("truncated", request.path):
                request.environ[CUT] = "truncate"
        if not request.path.startswith("/_sim"):
            world.calls.add(request.method, g.get("template") or template_of(request.path), response.status_code)
            response.headers["Cache-Control"] = "no-store, must-revalidate, private, max-age=0"
        skewed(world.faults, response, world.clock())
        response.headers["X-Request-Id"] = str(uuid.uuid4())
        return response


def _check(world: World, row: Row | None) -> None:
    company_id, project_id = _scope(world, row)
    g.company_id, g.project_id = company_id, project_id
    _broken(world)
    _limited(world, company_id)
    _signed_in(world)
    if request.path.rstrip("/") in NO_COMPANY_NEEDED:
        return
    _company(world, company_id, project_id)
    if project_id is not None:
        _project(world, row, project_id)


def _scope(world: World, row: Row | None) -> tuple[int | None, int | None]:
    """Company and project of the call, from header, path, query or body, in this order."""
    own = g.ids.get("id") if row and row.name == "Projects" else None
    project_id = own or _named("project_id")
    header = request.headers.get("Procore-Company-Id")
    if header is not None and not header.strip().isdigit():
        return None, project_id
    company_id = int(header) if header else _named("company_id")
    if company_id is None and project_id is not None and (project := world.project(project_id)):
        company_id = project.company_id
    return company_id, project_id


def _named(name: str) -> int | None:
    found: Any = g.ids.get(name) or request.args.get(name)
    if found is None and request.is_json and request.content_length:
        body = request.get_json(silent=True)
        found = body.get(name) if isinstance(body, dict) else None
    found = found or request.form.get(name)
    return int(found) if str(found).isdigit() else None


def _broken(world: World) -> None:
    faults, path = world.faults, request.path
    if slow := faults.take("slow", path):
        time.sleep(slow.settings["seconds"])
    if outage := faults.take("outage", path):
        if outage.settings["mode"] == "reset":
            request.environ[CUT] = "reset"
        raise Refused(503, {"message": "Service Unavailable"}, _retry_after(outage))
    if faults.take("error_500", path):
        raise Refused(500, {"errors": "Internal Server Error"})
    if faults.take("error_502_html", path):
        raise Refused(502, _GATEWAY)


def _retry_after(fault: Fault) -> dict[str, str]:
    wait = fault.settings["retry_after"]
    return {} if wait is None else {"Retry-After": str(wait)}


def _limited(world: World, company_id: int | None) -> None:
    if fault := world.faults.take("rate_limit_429", request.path):
        g.quota = world.limits.order(company_id, int(fault.settings["retry_after"] or 1))
        raise Refused(429, BODIES[fault.settings["body"]], _retry_after(fault))
    g.quota = world.limits.take(company_id)
    if not g.quota.allowed:
        raise Refused(429, *world.limits.answer(g.quota, world.profile == "strict"))


def _signed_in(world: World) -> None:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    token = world.tokens.valid(text.strip()) if kind.lower() == "bearer" else None
    lasting = world.faults.take("token_revoked", request.path)
    if token is None or lasting:
        raise Refused(401, {"errors": "The access token is invalid"})
    g.token = token


def _company(world: World, company_id: int | None, project_id: int | None) -> None:
    strict = world.profile == "strict" and "Procore-Company-Id" not in request.headers
    if company_id is None or strict:
        zone = request.path.rstrip("/").endswith("/company_base_url")
        raise Refused(
            400, {"error": {"code": "BAD_REQUEST", "message": MISSING_HEADER}} if zone else {"errors": [MISSING_HEADER]}
        )
    if not world.installed(company_id):
        raise Refused(403, DISCONNECTED)
    named = _named("company_id")
    if named is not None and named != company_id:
        raise Refused(404, {"errors": ["Not Found"]})
    if world.faults.take("webhooks_forbidden") if "/webhooks/" in request.path else None:
        raise Refused(403, {"errors": ["You do not have access to webhooks."]})


def _project(world: World, row: Row | None, project_id: int) -> None:
    project = world.project(project_id)
    if project is None or project.company_id != g.company_id:
        raise Refused(404, {"errors": ["Not Found"]})
    if status := world.refusal(project_id):
        raise Refused(status, {"errors": ["You do not have access to this project." if status == 403 else "Not Found"]})
    for fault in world.faults.all("tool_disabled") if row else []:
        wanted = fault.settings["resource"], fault.settings["project_id"]
        if row and str(wanted[0] or row.name).lower() == row.name.lower() and wanted[1] in (None, project_id):
            status = int(fault.settings["status"])
            raise Refused(status, _not_enabled(world, status))


def _not_enabled(world: World, status: int) -> dict[str, Any]:
    """Errors come in several shapes, and which one here nobody says: each profile has one."""
    if status == 404:
        return {"errors": ["Not Found"]}
    said = "The tool is not enabled."
    return {"reason": said, "error": "Forbidden"} if world.profile == "strict" else {"errors": [said]}
