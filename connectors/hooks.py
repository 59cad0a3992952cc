"""Keeping the hooks at Procore as the automations need them: `plan` compares, `apply` does.

One hook for the company's own resources and one for each project, since Procore sends a project's events
to hooks of that project only. A scope is a project's id, or "" for the company. Applying the same plan twice
does nothing the second time.
Source: Procore documentation, webhooks; a production integration with one hook on each of 46 projects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any, Literal

from config.errors import ConfigError, Permanent, TiebackError, Transient, Uncertain
from config.problems import did_you_mean
from config.secrets import Secret
from connectors import catalogue
from connectors.hook_api import Hook, HookApi, Trigger, hook_api, is_taken
from connectors.kinds.procore_dmsa import Procore

Kind = Literal["create_hook", "update_hook", "add_trigger", "remove_trigger", "delete_hook"]
Wanted = Mapping[str, Collection[Trigger]]
NOTHING: Mapping[str, str] = {}
_WHOLE = ("unauthorized", "disconnected")


@dataclass(frozen=True)
class Change:
    """One thing to do at Procore. `scope` is a project's id or "" for the company; holds no secret."""

    kind: Kind
    scope: str
    reason: str
    hook_id: str | None = None
    url: str | None = None
    resource: str | None = None
    action: str | None = None
    trigger_id: str | None = None

    @property
    def is_deletion(self) -> bool:
        return self.kind in ("remove_trigger", "delete_hook")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(kept: Mapping[str, Any]) -> Change:
        return Change(**kept)


@dataclass(frozen=True)
class Plan:
    """`hooks` is what is there now; `problems` names the scopes that could not be looked at, with the reason.

    `warnings` are events that an automation listens to and Procore does not send, or not to this account.
    """

    changes: tuple[Change, ...]
    hooks: tuple[Hook, ...]
    problems: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    not_offered: tuple[Trigger, ...] = ()


@dataclass(frozen=True)
class Done:
    """What became of the changes of one scope. `hook_id` is the hook that holds now, None when there is none.

    `written`: Procore was given the secret, whatever went wrong after it.
    """

    scope: str
    hook_id: str | None
    changes: tuple[Change, ...]
    adopted: bool = False
    error: str | None = None
    written: bool = False


def desired(subscriptions: Iterable[Trigger], projects: Iterable[str]) -> dict[str, set[Trigger]]:
    """Spread (resource, action) pairs over the scopes that must hear them.

    Raises: ConfigError for a name that Procore has no webhooks for, and for an event that it has retired.
    """
    pairs = [checked(name, action) for name, action in subscriptions]
    company = {(one.name, action) for one, action in pairs if one.scope == "company"}
    project = {(one.name, action) for one, action in pairs if one.scope == "project"}
    wanted = {"": company} if company else {}
    return wanted | ({scope: set(project) for scope in projects} if project else {})


def sent(subscriptions: Iterable[Trigger]) -> tuple[set[Trigger], dict[Trigger, str]]:
    """Those of the pairs that Procore sends, and a sentence for each of the others: one must not stop all hooks."""
    kept, refused = set(), {}
    for name, action in sorted(set(subscriptions)):
        try:
            checked(name, action)
        except ConfigError as error:
            refused[name, action] = str(error)
        else:
            kept.add((name, action))
    return kept, refused


def checked(name: str, action: str) -> tuple[catalogue.Subscribable, str]:
    """The subscribable of a pair, with the action in lower case. Raises: ConfigError as `desired` does."""
    one = catalogue.subscribable(name)
    if one is None:
        guess = did_you_mean(name, [known.name for known in catalogue.subscribables()])
        raise ConfigError(f'Procore sends no events of "{name}"{guess or "."} See docs/resources.md.')
    if since := one.retired.get(action):
        raise ConfigError(f"Procore stopped sending {one.name} {action} on {since}. {_INSTEAD.get(one.name, '')}".strip())
    if action not in one.actions:
        raise ConfigError(f"Procore sends no {action} of {one.name}, only {', '.join(one.actions)}.")
    return one, action


_INSTEAD = {
    "Project Users": "Subscribe to Company Users update instead; its events carry no project.",
    "Project Vendors": "Subscribe to Company Vendors update instead; its events carry no project.",
}


