"""Validating a connection that is kept, as it is now."""

from __future__ import annotations

from connectors.validation import Check
from console.verbs import connected, hooking
from console.verbs.at_hand import AtHand
from workers import validating


def validate(here: AtHand, name: str) -> list[Check]:
    """Field by field; the verdict is kept. Raises: NotThere when there is no such connector."""
    connected.existing(here, name)
    with hooking.Loading(here) as loading:
        log = loading.calls
        return validating.check(here.engine, here.box, here.settings, loading.loaded, name, log=log, actor=here.actor)
