"""Every route of the API with its view and what it takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Response

from console.api import connecting, described, operations, scheduling, versions, views, working
from console.api.described import Described

DESCRIBED: Mapping[str, Described] = {
    **described.DESCRIBED, **working.DESCRIBED, **operations.DESCRIBED, **versions.DESCRIBED,
    **connecting.DESCRIBED, **scheduling.DESCRIBED,
}  # fmt: skip
VIEWS: Mapping[str, Callable[..., Response]] = {
    **views.VIEWS, **working.VIEWS, **operations.VIEWS, **versions.VIEWS, **connecting.VIEWS, **scheduling.VIEWS,
}  # fmt: skip
