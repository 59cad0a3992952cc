"""Is a connector fit for use? One check a line: what was seen, who can mend it and where to click.

Nothing here raises for trouble at Procore. A check whose ground has failed says "not yet" and names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from config.errors import Permanent, TiebackError
from connectors.environments import environment_of
from connectors.hook_api import Hook, hook_api
from connectors.hooks import Wanted, version_of
from connectors.kinds.procore_dmsa import Procore, known
from connectors.remarks import plain

State = Literal["ok", "wrong", "not yet"]
MOST_HOOKS_LOOKED_AT = 10
NAMES = ("hosts", "credentials", "company", "projects", "tools", "webhooks", "hooks", "quota")


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
) -> list[Check]:
    """All checks, in the order of `NAMES`.

    `resources` are those that the automations read; `hook_url_of` and `wanted` what hooks ought to be, as in
    `hooks.plan`, when that is known.
    """
    return _Validation(procore, list(dict.fromkeys(resources)), hook_url_of, wanted).run()


def worst(checks: Iterable[Check]) -> State:
    states = [check.state for check in checks]
    return "wrong" if "wrong" in states else "not yet" if "not yet" in states else "ok"


class _Validation:
    def __init__(self, procore: Procore, resources: list[str], hook_url_of: Callable[[str], str] | None, wanted: Wanted | None):
        self.procore, self.connector = procore, procore.connector
        self.resources, self.hook_url_of, self.wanted = resources, hook_url_of, wanted
        self.done: dict[str, Check] = {}
        self.projects: Sequence[Mapping[str, Any]] = ()
        self.quota: tuple[int, int, float] | None = None

    def run(self) -> list[Check]:
        needs = {"credentials": "hosts", "company": "credentials", "projects": "company", "tools": "projects",
                 "webhooks": "company", "hooks": "webhooks", "quota": "company"}  # fmt: skip
        for name in NAMES:
            before = needs.get(name)
            if before and self.done[before].state != "ok":
                self.done[name] = Check(name, "not yet", f"needs {before}.")
            else:
                self.done[name] = self._checked(name)
        return [self.done[name] for name in NAMES]

    def _checked(self, name: str) -> Check:
        check: Callable[[], Check] = getattr(self, f"_{name}")
        try:
            return check()
        except TiebackError as error:
            return Check(name, "wrong", str(error), _mend(error, self.connector.company_id))

    def _hosts(self) -> Check:
        connector = self.connector
        api, login = environment_of(connector.api_host), environment_of(connector.login_host)
        if api and login and api != login:
            seen = f"{connector.api_host} belongs to {api}, {connector.login_host} to {login}."
            return Check(
                "hosts", "wrong", seen, "Tokens of one environment are unknown in another: write both hosts of one pair."
            )
        for host, path in ((connector.login_host, "/oauth/token/info"), (connector.api_host, "/rest/v1.0/me")):
            self.procore.knock(host, path)
        return Check("hosts", "ok", f"{connector.api_host} and {connector.login_host} answer and belong together.")

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
            return Check(
                "company", "wrong", f"the app is not installed in company {wanted}; it sees {shown}.",
                "Correct company_id, or let an administrator of that company install the app: "
                "Company Admin > App Management > Install App.",
            )  # fmt: skip
        reply = self.procore.reply("GET", "/rest/v1.0/me", query={"company_id": wanted})
        self.quota = reply.quota
        return Check("company", "ok", f"{companies[wanted]} ({wanted}) is reachable and the app is connected.")

    def _projects(self) -> Check:
        self.projects = self.procore.projects()
        permitted = {str(one.get("id")) for one in self.projects}
        wanted = self.connector.projects
        missing = [] if wanted == "all" else [number for number in wanted if number not in permitted]
        mend = (
            "A company administrator opens Company Admin > App Management > (this app) > Permissions and adds the projects. "
            "An update or reinstall of the app empties that list."
        )
        if missing:
            return Check(
                "projects", "wrong", f"{len(permitted)} permitted; of the wanted ones {', '.join(missing)} are not.", mend
            )
        if not permitted:
            return Check("projects", "wrong", "no project is permitted.", mend)
        used = "all of them are used" if wanted == "all" else f"the {len(wanted)} wanted ones are among them"
        return Check("projects", "ok", f"{len(permitted)} permitted; {used}.")

    def _tools(self) -> Check:
        if not self.resources:
            return Check("tools", "not yet", "no automation names a resource so far.")
        readable = [name for name in self.resources if known(name).list_path and not known(name).list_parent]
        broken = {name: error for name in readable if (error := self._unreadable(name))}
        if broken:
            seen = "; ".join(f"{name}: {plain(str(error), 160)}" for name, error in broken.items())
            mend = (
                f"In project {self._sample()} a project administrator switches the tool on: Home > Settings > Tool Settings. "
                "Its level comes from the manifest of the app and its permission template: Company Admin > App Management."
            )
            return Check("tools", "wrong", seen, mend)
        skipped = len(self.resources) - len(readable)
        more = f" {skipped} cannot be tried without a parent record." if skipped else ""
        return Check("tools", "ok", f"{', '.join(readable) or 'none'} can be read in project {self._sample()}.{more}")

    def _unreadable(self, name: str) -> Permanent | None:
        row = known(name)
        query = {"start_date": "2020-01-01", "end_date": "2020-01-01"} if row.daily else {}
        try:
            next(self.procore.pages(row, self._sample(), query=query, per_page=1), None)
        except Permanent as error:
            return error
        return None

    def _sample(self) -> str:
        """The project in which tools are tried: the first wanted one, else the first permitted one."""
        wanted = self.connector.projects
        return wanted[0] if wanted != "all" else str(self.projects[0].get("id"))

    def _webhooks(self) -> Check:
        hook_api(self.procore).hooks("", self.connector.webhooks.namespace, with_triggers=False)
        return Check("webhooks", "ok", f"hooks of the namespace {self.connector.webhooks.namespace} can be managed.")

    def _hooks(self) -> Check:
        scopes = ["", *self._hook_scopes()][:MOST_HOOKS_LOOKED_AT]
        api, namespace = hook_api(self.procore), self.connector.webhooks.namespace
        there = [hook for scope in scopes for hook in api.hooks(scope, namespace)]
        wrong = [trouble for hook in there if (trouble := self._trouble(hook))]
        missing = [scope for scope in self.wanted or {} if scope in scopes and scope not in {hook.scope for hook in there}]
        if wrong:
            return Check("hooks", "wrong", "; ".join(wrong) + ".", "Run: tieback hooks apply")
        if not there or missing:
            seen = "there is no hook so far." if not there else f"{len(missing)} scopes have no hook yet."
            return Check(
                "hooks", "not yet", seen, "It comes with the first automation that listens, or with: tieback hooks apply"
            )
        return Check("hooks", "ok", f"{len(there)} active, with {sum(len(hook.triggers) for hook in there)} triggers.")

    def _hook_scopes(self) -> Sequence[str]:
        return [scope for scope in self.wanted if scope] if self.wanted else [str(one.get("id")) for one in self.projects]

    def _trouble(self, hook: Hook) -> str | None:
        place = f"project {hook.scope}" if hook.scope else "the company"
        if hook.status != "active":
            return f"the hook of {place} is {hook.status}"
        if self.hook_url_of and hook.url != self.hook_url_of(hook.scope):
            return f"the hook of {place} calls {plain(hook.url, 80)}"
        if version_of(hook.payload_version) != version_of(self.connector.webhooks.payload_version):
            return f"the hook of {place} sends payload {plain(hook.payload_version, 10)}"
        return None if hook.triggers else f"the hook of {place} has no triggers, so nothing is sent"

    def _quota(self) -> Check:
        if self.quota is None:
            return Check("quota", "not yet", "the answers carry no quota headers, so only a 429 will slow the calls down.")
        limit, left, _ = self.quota
        return Check("quota", "ok", f"{left} of {limit} calls are left in the window nearest to its end.")


def _mend(error: TiebackError, company_id: str) -> str:
    """Who can mend it and where to click, for what the sentence does not say itself."""
    kind = getattr(error, "kind", "")
    if kind == "http_403":
        return (
            "The developer of the app sets Webhooks API and the tools to Standard in its manifest and publishes it; "
            f"then an administrator of company {company_id} updates the app: Company Admin > App Management."
        )
    if kind in ("connection", "timeout", "tls", "blocked_address"):
        return "Check the host's name, this machine's DNS, clock and firewall: outgoing 443 must be open."
    return "" if isinstance(error, Permanent) else "Try again in a minute."
