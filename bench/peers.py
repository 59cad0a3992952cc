"""Programs of others that are measured beside ours: installed from npm into `build/peers`, started on the loopback.

`available` says in a sentence why one is left out: no npm, no network, a Node that is too old.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services import answers, free_port, wait_until

PEERS = Path(__file__).parent.parent / "build" / "peers"
INSTALL_S = 1500


def install(name: str, *packages: str) -> str:
    """Put npm packages into `build/peers/NAME`, once. Returns '' or why it is left out."""
    folder = PEERS / name
    if (folder / "node_modules" / ".bin" / name).exists():
        return ""
    if shutil.which("npm") is None:
        return f"{name} is left out: npm is not installed (Debian: apt install nodejs npm)"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    words = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *packages]
    try:
        ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        return f"{name} is left out: npm did not install it within {INSTALL_S} s"
    if ended.returncode:
        return f"{name} is left out: npm says {(ended.stderr.strip().splitlines() or ['nothing'])[0][:200]}"
    return ""


def version(name: str) -> str:
    found: str = json.loads((PEERS / name / "node_modules" / name / "package.json").read_text())["version"]
    return found


@contextmanager
def node_red(folder: Path, flow: list[dict[str, Any]]) -> Iterator[int]:
    """Node-RED with one flow; yields its port. `install` must have said ''."""
    port = free_port()
    home = folder / "node-red"
    home.mkdir()
    (home / "flows.json").write_text(json.dumps(flow))
    (home / "settings.js").write_text(
        "module.exports = {uiHost: '127.0.0.1', httpAdminRoot: false, flowFile: 'flows.json', credentialSecret: false,"
        " logging: {console: {level: 'error'}}}"
    )
    node_modules = PEERS / "node-red" / "node_modules"
    words = [str(node_modules / ".bin" / "node-red"), "--userDir", str(home), "--port", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port), 60, "Node-RED")
        yield port
    finally:
        process.terminate()
        process.wait()


# A webhook that answers at once and keeps nothing, as its users build it.
WEBHOOK: list[dict[str, Any]] = [
    {"id": "tab", "type": "tab", "label": "webhook"},
    {"id": "in", "z": "tab", "type": "http in", "url": "/webhooks/:key", "method": "post", "wires": [["out"]]},
    {"id": "out", "z": "tab", "type": "http response", "statusCode": "204", "wires": []},
]
