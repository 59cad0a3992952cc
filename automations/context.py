"""What an action is handed besides its parameters."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from automations import effects
from automations.event import Event
from automations.journal import Effect, Journal, Policy
from automations.outcomes import Answered
from automations.parts import Limits
from automations.tools import Procore, Tools
from config.errors import Permanent


class Budget:
    """Calls to Procore that one attempt at a run may still make."""

    def __init__(self, api_calls: int):
        self.limit = api_calls
        self.used = 0
        self._lock = threading.Lock()

    def spend(self) -> None:
        """Raises: Permanent(kind="api_calls") when the automation's limit is used up."""
        with self._lock:
            self.used += 1
            spent = self.used > self.limit
        if spent:
            raise Permanent(
                f"the automation may make {self.limit} calls to Procore per attempt and has made them; raise limits: api_calls:",
                kind="api_calls",
            )


@dataclass(frozen=True)
class Context:
    """One step's surroundings. `now` is when the run was made and `moment` when this attempt began, both UTC by the
    database's clock; `item_key` is "" outside a foreach.

    `memory` is what the action's last `Wait` in this run kept, None at its first call; `answer` what a person said
    to its `Ask`. With `digest_until` (UTC) the run is over the rate of its `throttle:`, whose key is `digest_key`: messages
    are gathered until then. `edit` is not empty where a person changed what this step is given: then its effects are others
    than those of the run that was. `path` is the step's, with its item's key; `values` is what its expressions see.
    """

    automation: str
    step: str
    event: Event
    journal: Journal
    tools: Tools
    budget: Budget
    now: datetime
    moment: datetime
    item_key: str = ""
    memory: Any = None
    answer: Answered | None = None
    run_id: str = ""
    digest_until: datetime | None = None
    digest_key: str = ""
    path: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    edit: str = ""

    @property
    def dry(self) -> bool:
        return self.journal.dry

    def procore(self, connector: str | None, *, calls: int = 1) -> Procore:
        """The named connector, or the event's own; there is no other fallback. Counts as so many calls."""
        for _ in range(calls):
            self.budget.spend()
        return self.tools.procore(self.connector(connector))

    def connector(self, named: str | None) -> str:
        """The connector to use: the named one, else the event's own, and never one of another company than the event's.

        Raises: Permanent (no_connector, other_company).
        """
        name = named or self.event.connector
        if not name:
            raise Permanent("this run has no connector of its own, since nothing at Procore set it off; write connector:",
                            kind="no_connector")  # fmt: skip
        bound = self.event.company_id  # whatever the event came by: one that a run set off has its company as well
        if bound and name != self.event.connector and (company := self.tools.company_of(name)) != bound:
            raise Permanent(
                f"connector {name} leads to company {company}, and what set this run off belongs to company {bound}: a rule may "
                "not carry one company's data into another. Leave connector: out, or give the rule a trigger of that company.",
                kind="other_company",
            )
        return name

    def effect_key(self, target: str, once: str | None = None) -> str:
        """The ledger's name for an effect of this step on this target."""
        event, repeat = self.event.key, self.event.repeat
        if self.edit:
            event = f"{event}~{self.edit}"
        if repeat:  # a replay whose effects are wanted again, each once for this replay
            event, once = f"{event}#{repeat}", None if once is None else f"{once}#{repeat}"
        return effects.key_of(self.automation, self.step, self.item_key, target, event, once)

    def perform(
        self, policy: Policy, target: str, summary: str, request: Any, call: Callable[[], Any], *, once: str | None = None,
        lookup: Callable[[], Any | None] | None = None,
    ) -> Any:  # fmt: skip
        """`effects.perform` for this step."""
        effects.refuse_hidden(summary, request)
        key = self.effect_key(target, once)
        effect = Effect(key, self.step, policy, target, summary, effects.hash_of(request), lasting=once is not None)
        return effects.perform(self.journal, effect, call, lookup)
