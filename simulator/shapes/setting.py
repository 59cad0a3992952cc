"""What a record can refer to: the people and places of its company and project, and the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

from simulator.records import Ids, Json
from simulator.stamps import iso

T = TypeVar("T")

FILES = "{{base}}/api/v5/files"
"""Start of every attachment address; the base and the signature are filled in at each read."""


@dataclass
class Setting:
    """One company, and one project of it where the resource belongs to a project."""

    rng: Random
    ids: Ids
    today: datetime
    company: Json
    domain: str
    project: Json = field(default_factory=dict)
    users: list[Json] = field(default_factory=list)
    vendors: list[Json] = field(default_factory=list)
    trades: list[Json] = field(default_factory=list)
    stages: list[Json] = field(default_factory=list)
    locations: list[Json] = field(default_factory=list)
    sections: list[Json] = field(default_factory=list)
    cost_codes: list[Json] = field(default_factory=list)
    packages: list[Json] = field(default_factory=list)
    live_at: float | None = None

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.rng.randrange(len(choices))]

    def maybe(self, choices: Sequence[T]) -> T | None:
        """One of them, or None where there is none."""
        return self.pick(choices) if choices else None

    def turn(self, choices: Sequence[T], n: int) -> T:
        return choices[n % len(choices)]

    def times(self) -> tuple[str, str]:
        """created_at and updated_at: now for a record made while running, else some past days."""
        if self.live_at is not None:
            return iso(self.live_at), iso(self.live_at)
        created = self.today - timedelta(days=self.rng.randrange(6, 240), seconds=self.rng.randrange(86400))
        age = int((self.today - created).total_seconds())
        updated = created + timedelta(seconds=self.rng.randrange(age))
        return iso(created.timestamp()), iso(updated.timestamp())

    def day(self, offset: int) -> str:
        return (self.today + timedelta(days=offset)).date().isoformat()

    def attachment(self, name: str) -> Json:
        number = self.ids.next("attachment")
        company, project = self.company.get("id"), self.project.get("id")
        return {
            "id": number,
            "name": name,
            "filename": name,
            "url": f"{FILES}/{number}?companyId={company}&projectId={project}&sig={{{{sig}}}}",
            "can_be_viewed": True,
            "viewable": True,
            "attached_to_item_id": None,
            "attached_to_item_type": None,
        }


def midnight(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def login(user: Json) -> Json:
    return {"id": user["id"], "login": user["email_address"], "name": user["name"]}


def named(thing: Json) -> Json:
    return {"id": thing["id"], "name": thing["name"]}


def located(user: Json) -> Json:
    return {"id": user["id"], "name": user["name"], "locale": "en", "login": user["email_address"]}
