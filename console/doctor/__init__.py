"""`tieback doctor`: look at everything, change nothing, say what is wrong and who mends it how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from config import settings as all_settings
from config.errors import ConfigError, TiebackError
from config.settings import Settings

State = Literal["ok", "warn", "wrong"]


@dataclass(frozen=True)
class Finding:
    """`mend` is what to do, empty when nothing is."""

    name: str
    state: State
    seen: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


Look = Callable[[Settings], Iterable[Finding]]


def look() -> list[Finding]:
    """Every finding, what everything else stands on first. Nothing here raises."""
    from console.doctor import changing, ground, messages, outside, running, standing

    found = list(_each(ground.LOOKS, None))
    try:
        settings = all_settings.load()
    except ConfigError as error:
        return [*found, Finding("settings", "wrong", str(error), "Nothing else can be looked at before that.")]
    found += _each(
        (
            standing.settings,
            standing.site_folder,
            standing.folder,
            standing.disk,
            standing.files,
            standing.keys,
            standing.sign_on,
        ),
        settings,
    )
    found += _each((running.sqlite, running.database, running.broker), settings)
    if any(one.name == "database" and one.state == "ok" for one in found):
        found += _each((*outside.LOOKS, *changing.LOOKS, *messages.LOOKS), settings)
    return found


def _each(looks: Iterable[Callable[[Any], Iterable[Finding]]], settings: Settings | None) -> Iterator[Finding]:
    """One look that stumbles must not hide the others."""
    for one in looks:
        name = getattr(one, "__name__", "look").replace("_", " ")
        try:
            yield from one(settings)
        except TiebackError as error:
            yield Finding(name, "wrong", str(error))
        except Exception as error:  # noqa: BLE001 (said, not hidden)
            yield Finding(name, "wrong", f"could not be looked at: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
