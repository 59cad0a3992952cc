"""What every job needs at hand in one process: the store, the keys, the bell, and what is loaded of the site."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Engine

from config.secrets import Box
from config.settings import Settings
from workers.broker import Bell
from workers.keeper import Keeper
from workers.load import Load
from workers.loaded import Loaded
from workers.ports import CallLog


@dataclass(frozen=True)
class Desk:
    """`settle_s`: so long a record whose every event may cost a call is not read, to see whether others follow the first."""

    settings: Settings
    engine: Engine
    box: Box
    doorbell: Bell
    keeper: Keeper
    holder: str
    call_log: CallLog
    loaded: Loaded
    settle_s: float = 0.0
    load: Load = field(default_factory=lambda: Load(1))
