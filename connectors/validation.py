"""Is a connector fit for use? One check a line: what was seen, who can mend it and where to click.

Nothing here raises for trouble at Procore. A check whose ground has failed says "not yet" and names it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from config.errors import Permanent, TiebackError
from connectors import mends, reach
from connectors.deadline import together
from connectors.definition import Connector
from connectors.hook_api import Hook, hook_api
from connectors.hooks import Wanted, version_of
from connectors.http import Reply
from connectors.kinds.procore_dmsa import Procore, known
from connectors.remarks import plain

State = Literal["ok", "wrong", "not yet"]
ALL_IN_S = 9.0
# Few calls: where Procore allows 25 in ten seconds, the connector's own work needs some of them too.
MOST_HOOKS_LOOKED_AT = 4
MOST_TOOLS_TRIED = 6
NAMES = ("hosts", "clock", "credentials", "company", "projects", "tools", "webhooks", "hooks", "quota")
NEEDS = {
    "clock": "hosts", "credentials": "hosts", "company": "credentials", "projects": "company", "tools": "projects",
    "webhooks": "company", "hooks": "webhooks", "quota": "company",
}  # fmt: skip
STAGES = (("hosts",), ("clock", "credentials"), ("company",), ("projects", "webhooks", "quota"), ("tools", "hooks"))


@dataclass(frozen=True)
class Check:
    """`mend` is empty when there is nothing to mend."""

    name: str
    state: State
    seen: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    def line(self) -> str:
        return f"{self.name}: {self.state}: {self.seen}" + (f" {self.mend}" if self.mend else "")


def validate(
    procore: Procore,
    *,
    resources: Iterable[str] = (),
    hook_url_of: Callable[[str], str] | None = None,
    wanted: Wanted | None = None,
    only: Sequence[str] = NAMES,
    all_in_s: float = ALL_IN_S,
    waiting: Callable[[], bool] = lambda: False,
) -> list[Check]:
    """The checks of `only` (with what they need), in the order of `NAMES`, within about `all_in_s` seconds.

    `resources` are those that the automations read; `hook_url_of` and `wanted` what hooks ought to be, as in
    `hooks.plan`, when that is known; `waiting` says whether a call stands in line for the quota. Calls are made
    from several threads.
    """
    until = time.monotonic() + all_in_s
    return _Validation(procore, list(dict.fromkeys(resources)), hook_url_of, wanted, until, waiting).run(only)


def worst(checks: Iterable[Check]) -> State:
    states = [check.state for check in checks]
    return "wrong" if "wrong" in states else "not yet" if "not yet" in states else "ok"


def _judged(connector: Connector, answers: Mapping[str, Reply | TiebackError | None]) -> Check:
    """The verdict on two answers to somebody who is not signed in."""
    if seen := reach.mixed(connector):
        return Check("hosts", "wrong", seen, mends.PAIR)
    for key in reach.KNOCKS:
        if found := reach.trouble(connector, key, answers.get(key)):
            return Check("hosts", "wrong", *found)
    return Check("hosts", "ok", f"{connector.api_host} and {connector.login_host} answer and belong together.")


def _no_quota(name: str) -> Check:
    return Check(name, "not yet", "the quota is used up for the moment.", "Try again in some minutes.")


class _Validation:
    def __init__(
        self,
        procore: Procore,
        resources: list[str],
        hook_url_of: Callable[[str], str] | None,
        wanted: Wanted | None,
        until: float,
        waiting: Callable[[], bool],
    ):
        self.procore, self.connector, self.until, self.waiting = procore, procore.connector, until, waiting
        self.resources, self.hook_url_of, self.wanted = resources, hook_url_of, wanted
        self.done: dict[str, Check] = {}
        self.answers: dict[str, Reply | TiebackError] = {}
        self.projects: Sequence[Mapping[str, Any]] = ()
        self.quota: tuple[int, int, float] | None = None
        self.company_hooks: list[Hook] = []

    def run(self, only: Sequence[str]) -> list[Check]:
        for stage in STAGES:
            wished = [name for name in stage if name in only]
            ready = {name: self._of(name) for name in wished if not self._lacks(name)}
            found = together(ready, self.until)
            for name in wished:
                self.done[name] = found.get(name) or self._not_done(name)
        return [self.done[name] for name in NAMES if name in self.done]

    def _lacks(self, name: str) -> bool:
        return name in NEEDS and self.done[NEEDS[name]].state != "ok"

    def _not_done(self, name: str) -> Check:
        if self._lacks(name):
            return Check(name, "not yet", f"needs {NEEDS[name]}.")
        if self.waiting():
            return _no_quota(name)
        return Check(name, "wrong", "Procore was too slow: all checks together have 9 s.", mends.SLOW)

    def _of(self, name: str) -> Callable[[], Check]:
        check: Callable[[], Check] = getattr(self, f"_{name}")

        def checked() -> Check:
            try:
                return check()
            except TiebackError as error:
                return self._failed(name, error)

        return checked

    def _failed(self, name: str, error: TiebackError) -> Check:
        kind = getattr(error, "kind", "")
        if kind in ("quota", "http_429"):
            return _no_quota(name)
        return Check(name, "wrong", str(error).removeprefix(f"{self.connector.name}: "), mends.of(error, name, self.connector))

    def _hosts(self) -> Check:
        if reach.mixed(self.connector) is None:
            self.answers = together({key: self._knock(key) for key in reach.KNOCKS}, self.until)
            if len(self.answers) < len(reach.KNOCKS) and self.waiting():
                return _no_quota("hosts")
        return _judged(self.connector, self.answers)

    def _knock(self, key: str) -> Callable[[], Reply | TiebackError]:
        def knock() -> Reply | TiebackError:
            try:
                return self.procore.knock(getattr(self.connector, key), reach.KNOCKS[key])
            except TiebackError as error:
                return error

        return knock

    def _clock(self) -> Check:
        ahead_s = reach.skew_s(self.answers)
        if ahead_s is None:
            return Check("clock", "not yet", "the answers do not say what time it is.")
        if abs(ahead_s) <= reach.MOST_SKEW_S:
            return Check("clock", "ok", "this machine and Procore agree on the time.")
        minutes = f"{abs(ahead_s) / 60:.0f} minutes {'ahead of' if ahead_s > 0 else 'behind'}"
        return Check("clock", "wrong", f"this machine's clock is {minutes} Procore's.", mends.CLOCK)

    def _credentials(self) -> Check:
        self.procore.sign_in()
        return Check(
            "credentials", "ok", f"{self.connector.login_host} gave a token for client {plain(self.connector.client_id, 8)}"
        )

    def _company(self) -> Check:
        wanted = self.connector.company_id
        companies = {str(one.get("id")): plain(str(one.get("name")), 60) for one in self.procore.companies()}
        if wanted not in companies:
            shown = ", ".join(f"{name} ({number})" for number, name in list(companies.items())[:5]) or "none"
            more = f" and {len(companies) - 5} more" if len(companies) > 5 else ""
            seen = f"the app is not installed in company {wanted}; it sees {shown}{more}."
            return Check("company", "wrong", seen, mends.install(self.connector))
        reply = self.procore.reply("GET", "/rest/v1.0/me", query={"company_id": wanted})
        self.quota = reply.quota
        return Check("company", "ok", f"{companies[wanted]} ({wanted}) is reachable and the app is connected.")

    def _projects(self) -> Check:
        self.projects = self.procore.projects()
        permitted = {str(one.get("id")) for one in self.projects}
        wanted = self.connector.projects
        missing = [] if wanted == "all" else [number for number in wanted if number not in permitted]
        if missing:
            shown = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
            seen = f"{len(permitted)} permitted; of the wanted ones {shown} are not."
            return Check("projects", "wrong", seen, mends.permit(self.connector))
        if not permitted:
            return Check("projects", "wrong", "no project is permitted.", mends.permit(self.connector))
        used = "all of them are used" if wanted == "all" else f"the {len(wanted)} wanted ones are among them"
        return Check("projects", "ok", f"{len(permitted)} permitted; {used}.")

    def _tools(self) -> Check:
        if not self.resources:
            return Check("tools", "not yet", "no automation names a resource so far.")
        possible = [name for name in self.resources if known(name).list_path and not known(name).list_parent]
        tried = possible[:MOST_TOOLS_TRIED]
        found = together({name: self._readable(name) for name in tried}, self.until)
        broken = {name: error for name in tried if (error := found.get(name, "no answer in time"))}
        if broken:
            seen = "; ".join(f"{name}: {plain(error, 160)}" for name, error in broken.items())
            return Check("tools", "wrong", seen, mends.tool(self._sample()))
        skipped = len(self.resources) - len(possible)
        more = f" {len(possible) - len(tried)} more were not tried." if len(possible) > len(tried) else ""
        more += f" {skipped} cannot be tried without a parent record." if skipped else ""
        return Check("tools", "ok", f"{', '.join(tried) or 'none'} can be read in project {self._sample()}.{more}")

    def _readable(self, name: str) -> Callable[[], str]:
        """Empty when it can be read, else why not."""
        row = known(name)
        query = {"start_date": "2020-01-01", "end_date": "2020-01-01"} if row.daily else {}

        def tried() -> str:
            try:
                next(self.procore.pages(row, self._sample(), query=query, per_page=1), None)
            except Permanent as error:
                return str(error).removeprefix(f"{self.connector.name}: ")
            except TiebackError:
                return ""  # trouble for a moment says nothing of the tool
            return ""

        return tried

    def _sample(self) -> str:
        """The project in which tools are tried: the first wanted one, else the first permitted one."""
        wanted = self.connector.projects
        return wanted[0] if wanted != "all" else str(self.projects[0].get("id"))

    def _webhooks(self) -> Check:
        namespace = self.connector.webhooks.namespace
        try:
            self.company_hooks = hook_api(self.procore).hooks("", namespace)
        except Permanent as error:
            if error.kind != "http_403":
                raise
            return Check("webhooks", "wrong", "403: the app may not manage webhooks.", mends.webhooks(self.connector))
        return Check("webhooks", "ok", f"hooks of the namespace {namespace} can be managed.")

    def _hooks(self) -> Check:
        scopes = list(self._hook_scopes())[: MOST_HOOKS_LOOKED_AT - 1]
        api, namespace = hook_api(self.procore), self.connector.webhooks.namespace
        there = [*self.company_hooks, *(hook for scope in scopes for hook in api.hooks(scope, namespace))]
        wrong = [trouble for hook in there if (trouble := self._trouble(hook))]
        missing = [scope for scope in self.wanted or {} if scope in ("", *scopes) and scope not in {hook.scope for hook in there}]
        if wrong:
            return Check("hooks", "wrong", "; ".join(wrong) + ".", "Run: tieback hooks apply")
        if not there or missing:
            seen = "there is no hook so far." if not there else f"{len(missing)} scopes have no hook yet."
            return Check("hooks", "not yet", seen, mends.HOOKS)
        return Check("hooks", "ok", f"{len(there)} active, with {sum(len(hook.triggers) for hook in there)} triggers.")

    def _hook_scopes(self) -> Sequence[str]:
        return [scope for scope in self.wanted if scope] if self.wanted else [str(one.get("id")) for one in self.projects]

    def _trouble(self, hook: Hook) -> str | None:
        place = f"project {hook.scope}" if hook.scope else "the company"
        if hook.status != "active":
            return f"the hook of {place} is {plain(hook.status, 20)}"
        if self.hook_url_of and hook.url != self.hook_url_of(hook.scope):
            return f"the hook of {place} calls another address than ours"
        if version_of(hook.payload_version) != version_of(self.connector.webhooks.payload_version):
            return f"the hook of {place} sends payload {plain(hook.payload_version, 10)}"
        return None if hook.triggers else f"the hook of {place} has no triggers, so nothing is sent"

    def _quota(self) -> Check:
        if self.quota is None:
            return Check("quota", "not yet", "the answers carry no quota headers, so only a 429 will slow the calls down.")
        limit, left, _ = self.quota
        return Check("quota", "ok", f"{left} of {limit} calls are left in the window nearest to its end.")
