"""What is installed: few packages, each for a reason, each the file that was locked, none with a known hole."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.services import free_port

ROOT = Path(__file__).parents[2]


def locked() -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^\s;\\]+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE))


def test_the_packages_are_few_and_each_has_one_reason() -> None:
    rows = re.findall(r"^\| ([a-z0-9.-]+) \| (.+) \|$", (ROOT / "docs/packages.md").read_text("utf-8"), re.MULTILINE)
    assert [name for name, _ in rows] == list(locked())
    assert len(rows) <= 50


# A file that was altered


def a_wheel(folder: Path) -> Path:
    path = folder / "harmless-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("harmless.py", "WORD = 'as it was published'\n")
        wheel.writestr("harmless-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: harmless\nVersion: 1.0\n")
        wheel.writestr("harmless-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("harmless-1.0.dist-info/RECORD", "")
    return path


def install(folder: Path, lock: str) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_NO_CACHE_DIR": "1",
    }
    (folder / "lock.txt").write_text(lock)
    return subprocess.run([ROOT / "scripts/install", "lock.txt"], cwd=folder, env=env, capture_output=True, text=True)


def test_an_altered_wheel_is_not_installed_and_the_locked_one_is(tmp_path: Path) -> None:
    # Given a lock of a wheel
    venv.create(tmp_path / ".venv", with_pip=True)
    wheel = a_wheel(tmp_path)
    lock = f"harmless==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    published = wheel.read_bytes()
    # When somebody puts another file in its place
    with zipfile.ZipFile(wheel, "a") as altered:
        altered.writestr("harmless_too.py", "import os\n")
    done = install(tmp_path, lock)
    # Then nothing of it is installed
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert list((tmp_path / ".venv").rglob("harmless*.py")) == []
    # And neither is a package without a digest
    assert install(tmp_path, "harmless==1.0\n").returncode != 0
    # But what was published is
    wheel.write_bytes(published)
    assert install(tmp_path, lock).returncode == 0
    assert len(list((tmp_path / ".venv").rglob("harmless.py"))) == 1


# The list of parts


def parts() -> dict[str, Any]:
    done = subprocess.run([sys.executable, ROOT / "scripts/sbom", "-"], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_list_of_parts_is_the_lock_and_what_is_vendored() -> None:
    made = parts()
    listed = {one["name"]: one["version"] for one in made["components"]}
    assert listed.pop("htmx.org") == "2.0.8"
    assert listed == locked()
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    for one in made["components"]:
        digests = one.get("hashes") or one["externalReferences"][0]["hashes"]
        assert digests
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest["content"]) for digest in digests)


def test_everything_in_the_list_is_asked_for_by_something_in_it() -> None:
    made = parts()
    asked = {ref for one in made["dependencies"] for ref in one["dependsOn"]}
    known = {one["bom-ref"] for one in made["components"]}
    assert asked == known
    flask = next(one for one in made["dependencies"] if one["ref"].startswith("pkg:pypi/flask@"))
    assert any(ref.startswith("pkg:pypi/werkzeug@") for ref in flask["dependsOn"])


def test_the_same_lock_gives_the_same_bytes() -> None:
    assert parts() == parts()


# Known holes


@contextmanager
def advisories(planted: dict[str, list[str]], status: int = 200, body: bytes | None = None) -> Iterator[str]:
    """A database of advisories that knows these; as OSV's documentation shows its answers."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            assert self.path == "/v1/querybatch"
            assert all(one["package"]["ecosystem"] == "PyPI" for one in asked)
            found = [planted.get(f"{one['package']['name']}=={one['version']}") for one in asked]
            results = [{"vulns": [{"id": id, "modified": "2026-01-01T00:00:00Z"} for id in ids]} if ids else {} for ids in found]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"results": results}).encode() if body is None else body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def audit(*words: str | Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, ROOT / "scripts/audit", *words], capture_output=True, text=True)
    return done.returncode, done.stderr.strip()


def test_a_lock_without_a_known_hole_passes() -> None:
    with advisories({"jinja2==2.0": ["CVE-2000-1"]}) as service:
        assert audit("--service", service) == (0, f"audit: {len(locked())} packages of requirements.txt, no known hole")


def test_a_planted_hole_stops_the_gate(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("flask==3.1.3 \\\n    --hash=sha256:00\njinja2==2.4.1 ; python_version > '3' \\\n    --hash=sha256:00\n")
    with advisories({"jinja2==2.4.1": ["PYSEC-2014-8", "GHSA-8r7q-cvjq-x353"]}) as service:
        code, said = audit(lock, "--service", service)
    assert code == 1
    assert said == "audit: jinja2 2.4.1: GHSA-8r7q-cvjq-x353, PYSEC-2014-8. Raise it in pyproject.toml, then: scripts/lock"


def test_a_service_out_of_reach_is_said_in_one_line_and_stops_nothing() -> None:
    code, said = audit("--service", f"http://127.0.0.1:{free_port()}")
    assert code == 0
    assert re.fullmatch(r"audit: \S+ cannot be reached from here \(.*\); nothing was checked", said)


@pytest.mark.parametrize(
    ("status", "body"), [(500, None), (403, None), (200, b"<html>"), (200, b'{"results": []}'), (200, b"[]"), (200, b'{"x": 1}')]
)
def test_an_answer_that_says_nothing_is_no_clean_bill(status: int, body: bytes | None) -> None:
    with advisories({}, status, body) as service:
        code, said = audit("--service", service)
    assert (code, said.endswith("nothing was checked")) == (1, True)


def test_a_lock_that_pins_nothing_is_no_clean_bill(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("# nothing\n")
    assert audit(tmp_path / "lock.txt", "--service", "http://127.0.0.1:1")[0] == 1
