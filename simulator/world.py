"""The whole pretend platform in one value: records, people, tokens, hooks, limits and faults."""

from __future__ import annotations

import copy
import secrets
import threading
import time
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from simulator.calls import Calls
from simulator.events import Event
from simulator.faults import FaultBoard
from simulator.hooks import Hook, HookBook
from simulator.limits import RateLimits
from simulator.records import Json, Record, Seen, Snapshot
from simulator.seeding import PARENTS, furnished, named_parent, new_project_setting
from simulator.sender import Sender
from simulator.shapes import shape_of
from simulator.shapes.setting import midnight
from simulator.sinks import Sinks
from simulator.stamps import Clock, day_in, iso, ulid
from simulator.table import Row
from simulator.tokens import Tokens
from simulator.uploaded import Uploads

Profile = Literal["lenient", "strict"]


@dataclass(frozen=True)
class Actor:
    """Who changes a record: a person, or an application on behalf of its service user."""

    user_id: int
    application_id: str | None = None
    operation_id: str | None = None


class World:
    """Everything the pretend Procore knows. Safe to use from several threads."""

    def __init__(
        self,
        seed: int = 7,
        profile: Profile = "lenient",
        *,
        hourly: int = 3600,
        spike: int = 100,
        time_scale: float = 1.0,
        client_id: str | None = None,
        client_secret: str | None = None,
        clock: Clock = time.time,
    ) -> None:
        self.seed, self.profile, self.clock = seed, profile, clock
        self._day = midnight(clock())
        stock = furnished(seed, self._day).copy()
        self.ids, self.shelves = stock.ids, stock.shelves
        self.settings, self.companies = stock.settings, stock.companies
        self._live = Random(f"{seed} live")
        self._guard = threading.RLock()
        self._turns: dict[tuple[str, int], int] = {}
        self.user_id = self.ids.next("service user")
        keys = Random(f"{seed} keys")
        self.tokens = Tokens(
            client_id or f"{keys.getrandbits(256):064x}",
            client_secret or f"{keys.getrandbits(256):064x}",
            self.user_id,
            clock,
        )
        self.faults, self.limits, self.calls = FaultBoard(clock), RateLimits(hourly, spike, clock), Calls()
        self.uploads = Uploads(self.ids, clock)
        self.hooks, self.sinks = HookBook(self.ids, clock), Sinks()
        self.sender = Sender(self.faults, time_scale=time_scale, clock=clock)

    # Reading

    def projects(self, company_id: int) -> list[Record]:
        return [record for record in self.shelves.of("Projects", company_id) if record.live]

    def project(self, project_id: int) -> Record | None:
        found = self.shelves.find("Projects", project_id)
        return found if found and found.live else None

    def installed(self, company_id: int) -> bool:
        removed = {fault.settings["company_id"] for fault in self.faults.all("app_uninstalled")}
        return company_id in self.companies and not removed & {None, company_id}

    def refusal(self, project_id: int) -> int | None:
        """The status for a project that is not permitted; None when it is."""
        for fault in self.faults.all("project_removed"):
            if fault.settings["project_id"] in (None, project_id):
                return int(fault.settings["status"])
        return None

    def visible(self, record: Record) -> Seen | None:
        """The record as a read shows it now, which a lag may hold back."""
        if not record.past:
            return record.now
        lags = [fault.settings["seconds"] for fault in self.faults.all("read_lag")]
        return record.seen(self.clock() - max(lags)) if lags else record.now

    # Changing

    def create(self, row: Row, scope_id: int, fields: Json, actor: Actor | None, parent_id: int | None = None) -> Record:
        """Make a record; without an actor nobody is told."""
        with self._guard:
            known_setting, now = self.settings[scope_id], self.clock()
            today = day_in(str(known_setting.project.get("time_zone", "UTC")), now)
            setting = replace(known_setting, ids=self.ids, rng=self._live, live_at=now, today=today)
            known = self.shelves.size(row.name, scope_id)
            body = shape_of(row.name)(setting, known)
            body = body | {key: value for key, value in fields.items() if key != "id"}
            project_id = scope_id if row.of_project else None
            company_id = setting.company["id"]
            parent_id = parent_id or self._parent(row, scope_id)
            body |= named_parent(row.name, parent_id)
            record = Record(row.name, body["id"], company_id, project_id, parent_id)
            self._replace(record, Snapshot(body))
            self.shelves.put(record)
            if row.name == "Projects":
                self.settings[record.id] = new_project_setting(known_setting, body)
        self.tell(record, "create", actor)
        return record

    def update(self, record: Record, fields: Json, actor: Actor | None) -> None:
        with self._guard:
            body = record.body | copy.deepcopy(fields) | {"id": record.id}
            if "updated_at" not in fields:
                body["updated_at"] = iso(self.clock())
            self._replace(record, Snapshot(body))
            if record.resource == "Projects":
                self.settings[record.id] = replace(self.settings[record.id], project=body)
        self.tell(record, "update", actor)

    def delete(self, record: Record, actor: Actor | None) -> None:
        with self._guard:
            at = iso(self.clock())
            body = record.body | {"deleted": True, "deleted_at": at, "updated_at": at}
            self._replace(record, Snapshot(body, deleted=True))
        self.tell(record, "delete", actor)

    def some(self, row: Row, scope_id: int, count: int) -> list[Record]:
        """That many distinct live records, the next ones in turn; missing ones are made silently."""
        with self._guard:
            while len(live := [r for r in self.shelves.of(row.name, scope_id) if r.live]) < count:
                for _ in range(count - len(live)):
                    self.create(row, scope_id, {}, None)
            first = self._turns.get((row.name, scope_id), 0)
            self._turns[(row.name, scope_id)] = first + count
            return [live[(first + step) % len(live)] for step in range(count)]

    def person(self, scope_id: int) -> Actor:
        """Somebody of the company's staff, for a change that nobody in particular makes."""
        users = self.settings[scope_id].users
        return Actor(users[0]["id"] if users else self.user_id)

    def _parent(self, row: Row, scope_id: int) -> int | None:
        parents = self.shelves.of(PARENTS[row.name], scope_id) if row.name in PARENTS else []
        return parents[0].id if parents else None

    def _replace(self, record: Record, snapshot: Snapshot) -> None:
        if self.faults.all("read_lag"):
            record.past = [*record.past[-20:], (self.clock(), record.now)]
        record.now = snapshot
        self.shelves.touch(record)

    def tell(self, record: Record, verb: str, actor: Actor | None, at: float | None = None) -> None:
        """Make the event of a change, without an actor none, and publish it. `at` is when the change was, now if not given."""
        if actor is None or not self.installed(record.company_id):
            return
        parent = (record.parent_id, PARENTS[record.resource]) if record.parent_id and record.resource in PARENTS else None
        now = self.clock()
        self.publish(
            Event(
                self.ids.next("event"),
                ulid(now),
                now if at is None else at,
                verb,
                record.resource,
                record.id,
                record.company_id,
                record.project_id,
                actor.user_id,
                actor.application_id,
                actor.operation_id,
                parent,
            )
        )

    def publish(self, event: Event) -> None:
        """Hand the event to every hook that listens for it."""
        for hook in self.hooks.listening(event):
            self.sender.enqueue(hook, event)

    # Ending

    def drop_hook(self, hook: Hook) -> None:
        self.hooks.remove(hook)
        self.sender.forget(hook)

    def reset_secret(self) -> None:
        self.tokens.client_secret = secrets.token_hex(32)
        self.tokens.revoke_all()

    def refresh(self) -> None:
        """Begin again with what the seed gives, without hooks: ids and records jump back."""
        with self._guard:
            for hook in self.hooks.all():
                self.drop_hook(hook)
            stock = furnished(self.seed, self._day).copy()
            self.ids.jump_back(stock.ids)
            self.ids.next("service user")
            self.shelves = stock.shelves.after(self.shelves)
            self.settings, self.companies = stock.settings, stock.companies
            self._live = Random(f"{self.seed} live")
            self._turns.clear()

    def close(self) -> None:
        self.sender.stop()
