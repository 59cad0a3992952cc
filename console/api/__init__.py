"""The JSON API under /api/v1: the verbs again, for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Response

from console.api import table
from console.api.answering import given
from console.api.openapi import document

VIEWS: Mapping[str, Callable[..., Response]] = {**table.VIEWS, "api.openapi": lambda: given(document())}
