"""R19: nothing that a rule, a record or somebody else on the machine writes leads out of the files root."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from config.errors import Permanent, Transient
from connectors.names import parts, safe
from connectors.rooted import Rooted


@pytest.fixture
def files(tmp_path: Path) -> Rooted:
    return Rooted(tmp_path / "files")


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/cron.d/x", "a/../../x", "..", ".", "a/./b", "/etc/passwd", "//host/share", "\\\\host\\share", "C:\\x", "c:/x",
        "a\\..\\..\\x", "a/ .. /x", "x\x00.csv", "\x00", "", "a//b", "a/", "/", "~/x", "a/ /b", "/".join("a" * 13),
    ],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused_and_nothing_is_made(path: str, files: Rooted, tmp_path: Path) -> None:
    for change in (
        lambda: files.replace(path, lambda draft: draft.write(b"x")),
        lambda: files.append(path, lambda draft, begun: draft.write(b"x"), "k"),
        lambda: files.edit(path, lambda text: b"x"),
        lambda: files.remove(path),
        lambda: files.bytes_of(path),
    ):
        with pytest.raises(Permanent) as raised:
            change()
        assert raised.value.kind == "path"
        assert "\x00" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["CON", "con.txt", "Aux.pdf", "NUL", "com1", "LPT9.log", "COM¹.x", "CONIN$", "prn."])
def test_a_device_of_windows_is_no_name(name: str) -> None:
    assert safe(name).startswith("_")


@pytest.mark.parametrize(
    "name",
    [
        'A<B>:"C|?*.pdf', "a\\b.pdf", "new\nline.csv",
        "\x1b[31mred.txt", "right\u202eto.left", "zero\u200bwidth", ".hidden", "-rf",
        "~root", "dots...", "space ", " space", "\ud800.csv", "\ufeffbom",
        "x" * 300 + ".csv", "\U0001f3d7" * 300, "é" * 300, "...",
    ],
)  # fmt: skip
def test_a_name_is_made_safe_stays_short_and_is_shared_by_no_other(name: str, files: Rooted) -> None:
    made = safe(name)
    assert made != name
    assert len(made.encode()) <= 200
    assert not any(sign in made for sign in '<>:"/\\|?*')
    assert made.isprintable()
    assert made[0] not in ".-~"
    assert made[-1] not in ". "
    # What differs before differs after, and what is the same stays the same
    assert safe(name + "x") != made
    assert safe(name) == made
    written = files.replace(f"folder/{name}".replace("\\", "_"), lambda draft: draft.write(b"x"))
    assert (files.root / written.path).read_bytes() == b"x"


def test_names_that_differ_only_in_what_is_not_allowed_are_two_files(files: Rooted) -> None:
    paths = {files.replace(f"a/{name}", lambda draft: draft.write(b"x")).path for name in ("A:B.pdf", "A?B.pdf", "A*B.pdf")}
    assert len(paths) == 3
    assert all(path.startswith("a/A_B~") and path.endswith(".pdf") for path in paths)


def test_an_ordinary_name_stays_as_it_is() -> None:
    assert parts("Büro/RFI-12 Beam pocket (rev 2).pdf") == ("Büro", "RFI-12 Beam pocket (rev 2).pdf")


@pytest.mark.parametrize("way", ["replace", "append", "edit", "read", "remove", "size"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(way: str, files: Rooted, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_bytes(b"theirs")
    files.root.mkdir()
    (files.root / "out").symlink_to(outside)
    with pytest.raises(Permanent, match="symbolic link"):
        _do(files, way, "out/a.txt")
    assert (outside / "a.txt").read_bytes() == b"theirs"
    assert [p.name for p in outside.iterdir()] == ["a.txt"]


def _do(files: Rooted, way: str, path: str) -> Any:
    if way == "read":
        with files.read(path) as file:
            return file.read()
    return {
        "replace": lambda: files.replace(path, lambda draft: draft.write(b"x")),
        "append": lambda: files.append(path, lambda draft, begun: draft.write(b"x"), "k"),
        "edit": lambda: files.edit(path, lambda text: b"x"),
        "remove": lambda: files.remove(path),
        "size": lambda: files.bytes_of(path),
    }[way]()


@pytest.mark.parametrize("way", ["append", "edit", "read"])
def test_a_link_in_the_place_of_a_file_is_not_read(way: str, files: Rooted, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    files.root.mkdir()
    (files.root / "a.txt").symlink_to(tmp_path / "theirs")
    with pytest.raises(Permanent, match="symbolic link"):
        _do(files, way, "a.txt")
    assert (tmp_path / "theirs").read_bytes() == b"theirs"


def test_a_link_in_the_place_of_a_file_is_replaced_and_what_it_leads_to_is_not(files: Rooted, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    files.root.mkdir()
    (files.root / "a.txt").symlink_to(tmp_path / "theirs")
    files.replace("a.txt", lambda draft: draft.write(b"ours"))
    assert (tmp_path / "theirs").read_bytes() == b"theirs"
    assert (files.root / "a.txt").read_bytes() == b"ours"
    assert not (files.root / "a.txt").is_symlink()


@pytest.mark.parametrize("where", [".tieback", ".tieback/locks"])
def test_a_link_in_the_place_of_our_own_notes_is_not_followed(where: str, files: Rooted, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (files.root / where).parent.mkdir(parents=True)
    (files.root / where).symlink_to(outside)
    with pytest.raises(Permanent, match="symbolic link"):
        files.append("a.txt", lambda draft, begun: draft.write(b"x"), "k")
    assert list(outside.iterdir()) == []


def test_a_pipe_is_not_waited_for(files: Rooted) -> None:
    files.root.mkdir()
    os.mkfifo(files.root / "a.txt")
    with pytest.raises(Permanent, match="a device stands there"), files.read("a.txt"):
        pass


def test_who_swaps_a_folder_for_a_link_while_we_write_gains_nothing(files: Rooted, tmp_path: Path) -> None:
    # Given somebody who swaps the folder for a link to another place, over and over
    outside = tmp_path / "outside"
    outside.mkdir()
    (files.root / "out").mkdir(parents=True)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            try:
                (files.root / "out").rename(files.root / "aside")
                (files.root / "out").symlink_to(outside)
                (files.root / "out").unlink()
                (files.root / "aside").rename(files.root / "out")
            except OSError:
                (files.root / "aside").exists() and not (files.root / "out").exists() and (files.root / "aside").rename(
                    files.root / "out"
                )

    thread = threading.Thread(target=swap)
    thread.start()
    written = refused = 0
    try:
        for number in range(300):
            try:
                files.replace(f"out/{number}.txt", lambda draft: draft.write(b"x"))
                written += 1
            except (Permanent, Transient):
                refused += 1
    finally:
        stop.set()
        thread.join()
    # Then nothing ever arrived in the other place
    assert written + refused == 300
    assert list(outside.iterdir()) == []
