"""Programs of others that are measured beside ours: installed from npm into `build/peers`, started on the loopback.

`install` says in a sentence why one is left out: no npm, no network, a Node that is too old.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services import answers, free_port, wait_until

PEERS = Path(__file__).parent.parent / "build" / "peers"
INSTALL_S = 1500


def install(name: str, *packages: str, options: tuple[str, ...] = ()) -> str:
    """Put npm packages, `NAME` or `NAME@VERSION`, into `build/peers/NAME`, once. Returns '' or why it is left out."""
    folder = PEERS / name
    if all(finished(folder, package) for package in packages):
        return ""
    if shutil.which("npm") is None:
        return f"{name} is left out: npm is not installed (Debian: apt install nodejs npm)"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    words = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *options, *packages]
    try:
        ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        return f"{name} is left out: npm did not install it within {INSTALL_S} s"
    if ended.returncode:
        return f"{name} is left out: npm says {cause(ended.stderr)}"
    return ""


def finished(folder: Path, package: str) -> bool:
    """Whether npm put it there, in the version that is asked for: the list is written when all else is done."""
    name, _, wanted = package.partition("@")
    try:
        listed = json.loads((folder / "node_modules" / ".package-lock.json").read_text("utf-8"))["packages"]
        found: str = listed[f"node_modules/{name}"]["version"]
    except (OSError, ValueError, KeyError):
        return False
    return f"{found}.".startswith(f"{wanted}." if wanted else "")


def cause(said: str) -> str:
    """The line of npm's errors that tells people something; the ones before it are codes."""
    lines = [re.sub(r"^npm (error|ERR!) (notarget )?", "", line) for line in said.strip().splitlines()]
    return next((line for line in lines if not re.match(r"(code|errno|syscall|path) ", line)), "nothing")[:200]


def version(name: str) -> str:
    found: str = json.loads((PEERS / name / "node_modules" / name / "package.json").read_text())["version"]
    return found


@contextmanager
def node_red(folder: Path, flow: list[dict[str, Any]], more: str = "") -> Iterator[int]:
    """Node-RED with one flow, and with `more` in its settings; yields its port. `install` must have said ''."""
    port = free_port()
    home = folder / "node-red"
    home.mkdir()
    (home / "flows.json").write_text(json.dumps(flow))
    (home / "settings.js").write_text(
        "module.exports = {uiHost: '127.0.0.1', httpAdminRoot: false, flowFile: 'flows.json', credentialSecret: false,"
        f" logging: {{console: {{level: 'error'}}}}, {more}}}"
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


def postgresql_flow(url: str, headers: dict[str, str], database: str) -> tuple[list[dict[str, Any]], str]:
    """A webhook that answers at once, reads the record and upserts it; and the settings that it needs.

    The row is written by npm's `pg`, which Node-RED's PostgreSQL nodes use too: through a pool, in a function node.
    """
    ask = (
        f"return {{url: '{url}/rest/v1.0/projects/' + msg.payload.project_id + '/rfis/' + msg.payload.resource_id,"
        f" method: 'GET', headers: {json.dumps(headers)}, project: msg.payload.project_id}};"
    )
    write = (
        "const b = msg.payload; await global.get('pool').query(`INSERT INTO red_rfis (id, project_id, updated_at, body)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET project_id = excluded.project_id, updated_at ="
        " excluded.updated_at, body = excluded.body WHERE red_rfis.updated_at < excluded.updated_at`,"
        " [String(b.id), msg.project, b.updated_at, JSON.stringify(b)]);"
    )
    flow = [
        {**WEBHOOK[0]},
        {**WEBHOOK[1], "wires": [["out", "ask"]]},
        {**WEBHOOK[2]},
        {"id": "ask", "z": "tab", "type": "function", "func": ask, "outputs": 1, "wires": [["get"]]},
        {"id": "get", "z": "tab", "type": "http request", "method": "use", "ret": "obj", "persist": True, "wires": [["write"]]},
        {"id": "write", "z": "tab", "type": "function", "func": write, "outputs": 1, "wires": [[]]},
    ]
    pg = PEERS / "node-red" / "node_modules" / "pg"
    pool = f"new (require('{pg}').Pool)({{connectionString: '{database}', max: 16}})"
    return flow, f"functionGlobalContext: {{pool: {pool}}}"


# A webhook that answers at once and keeps nothing, as its users build it.
WEBHOOK: list[dict[str, Any]] = [
    {"id": "tab", "type": "tab", "label": "webhook"},
    {"id": "in", "z": "tab", "type": "http in", "url": "/webhooks/:key", "method": "post", "wires": [["out"]]},
    {"id": "out", "z": "tab", "type": "http response", "statusCode": "204", "wires": []},
]
