"""The pages of the sinks under /_sim/sink/."""

from __future__ import annotations

import time

from flask import Blueprint, Response, jsonify, request

from simulator.server import CUT
from simulator.sinks import MODES, NOT_APPLIED
from simulator.world import World


def sink_pages(world: World) -> Blueprint:
    page = Blueprint("sinks", __name__, url_prefix="/_sim")

    @page.route("/sink/<name>", methods=["POST", "PUT", "PATCH", "DELETE"])
    @page.route("/sink/<name>/<path:rest>", methods=["POST", "PUT", "PATCH", "DELETE"])
    def keep(name: str, rest: str = "") -> tuple[Response, int] | Response:
        if request.method == "DELETE" and request.args.get("forget"):
            world.sinks.forget(name)
            return jsonify(ok=True)
        fault = world.faults.take("sink", request.path, sink=name)
        mode = request.args.get("mode") or (fault.settings["mode"] if fault else "apply")
        if mode not in MODES:
            return jsonify(error=f"mode is one of {', '.join(MODES)}, not {mode!r}."), 400
        wait = _seconds(request.args.get("seconds"), fault.settings["seconds"] if fault else 10.0)
        if wait is None:
            return jsonify(error=f"seconds is a number from 0 to 600, not {request.args['seconds']!r}."), 400
        if mode == "slow":
            time.sleep(wait)
        result, applied = world.sinks.keep(
            name,
            {
                "method": request.method,
                "path": request.path,
                "query": request.query_string.decode(),
                "headers": dict(request.headers),
                "mode": mode,
            },
            request.get_data(),
            request.headers.get("Idempotency-Key"),
            apply=mode not in NOT_APPLIED,
        )
        if mode == "apply_then_cut":
            request.environ[CUT] = "reset"
        if mode in ("error_500", "apply_then_500"):
            return jsonify(error="The sink was told to fail."), 500
        if mode == "refused_403":
            return jsonify(error="The sink was told to refuse."), 403
        if mode == "conflict_409" and not applied:
            return jsonify(error="The sink has it already."), 409
        return jsonify(result)

    @page.get("/sink/<name>")
    @page.get("/sink/<name>/<path:rest>")
    def listed(name: str, rest: str = "") -> Response:
        return jsonify(world.sinks.listed(name))

    @page.delete("/sinks")
    def forget() -> Response:
        world.sinks.forget()
        return jsonify(ok=True)

    return page


def _seconds(text: str | None, default: float) -> float | None:
    """None for what is no number of seconds."""
    try:
        wait = float(text) if text else default
    except ValueError:
        return None
    return wait if 0 <= wait <= 600 else None
