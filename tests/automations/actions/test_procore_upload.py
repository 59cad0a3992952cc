"""procore.upload: a file of the files folder, at Procore and on a record."""

from __future__ import annotations

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.errors import Uncertain
from tests.automations.given import Far, automation, rfi, scope

ATTACH = ", attach: {resource: RFIs, id: '${record.id}'}"


@pytest.fixture
def far() -> Far:
    far = Far(records={("RFIs", "22564874"): rfi(attachments=[])})
    far.folder().replace("out/daily.csv", lambda out: out.write(b"a,b\n"))
    return far


def uploaded(far: Far, journal: MemoryJournal, more: str = "", file: str = "out/daily.csv") -> Outcome:
    rule = automation(f"do:\n  - {{id: a, use: procore.upload, with: {{file: '{file}'{more}}}}}\n")
    return run(rule, scope(), journal, far)


def test_the_upload_is_named_for_later_steps(far: Far) -> None:
    journal = MemoryJournal()
    assert uploaded(far, journal).state == "ok"
    assert far.asked == [{"upload": "daily.csv", "type": "text/csv", "bytes": 4, "project_id": "598134000002001"}]
    assert journal.results["a"].output == {"upload_id": "upload-1", "attached": ""}


def test_it_hangs_on_the_record_under_the_name_that_is_written(far: Far) -> None:
    journal = MemoryJournal()
    assert uploaded(far, journal, ", name: today.csv" + ATTACH).state == "ok"
    assert far.asked[1]["fields"] == {"upload_ids": ["upload-1"]}
    assert journal.results["a"].output["attached"] == "22564874"
    assert [what for what, _ in far.noted] == ["begin", "answered"]


def test_after_doubt_a_file_that_hangs_there_is_adopted(far: Far) -> None:
    # Given an attachment that Procore made, and whose answer was cut
    journal = MemoryJournal()
    far.answers = ["upload-1", Uncertain("cut", kind="connection")]
    assert uploaded(far, journal, ATTACH).state == "waiting"
    far.records["RFIs", "22564874"] = rfi(attachments=[{"id": 9, "name": "daily.csv"}])
    # When it is tried again
    assert uploaded(far, journal, ATTACH).state == "ok"
    # Then it does not hang there twice
    assert len([one for one in far.asked if "update" in one]) == 1
    assert journal.results["a"].output["attached"] == "22564874"


def test_after_doubt_what_does_not_hang_there_is_brought_again(far: Far) -> None:
    journal = MemoryJournal()
    far.answers = [Uncertain("cut", kind="connection")]
    assert uploaded(far, journal, ATTACH).state == "waiting"
    assert uploaded(far, journal, ATTACH).state == "ok"
    assert len([one for one in far.asked if "update" in one]) == 1


@pytest.mark.parametrize("file", ["../secret", "/etc/passwd", "out/none.csv"])
def test_only_files_of_the_folder_go_out(far: Far, file: str) -> None:
    assert uploaded(far, MemoryJournal(), file=file).state == "failed"
    assert far.asked == []


def test_another_company_is_refused_and_shadow_does_nothing(far: Far) -> None:
    assert (uploaded(far, MemoryJournal(), ", connector: other-co").error or {})["kind"] == "other_company"
    assert uploaded(far, MemoryJournal(dry=True)).state == "ok"
    assert far.asked == []
