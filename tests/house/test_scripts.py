"""The set-up scripts on machines that lack something: one sentence says what to install."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make_venv(folder: Path, python: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{path or folder}:/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run([ROOT / "scripts/make-venv", python], cwd=folder, env=env, capture_output=True, text=True)


def fake_python(folder: Path, refuses: str) -> None:
    """A Python that fails exactly the check which mentions `refuses`."""
    script = folder / "python3.11"
    script.write_text(f'#!/bin/sh\ncase "$*" in *{refuses}*) exit 1;; esac\nexit 0\n')
    script.chmod(0o755)


def test_no_python_at_all(tmp_path: Path) -> None:
    done = make_venv(tmp_path, "python3.99")
    assert done.returncode == 2
    assert done.stderr.startswith("python3.99 is not installed. Install Python 3.11 or newer")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("refuses", "said"),
    [("version_info", "is older than Python 3.11"), ("ensurepip", "Install it (Debian: apt install python3-venv)")],
)
def test_what_is_missing_is_one_sentence(refuses: str, said: str, tmp_path: Path) -> None:
    fake_python(tmp_path, refuses)
    done = make_venv(tmp_path, "python3.11")
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_script_can_be_executed() -> None:
    assert [p.name for p in (ROOT / "scripts").iterdir() if not os.access(p, os.X_OK)] == []
    assert os.access(ROOT / ".ci/run", os.X_OK)
