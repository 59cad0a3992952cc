"""Automations as people write them, of every kind of trigger: they load as they are written, without a word of complaint."""

from __future__ import annotations

from pathlib import Path

import pytest

from automations.definition import load
from automations.fields import of_value
from automations.known import Known

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.yaml"))
KNOWN = Known(
    connectors={"acme-prod"},
    destinations={"slack:site-ops", "slack:data-ops", "teams:pm-office", "http:erp-events", "http:erp", "http:pager"},
    lookups={"quiet_projects": of_value({"id": "7", "name": "Harbour"})},
)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_loads_as_it_is_written(path: Path) -> None:
    rule = load(path.read_text("utf-8"), path.name, KNOWN)
    assert rule.id == path.stem
    assert rule.warnings == ()


def test_there_are_samples() -> None:
    assert len(SAMPLES) == 5
