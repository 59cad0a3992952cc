"""file.mirror: every version once, both of a name, and no more deletions a day than allowed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from automations.memory import MemoryJournal
from config.errors import Permanent, Transient
from config.problems import Problems
from tests.automations.actions.filing import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def document(id: str, name: str = "plan.pdf", version: str | None = "1", **more: str) -> str:
    given = {"id": id, "name": name, "url": f"https://storage.example/{id}", **({"version": version} if version else {}), **more}
    return "{" + ", ".join(f"{key}: '{value}'" for key, value in given.items()) + "}"


def mirrored(desk: Desk, *documents: str, more: str = "", answers: tuple[bytes | Exception, ...] = (), key: str = "e1") -> Any:
    desk.far.answers = list(answers)
    return desk.output("file.mirror", f"folder: docs, files: [{', '.join(documents)}]{more}", key=key)


def downloads(desk: Desk) -> int:
    return len([one for one in desk.far.asked if "download" in one])


def files(desk: Desk) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((desk.root / "docs").rglob("*")) if p.is_file()}


def test_a_document_stands_with_its_checksum(desk: Desk) -> None:
    output = mirrored(desk, document("7"), answers=(b"one",))
    sha = hashlib.sha256(b"one").hexdigest()
    assert output["stored"] == [{"id": "7", "path": "docs/plan.pdf", "version": "1", "sha256": sha}]
    assert (output["added"], output["updated"], output["kept"]) == (1, 0, 0)
    assert files(desk) == {"plan.pdf": b"one"}


def test_what_is_there_is_not_downloaded_again(desk: Desk) -> None:
    mirrored(desk, document("7"), answers=(b"one",), key="e1")
    sha = hashlib.sha256(b"one").hexdigest()
    assert mirrored(desk, document("7"), key="e2")["kept"] == 1
    spelt = "".join(f'${{"{sha[at : at + 16]}"}}' for at in range(0, 64, 16))  # as a whole it looks like a secret
    assert mirrored(desk, document("7", version="2", sha256=spelt), key="e3")["kept"] == 1
    assert downloads(desk) == 1
    # Without version and checksum it is read to be compared, and not written again
    before = (desk.root / "docs/plan.pdf").stat().st_mtime_ns
    assert mirrored(desk, document("7", version=None), answers=(b"one",), key="e4")["kept"] == 1
    assert (downloads(desk), (desk.root / "docs/plan.pdf").stat().st_mtime_ns) == (2, before)


def test_what_somebody_took_away_or_cut_comes_back(desk: Desk) -> None:
    mirrored(desk, document("7"), answers=(b"one",), key="e1")
    (desk.root / "docs/plan.pdf").write_bytes(b"on")
    mirrored(desk, document("7"), answers=(b"one",), key="e2")
    (desk.root / "docs/plan.pdf").unlink()
    mirrored(desk, document("7"), answers=(b"one",), key="e3")
    assert files(desk) == {"plan.pdf": b"one"}


def test_a_new_version_takes_the_name_and_the_old_one_stays(desk: Desk) -> None:
    mirrored(desk, document("7", version="1"), answers=(b"one",), key="e1")
    assert mirrored(desk, document("7", version="2"), answers=(b"two",), key="e2")["updated"] == 1
    mirrored(desk, document("7", version="a/b"), answers=(b"three",), key="e3")
    assert files(desk) == {"plan.pdf": b"three", "plan~v1.pdf": b"one", "plan~v2.pdf": b"two"}


def test_two_documents_of_one_name_are_both_kept(desk: Desk) -> None:
    mirrored(desk, document("7"), document("8"), answers=(b"seven", b"eight"))
    assert sorted(files(desk).values()) == [b"eight", b"seven"]
    assert files(desk)["plan.pdf"] == b"seven"
    # And each keeps its own file from then on
    mirrored(desk, document("8", version="2"), answers=(b"EIGHT",), key="e2")
    assert files(desk)["plan.pdf"] == b"seven"
    assert b"EIGHT" in files(desk).values()


def test_a_file_that_nobody_mirrored_is_not_overwritten(desk: Desk) -> None:
    (desk.root / "docs").mkdir(parents=True)
    (desk.root / "docs/plan.pdf").write_bytes(b"theirs")
    mirrored(desk, document("7"), answers=(b"ours",))
    assert files(desk)["plan.pdf"] == b"theirs"
    assert b"ours" in files(desk).values()


def test_signs_that_no_disk_takes_are_replaced(desk: Desk) -> None:
    output = mirrored(desk, document("7", name='../A:B? "final".pdf', folder="sub"), answers=(b"x",))
    path = output["stored"][0]["path"]
    assert path.startswith("docs/sub/_._A_B_ _final_~")
    assert path.endswith(".pdf")
    assert (desk.root / path).read_bytes() == b"x"


def test_of_a_hundred_documents_twenty_five_may_go_and_the_rest_is_listed(desk: Desk) -> None:
    every = [document(str(n), name=f"{n}.pdf") for n in range(100)]
    mirrored(desk, *every, answers=tuple(str(n).encode() for n in range(100)), key="e1", more="")
    output = mirrored(desk, every[0], more=", delete: true", key="e2")
    assert (output["removed"], len(output["held"]), len(files(desk))) == (25, 74, 75)
    assert all((desk.root / path).exists() for path in output["held"])
    # Not one more on this day, in whatever run
    assert mirrored(desk, every[0], more=", delete: true", key="e3")["removed"] == 0
    assert len(files(desk)) == 75


def test_a_list_that_became_empty_as_a_whole_removes_nothing(desk: Desk) -> None:
    mirrored(desk, document("7"), answers=(b"one",), key="e1")
    with pytest.raises(AssertionError, match="files: is empty, and delete: true would remove all"):
        mirrored(desk, more=", delete: true", key="e2")
    assert files(desk) == {"plan.pdf": b"one"}


def test_delete_without_a_list_is_refused_at_load(desk: Desk) -> None:
    with pytest.raises(Problems, match="delete: true removes what is not in files:, so it needs files:"):
        desk.output("file.mirror", "folder: docs, delete: true")


def test_deletions_that_died_half_way_count_once(desk: Desk) -> None:
    every = [document(str(n), name=f"{n}.pdf") for n in range(6)]
    mirrored(desk, *every, answers=tuple(str(n).encode() for n in range(6)), key="e1")
    gone = f"folder: docs, files: [{every[0]}], delete: true, max_deletes: 2"
    desk.crash("file.mirror", gone, key="e2")
    assert len(files(desk)) == 4
    desk.output("file.mirror", gone, key="e2")
    assert len(files(desk)) == 4


def test_a_removed_document_goes_with_its_versions_and_frees_its_name(desk: Desk) -> None:
    mirrored(desk, document("7"), answers=(b"one",), key="e1")
    mirrored(desk, document("7", version="2"), answers=(b"two",), key="e2")
    assert desk.output("file.mirror", "folder: docs, remove: [7, 99]", key="e3")["removed"] == 1
    assert files(desk) == {}
    mirrored(desk, document("8"), answers=(b"new",), key="e4")
    assert files(desk) == {"plan.pdf": b"new"}


def test_done_again_after_a_crash_all_stands_once(desk: Desk) -> None:
    desk.far.answers = [b"one"]
    desk.crash("file.mirror", f"folder: docs, files: [{document('7')}]")
    assert mirrored(desk, document("7"))["kept"] == 1
    assert files(desk) == {"plan.pdf": b"one"}


def test_what_was_stored_before_an_error_is_not_downloaded_again(desk: Desk) -> None:
    both = f"folder: docs, files: [{document('7', name='7.pdf')}, {document('8', name='8.pdf')}]"
    desk.far.answers = [b"seven", Transient("away", kind="connection")]
    assert desk.run("file.mirror", both).state == "waiting"
    output = desk.output("file.mirror", both)
    assert (output["kept"], output["added"], downloads(desk)) == (1, 1, 3)


def test_a_refused_download_leaves_no_file(desk: Desk) -> None:
    desk.far.answers = [Permanent("too large", kind="http_size")]
    desk.error("file.mirror", f"folder: docs, files: [{document('7')}]")
    assert not (desk.root / "docs").exists() or files(desk) == {}


def test_in_shadow_nothing_is_asked_and_nothing_written(desk: Desk) -> None:
    journal = MemoryJournal(dry=True)
    assert desk.run("file.mirror", f"folder: docs, files: [{document('7')}]", journal=journal).state == "ok"
    assert downloads(desk) == 0
    assert not desk.root.exists()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [("files: []", "TB132"), ("folder: ../x", "TB133"), ("folder: x, files: [{id: 1}]", "TB132"),
     ("folder: x, max_deletes: -1", "TB133"),
     ("folder: x, to: 'sql:dw'", "TB136"), ("folder: x, files: [{id: '', name: a, url: b}]", "TB133")],
)  # fmt: skip
def test_what_cannot_be_mirrored_is_refused_at_load(parameters: str, code: str, desk: Desk) -> None:
    with pytest.raises(Problems) as raised:
        desk.run("file.mirror", parameters)
    assert code in {p.code for p in raised.value.found}
