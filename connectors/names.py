"""Names of files, made from whatever records hold, that every system takes and no two different texts share.

A part of a path that had to be altered ends in `~` and eight signs of a digest of what was written, so
`A:B.pdf` and `A/B.pdf` of two records never become one file, and the same text always becomes the same name.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from config.errors import Permanent

LONGEST = 120  # of 255 bytes that file systems take; room for our endings, and for four bytes a letter in half of it
MOST_BYTES = 200
DEEPEST = 12
_NOT_ALLOWED = re.compile(
    '[\x00-\x1f\x7f-\x9f<>:"/\\\\|?*\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff]'
)
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")


def safe(name: str) -> str:
    """One part of a path. Never empty, never hidden, never a device of Windows, at most 200 bytes."""
    shown = unicodedata.normalize("NFC", _NOT_ALLOWED.sub("_", name)).strip(" ").rstrip(". ")
    if shown.startswith((".", "~", "-")):
        shown = "_" + shown[1:]
    if _DEVICES.match(shown) or not shown:
        shown = "_" + shown
    if shown == name and len(shown.encode()) <= MOST_BYTES:
        return shown
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return _with_mark(shown, digest)


def marked(name: str, mark: str) -> str:
    """`plan.pdf` with the mark `v3` is `plan~v3.pdf`; both must be safe already."""
    return _with_mark(name, mark)


def _with_mark(name: str, mark: str) -> str:
    ending = found.group() if (found := _ENDING.search(name)) else ""
    stem = _cut(name[: len(name) - len(ending)], MOST_BYTES - len(ending) - len(mark) - 1)
    return f"{stem.rstrip('. ')}~{mark}{ending}"


def _cut(text: str, most: int) -> str:
    return text[:LONGEST].encode()[:most].decode("utf-8", "ignore")


def parts(path: str) -> tuple[str, ...]:
    """A path below the root as safe names. `/` separates.

    Raises: Permanent(kind="path") when it is absolute, leads upwards, or names no file.
    """
    shown = "".join(sign if sign.isprintable() else "�" for sign in path[:80])
    if "\x00" in path:
        raise Permanent(f'"{shown}" holds a NUL byte and names no file. Look at the value that the path is made of.', kind="path")
    written = path.split("/")
    if path.startswith(("/", "\\", "~/")) or re.match(r"[A-Za-z]:[/\\]", path):
        raise Permanent(f'"{shown}" is not below the files root. Write a path such as exports/rfis.csv.', kind="path")
    if any(part.strip(" ") in (".", "..") for part in re.split(r"[/\\]", path)):
        raise Permanent(f'"{shown}" leads out of its folder. Take "." and ".." out of the path.', kind="path")
    if not all(part.strip() for part in written):
        raise Permanent(f'"{shown}" has an empty part. Look at the value that the path is made of.', kind="path")
    if len(written) > DEEPEST:
        raise Permanent(f'"{shown}" is {len(written)} folders deep; {DEEPEST} are the most.', kind="path")
    return tuple(safe(part) for part in written)
