"""deploy/, judged by those who read it: the specification of compose files, systemd, nginx. Each also finds a planted mistake."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.connectors.mail import certificate
from tests.house.deployed import DEPLOY, units

TARGET = DEPLOY / "systemd/tieback.target"


def said(words: list[str], **env: str) -> tuple[int, str]:
    # Without the proxies and settings of who runs the tests.
    plain = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", **env}
    done = subprocess.run(words, capture_output=True, text=True, env=plain, stdin=subprocess.DEVNULL)
    return done.returncode, (done.stdout + done.stderr).strip()


# Compose


def schema(path: Path) -> tuple[int, str]:
    """What the specification's own schema says of a file; it comes with the package, nothing is downloaded."""
    return said([sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)])


def test_the_compose_file_is_what_its_specification_allows() -> None:
    assert schema(DEPLOY / "compose.yaml") == (0, "ok -- validation done")


@pytest.mark.parametrize(("good", "bad"), [("pids_limit: 64", "pid_limit: 64"), ("service_healthy", "service_well")])
def test_a_mistake_in_a_compose_file_is_found(tmp_path: Path, good: str, bad: str) -> None:
    whole = (DEPLOY / "compose.yaml").read_text("utf-8")
    assert good in whole
    (tmp_path / "compose.yaml").write_text(whole.replace(good, bad))
    code, found = schema(tmp_path / "compose.yaml")
    assert (code, "services" in found) == (1, True)


# systemd


def verified(folder: Path, change: Callable[[str], str] = str) -> tuple[int, str]:
    """What systemd says of the units, each changed so; only where our program is differs, since it must be there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt install systemd); the directives are tested without it")
    folder.mkdir()
    for unit in (*units(), TARGET):
        here = unit.read_text("utf-8").replace("/opt/tieback/.venv/bin/", f"{Path(sys.executable).parent}/")
        (folder / unit.name).write_text(change(here))
    named = [str(folder / unit.name.replace("@.", "@1.")) for unit in (*units(), TARGET)]
    return said(["systemd-analyze", "verify", "--man=no", *named], SYSTEMD_UNIT_PATH=f"{folder}:", HOME=str(folder))


def test_systemd_understands_every_line_of_the_units(tmp_path: Path) -> None:
    assert verified(tmp_path / "units") == (0, "")


@pytest.mark.parametrize(
    ("good", "bad"),
    [("NoNewPrivileges=", "NoNewPrivilege="), ("TasksMax=512", "TasksMax=many"), ("KillMode=mixed", "KillMode=some")],
)
def test_a_mistake_in_a_unit_is_found(tmp_path: Path, good: str, bad: str) -> None:
    assert any(good in unit.read_text("utf-8") for unit in units())
    assert verified(tmp_path / "units", lambda text: text.replace(good, bad))[1] != ""


# nginx


def proxy(folder: Path, change: Callable[[str], str] = str) -> tuple[int, str]:
    """What nginx says of its file; only names and paths that a container would have differ."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed (Debian: apt install nginx-light); what matters in its file is tested as text")
    certificate(folder, "tieback")
    here = {
        "server web:": "server 127.0.0.1:",
        "server console:": "server 127.0.0.1:",
        "/run/secrets/tls_certificate": str(folder / "tieback.pem"),
        "/run/secrets/tls_key": str(folder / "tieback.key"),
        " /tmp/": f" {folder}/",
    }
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    for there, instead in here.items():
        assert there in text
        text = text.replace(there, instead)
    (folder / "nginx.conf").write_text(change(text))
    return said([nginx, "-t", "-q", "-c", str(folder / "nginx.conf")])


def test_nginx_takes_its_file_without_a_warning(tmp_path: Path) -> None:
    assert proxy(tmp_path) == (0, "")


@pytest.mark.parametrize(("good", "bad"), [("server_tokens off", "server_token off"), ("keepalive 64;", "keepalive many;")])
def test_a_mistake_in_the_proxys_file_is_found(tmp_path: Path, good: str, bad: str) -> None:
    code, found = proxy(tmp_path, lambda text: text.replace(good, bad))
    assert (code, "[emerg]" in found) == (1, True)
