"""The words behind `use:`, one file each.

The file's name is the word, its first underscore the dot: `db_upsert.py` is `db.upsert`. A module has

    Params     pydantic model of `with:`
    POLICY     what happens after doubt: none, row, idempotent, natural_key, verify_then_retry, at_most_once, or by_method
    OUTPUT     the Field of what later steps see, or `output(given, known)` when that depends on the parameters
    FIXED      parameters that must be written out (optional)
    EXPRESSIONS  parameters that are conditions in CEL, handed over unevaluated (optional)
    run(params, context) -> Done | Wait | Ask | Start
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

from config import modules


@cache
def _by_word() -> dict[str, str]:
    return {name.replace("_", ".", 1): name for name in modules.names(__name__)}


def known_words() -> tuple[str, ...]:
    return tuple(sorted(_by_word()))


def of_word(word: object) -> ModuleType | None:
    """The module behind a word, None when there is none."""
    name = _by_word().get(word) if isinstance(word, str) else None
    return modules.load(__name__, name) if name else None
