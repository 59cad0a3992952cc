"""The project's own words: nothing in it speaks of machines it was made on, or of names that say nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
EMPTY_NAMES = re.compile(r"\b(class|def) (\w*(Manager|Helper|Util)\w*|utils?|helpers?|process_data)\b")


def ours() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_name_that_says_nothing() -> None:
    found = [
        f"{p.relative_to(ROOT)}: {m[0]}" for p in ours() if p.suffix == ".py" for m in EMPTY_NAMES.finditer(p.read_text("utf-8"))
    ]
    assert found == []


def test_locks_name_no_package_host() -> None:
    for lock in ROOT.glob("requirements*.txt"):
        assert "://" not in lock.read_text("utf-8")


def test_the_lock_pins_every_requirement_with_hashes() -> None:
    for lock in ROOT.glob("requirements*.txt"):
        blocks = re.split(r"\n(?=\S)", lock.read_text("utf-8"))
        pins = [block for block in blocks if "==" in block.splitlines()[0]]
        assert pins
        assert all("--hash=sha256:" in pin for pin in pins)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120