def plan(
    procore: Procore,
    wanted: Wanted,
    url_of: Callable[[str], str],
    *,
    deletions: bool = False,
    rewrite: Mapping[str, str] = NOTHING,
    also_look_at: Iterable[str] = (),
    believed: Collection[str] = (),
) -> Plan:
    """What must change so that each scope's hook calls `url_of(scope)` with exactly its triggers.

    Without `deletions` nothing is taken away. `rewrite` names the scopes whose secret must be written anew, with the
    reason. `also_look_at` are scopes where a hook may be left over; they matter for deletions only. In the scopes of
    `believed` the triggers were as wanted when last read: only their number is compared.
    Raises: Permanent(kind unauthorized or disconnected) and Transient; trouble with one scope is a problem in the plan.
    """
    api, namespace = hook_api(procore), procore.connector.webhooks.namespace
    changes: list[Change] = []
    seen: list[Hook] = []
    problems: dict[str, str] = {}
    for scope in dict.fromkeys([*wanted, *also_look_at]):
        triggers = {(checked(name, action)[0].name, action) for name, action in wanted.get(scope, ())}
        known = {(name.lower(), action) for name, action in triggers} if scope in believed else None
        try:
            there = api.hooks(scope, namespace, believed=known)
        except Permanent as error:
            if error.kind in _WHOLE:
                raise
            problems[scope] = str(error)
            continue
        seen += there
        found = _compared(procore, scope, triggers, there, url_of, rewrite.get(scope))
        changes += [change for change in found if deletions or not change.is_deletion]
    offered, refused = _offered(api, changes)
    version = procore.connector.webhooks.payload_version
    warnings = tuple(
        f"Procore offers no {name} {action} to hooks of this account (payload {version}), so nothing is subscribed. "
        "`tieback deliveries repair --sweep` finds such changes where the list can be asked for them."
        for name, action in refused
    )
    return Plan(tuple(offered), tuple(seen), problems, warnings, tuple(refused))


def _offered(api: HookApi, changes: Sequence[Change]) -> tuple[list[Change], list[Trigger]]:
    """Without the triggers that this account does not offer, and those. Projects are alike in this: the first one is asked."""
    offers: dict[bool, dict[str, set[str]] | None] = {}
    kept, refused = [], set()
    for change in changes:
        if change.kind == "add_trigger":
            of_project = bool(change.scope)
            if of_project not in offers:
                offers[of_project] = api.offered(change.scope)
            offer = offers[of_project]
            if offer is not None and change.action not in offer.get(str(change.resource).lower(), ()):
                refused.add((str(change.resource), str(change.action)))
                continue
        kept.append(change)
    return kept, sorted(refused)


def _compared(
    procore: Procore,
    scope: str,
    wanted: Collection[Trigger],
    there: Sequence[Hook],
    url_of: Callable[[str], str],
    rewrite: str | None,
) -> Iterator[Change]:
    if not wanted:
        for hook in there:
            yield Change("delete_hook", scope, "no automation listens here", hook.id, hook.url)
        return
    url = url_of(scope)
    if not there:
        yield Change("create_hook", scope, "there is none", url=url)
        for name, action in sorted(wanted):
            yield Change("add_trigger", scope, "new", resource=name, action=action)
        return
    hook, *others = there
    if reason := _difference(procore, hook, url, rewrite):
        yield Change("update_hook", scope, reason, hook.id, url)
    for name, action in sorted(wanted):
        if (name.lower(), action) not in hook.triggers:
            yield Change("add_trigger", scope, "missing", hook.id, resource=name, action=action)
    named = {(name.lower(), action) for name, action in wanted}
    for (name, action), trigger_id in sorted(hook.triggers.items()):
        if (name, action) not in named:
            known = catalogue.subscribable(name)
            shown = known.name if known else name
            yield Change("remove_trigger", scope, "no automation listens to it", hook.id, None, shown, action, trigger_id)
    for other in others:
        yield Change("delete_hook", scope, "a second hook of our namespace", other.id, other.url)


