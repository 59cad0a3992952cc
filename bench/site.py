"""The site that benchmarks run on: one connector, to a pretend Procore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from console.demo.stage import keep_secret

CONNECTOR = """\
format: 1
kind: procore_dmsa
name: acme
environment: custom
api_host: {url}
login_host: {url}
private: true
client_id: {client_id}
client_secret: ${{file:secrets/acme}}
company_id: {company_id}
projects: {projects}
"""


def write(site: Path, url: str, state: Mapping[str, Any], projects: Sequence[str] | None = None) -> None:
    """The connector `acme` to the first company of `/_sim/state`; for all of its projects when none are named."""
    for name in ("connectors", "automations", "secrets"):
        (site / name).mkdir(parents=True, exist_ok=True)
    keep_secret(site / "secrets/acme", state["client_secret"])
    wanted = "all" if projects is None else f"[{', '.join(projects)}]"
    text = CONNECTOR.format(url=url, client_id=state["client_id"], company_id=state["companies"][0]["id"], projects=wanted)
    (site / "connectors/acme.yaml").write_text(text)
