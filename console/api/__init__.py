"""The JSON API under /api/v1: the verbs again, for programs."""

from __future__ import annotations

from console.api.views import VIEWS as VIEWS
