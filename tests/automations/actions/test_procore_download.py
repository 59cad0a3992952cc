"""procore.download: a file below the files folder, whole or not at all."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.errors import Permanent, Transient
from tests.automations.given import Far, automation, scope

URL = "https://api.procore.com/api/v5/files/7?sig=abc"


def downloaded(far: Far, journal: MemoryJournal, to: str = "rfis/${record.number}.pdf", more: str = "") -> Outcome:
    rule = automation(f"do:\n  - {{id: a, use: procore.download, with: {{url: '{URL}', path: '{to}'{more}}}}}\n")
    return run(rule, scope(), journal, far)


def test_the_bytes_stand_in_the_files_folder() -> None:
    journal, far = MemoryJournal(), Far()
    assert downloaded(far, journal).state == "ok"
    digest = hashlib.sha256(b"%PDF-1.4").hexdigest()
    assert journal.results["a"].output == {"path": "rfis/12.pdf", "bytes": 8, "sha256": digest}
    with far.folder().read("rfis/12.pdf") as file:
        assert file.read() == b"%PDF-1.4"
    assert far.asked == [{"download": URL, "max_bytes": 50_000_000}]


@pytest.mark.parametrize("error, state", [(Transient("cut"), "waiting"), (Permanent("no", kind="foreign_url"), "failed")])
def test_what_did_not_come_whole_leaves_what_was_there(error: Any, state: str) -> None:
    far = Far([b"old"])
    downloaded(far, MemoryJournal())
    far.answers = [error]
    assert downloaded(far, MemoryJournal()).state == state
    with far.folder().read("rfis/12.pdf") as file:
        assert file.read() == b"old"


@pytest.mark.parametrize("to", ["../out.pdf", "/etc/passwd", "a/../../b", "a\\..\\b"])
def test_no_path_leads_out_of_the_folder(to: str) -> None:
    far = Far()
    assert downloaded(far, MemoryJournal(), to.replace("\\", "\\\\")).state == "failed"
    assert far.asked == []


def test_another_companys_token_is_not_used() -> None:
    far = Far()
    assert (downloaded(far, MemoryJournal(), more=", connector: other-co").error or {})["kind"] == "other_company"
    assert far.asked == []


def test_shadow_fetches_nothing() -> None:
    far = Far()
    assert downloaded(far, MemoryJournal(dry=True)).state == "ok"
    assert far.asked == []