def _difference(procore: Procore, hook: Hook, url: str, rewrite: str | None) -> str | None:
    """Why a hook must be written anew; its secret is masked and cannot be compared."""
    if hook.url != url:
        return f"it calls {hook.url}"
    if version_of(hook.payload_version) != version_of(procore.connector.webhooks.payload_version):
        return f"it sends payload {hook.payload_version}"
    if hook.status != "active":
        return f"it is {hook.status}"
    return rewrite


def version_of(spelled: str) -> str:
    """`v4` and `v4.0` are the same."""
    return spelled.lower().removesuffix(".0")


def apply(
    procore: Procore,
    changes: Iterable[Change],
    secret_of: Callable[[str], Secret],
    note: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """Do it, scope by scope; trouble in one scope does not stop the others.

    `secret_of(scope)` is the whole Authorization value that Procore shall send. `note` hears of each scope as soon as it
    is done, so that a stop in the middle forgets nothing.
    Raises: Permanent(kind unauthorized or disconnected) and Transient: what was done stays, and a new plan finds the rest.
    """
    ordered = sorted(changes, key=lambda change: change.scope)
    all_done = []
    for scope, group in groupby(ordered, key=lambda change: change.scope):
        done = _applied(procore, scope, list(group), secret_of)
        note(done)
        all_done.append(done)
    return all_done


def _applied(procore: Procore, scope: str, changes: list[Change], secret_of: Callable[[str], Secret]) -> Done:
    hook_id: str | None = next((change.hook_id for change in changes if change.hook_id and change.kind != "delete_hook"), None)
    adopted = written = False
    try:
        api = hook_api(procore)
        for change in changes:
            if change.kind == "create_hook":
                hook_id, adopted = _created(api, change, secret_of(scope))
                written = True
            elif change.kind == "update_hook":
                version = procore.connector.webhooks.payload_version
                api.update(scope, str(change.hook_id), str(change.url), version, secret_of(scope).reveal())
                written = True
        refused = _added(api, scope, hook_id, changes, adopted)
        _taken_away(api, scope, changes)
    except (Permanent, ConfigError) as error:
        if isinstance(error, Permanent) and error.kind in _WHOLE:
            raise
        return Done(scope, hook_id, tuple(changes), adopted, str(error), written)
    said = "; ".join(f"{name} {action}: {why}" for (name, action), why in refused.items())
    return Done(scope, hook_id, tuple(changes), adopted, said or None, written)


def _created(api: HookApi, change: Change, secret: Secret) -> tuple[str, bool]:
    """The hook's id, and whether it was there already: then it is ours by its namespace, and is written anew."""
    webhooks = api.procore.connector.webhooks
    settings = (str(change.url), webhooks.payload_version, secret.reveal())
    try:
        return api.create(change.scope, webhooks.namespace, *settings), False
    except (Permanent, Uncertain) as error:
        if isinstance(error, Permanent) and not is_taken(error):
            raise
        there = api.hooks(change.scope, webhooks.namespace, with_triggers=False)
        if not there:
            raise _not_to_be_seen(error, webhooks.namespace) from None
    api.update(change.scope, there[0].id, *settings)
    return there[0].id, True


def _not_to_be_seen(error: TiebackError, namespace: str) -> TiebackError:
    if isinstance(error, Transient):
        return error
    return Permanent(
        f'{error} No hook of the namespace "{namespace}" can be listed, so it belongs to another app. '
        "Choose another webhooks.namespace for this connector.",
        kind="namespace_taken",
    )


def _added(api: HookApi, scope: str, hook_id: str | None, changes: Sequence[Change], adopted: bool) -> dict[Trigger, str]:
    wanted = [(str(c.resource), str(c.action)) for c in changes if c.kind == "add_trigger"]
    if not wanted or hook_id is None:
        return {}
    if adopted:
        there = next((h for h in api.hooks(scope, api.procore.connector.webhooks.namespace) if h.id == hook_id), None)
        wanted = [(name, action) for name, action in wanted if there is None or (name.lower(), action) not in there.triggers]
    return api.add(scope, hook_id, wanted)


def _taken_away(api: HookApi, scope: str, changes: Sequence[Change]) -> None:
    for change in changes:
        if change.kind == "remove_trigger":
            api.remove(scope, str(change.hook_id), [str(change.trigger_id)])
        elif change.kind == "delete_hook":
            api.delete(scope, str(change.hook_id))
