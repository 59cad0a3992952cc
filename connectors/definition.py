"""What a connector is: read from a file in the site's `connectors/`, or from the store.

`parse` looks at the file alone, without the environment; `resolve` then fetches the secrets that it
refers to. Ids are text everywhere inside, whatever the file wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from config.errors import ConfigError
from config.logs import hide
from config.problems import Problem, Problems
from config.secrets import Secret, is_reference
from config.secrets import resolve as resolve_secret
from config.yamlfile import Node
from connectors.addresses import origin
from connectors.environments import ENVIRONMENTS, PRESETS, Hosts, api_hosts, environment_of, login_hosts
from connectors.reader import Reader, marked

KINDS = ("procore_dmsa",)
PAYLOAD_VERSIONS = ("v4.0", "v3.0", "v2.0")
APIS = ("v2.0", "v1.0")
SHORTEST_SECRET = 32
_ID = re.compile(r"[1-9][0-9]{0,18}\Z")
KEYS = (
    "format", "kind", "name", "environment", "api_host", "login_host", "client_id", "client_secret", "company_id",
    "projects", "webhooks", "private",
)  # fmt: skip
WEBHOOK_KEYS = ("namespace", "payload_version", "secret", "api")

Projects = Literal["all"] | tuple[str, ...]


@dataclass(frozen=True)
class Webhooks:
    """How we keep hooks at Procore. `secret` is the whole Authorization value that Procore will send."""

    namespace: str
    payload_version: str
    secret: Secret | None
    api: str


@dataclass(frozen=True)
class Connector:
    """A connection that is ready for use. Hosts are URLs without a closing slash."""

    name: str
    kind: str
    environment: str
    api_host: str
    login_host: str
    client_id: str
    client_secret: Secret
    company_id: str
    projects: Projects
    webhooks: Webhooks
    private: bool = False
    source: Literal["file", "store"] = "file"


@dataclass(frozen=True)
class Definition:
    """What the file says; secrets are still references (`client_id` may be either)."""

    name: str
    kind: str
    environment: str
    api_host: str
    login_host: str
    client_id: str
    client_secret: str
    company_id: str
    projects: Projects
    namespace: str
    payload_version: str
    hook_secret: str | None
    api: str
    private: bool
    file: str


def parse(node: Node) -> Definition:
    """Raises: Problems, all of them at once, with codes TB300 to TB310."""
    found: list[Problem] = []
    definition = _read(node, found, stored=False)
    if found or definition is None:
        raise Problems(found)
    return definition


def resolve(definition: Definition, env: Mapping[str, str], folder: Path) -> Connector:
    """Fetch what the definition refers to; `folder` is the site.

    Raises: ConfigError when a variable or file is missing, or the webhook secret is too short.
    """
    where = f"connector {definition.name}"
    client_id = definition.client_id
    if is_reference(client_id):
        client_id = resolve_secret(client_id, env, folder, f"{where}, client_id").reveal().strip()
    secret = resolve_secret(definition.client_secret, env, folder, f"{where}, client_secret")
    hook_secret = None
    if definition.hook_secret is not None:
        hook_secret = resolve_secret(definition.hook_secret, env, folder, f"{where}, webhooks.secret")
    return _connector(definition, client_id, secret, hook_secret, "file")


def from_stored(config: Mapping[str, Any], secrets: Mapping[str, Secret]) -> Connector:
    """A connector that was added by hand: the keys of the file, and its secrets `client_secret` and `webhook_secret`.

    Raises: Problems as `parse` does; ConfigError when the client secret is missing or the webhook secret too short.
    """
    found: list[Problem] = []
    definition = _read(marked(dict(config), f"connector {config.get('name', '?')}"), found, stored=True)
    if found or definition is None:
        raise Problems(found)
    if not secrets.get("client_secret"):
        raise ConfigError(f"connector {definition.name}: its client secret is not kept. Enter it with connector update.")
    return _connector(definition, definition.client_id, secrets["client_secret"], secrets.get("webhook_secret"), "store")


def as_config(one: Connector | Definition) -> dict[str, Any]:
    """The keys of the file without any secret: what the store keeps, and what a page may show."""
    webhooks = one.webhooks if isinstance(one, Connector) else one
    config: dict[str, Any] = {
        "format": 1,
        "kind": one.kind,
        "name": one.name,
        "environment": one.environment,
        "client_id": one.client_id,
        "company_id": one.company_id,
        "projects": one.projects if one.projects == "all" else list(one.projects),
        "webhooks": {"namespace": webhooks.namespace, "payload_version": webhooks.payload_version, "api": webhooks.api},
    }
    if one.environment == "custom":
        return config | {"api_host": one.api_host, "login_host": one.login_host, "private": one.private}
    usual = PRESETS[one.environment]
    given = {"api_host": (one.api_host, usual.api), "login_host": (one.login_host, usual.login)}
    return config | {key: host for key, (host, preset) in given.items() if host != preset}


def _connector(
    of: Definition, client_id: str, secret: Secret, hook_secret: Secret | None, source: Literal["file", "store"]
) -> Connector:
    if hook_secret is not None and len(hook_secret.reveal()) < SHORTEST_SECRET:
        raise ConfigError(
            f"connector {of.name}: webhooks.secret has {len(hook_secret.reveal())} characters, and needs {SHORTEST_SECRET}. "
            'Make one: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    if hook_secret is not None and not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", hook_secret.reveal()):
        raise ConfigError(
            f"connector {of.name}: webhooks.secret holds something else than plain ASCII text, which no header can carry."
        )
    for value in (secret, hook_secret):
        if value is not None:
            hide(value.reveal())
    return Connector(
        name=of.name,
        kind=of.kind,
        environment=of.environment,
        api_host=of.api_host,
        login_host=of.login_host,
        client_id=client_id,
        client_secret=secret,
        company_id=of.company_id,
        projects=of.projects,
        webhooks=Webhooks(of.namespace, of.payload_version, hook_secret, of.api),
        private=of.private,
        source=source,
    )


def _read(node: Node, found: list[Problem], *, stored: bool) -> Definition | None:
    top = Reader(node, KEYS, "TB3", found)
    if not isinstance(node.value, dict):
        return None
    if top.text("format", required="format is missing. Write format: 1.") not in (None, "1"):
        top.wrong("00", top.mark("format"), "format 1 is the only one this version reads.", "1")
    private, environment = top.flag("private"), top.choice("environment", ENVIRONMENTS)
    hosts = _hosts(top, environment, private)
    name = _name(top)
    wanted = None if stored else "client_secret is missing. Write client_secret: ${env:NAME} or ${file:PATH}."
    hook = Reader(top.values.get("webhooks", marked({}, node.mark.file)), WEBHOOK_KEYS, "TB3", found, "webhooks.")
    return Definition(
        name=name,
        kind=top.choice("kind", KINDS) or "",
        environment=environment or "",
        api_host=hosts.api,
        login_host=hosts.login,
        client_id=top.text("client_id", required="client_id is missing. It stands on the app's page in the developer portal.")
        or "",
        client_secret=top.reference("client_secret", required=wanted) or "",
        company_id=_company_id(top),
        projects=_projects(top),
        namespace=_namespace(hook, name),
        payload_version=hook.choice("payload_version", PAYLOAD_VERSIONS, default="v4.0") or "",
        hook_secret=hook.reference("secret"),
        api=hook.choice("api", APIS, default="v2.0") or "",
        private=private,
        file=node.mark.file,
    )


def _name(top: Reader) -> str:
    name = top.text("name", required="name is missing. Give the connector a name such as acme-prod.")
    if name is not None and not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name):
        mend = "it begins with a letter; then a-z, 0-9, - and _, at most 63."
        top.wrong("08", top.mark("name"), f'name "{name[:80]}" does not fit: {mend}')
    return name or ""


def _namespace(hook: Reader, name: str) -> str:
    """Procore allows a-z, 0-9 and - in it. Source: Procore documentation, webhooks."""
    namespace = hook.text("namespace") or "tieback-" + re.sub(r"[^a-z0-9-]", "-", name)
    if not re.fullmatch(r"[a-z0-9-]{1,100}", namespace):
        hook.wrong("08", hook.mark("namespace"), f'webhooks.namespace "{namespace[:80]}" does not fit: a-z, 0-9 and - only.')
    return namespace


def _hosts(top: Reader, environment: str | None, private: bool) -> Hosts:
    """The preset's pair, or the two hosts of a custom connector."""
    if environment == "custom":
        return Hosts(_custom_host(top, "api_host", private), _custom_host(top, "login_host", private))
    if private and environment:
        top.wrong(
            "05",
            top.node.keys["private"],
            f"private belongs to environment: custom only; {environment} is Procore's own. Remove it.",
        )
    if not environment:
        return Hosts("", "")
    return Hosts(
        _preset_host(top, "api_host", environment, api_hosts(environment)),
        _preset_host(top, "login_host", environment, login_hosts(environment)),
    )


def _preset_host(top: Reader, key: str, environment: str, known: tuple[str, ...]) -> str:
    """The preset's host, or another one that Procore itself names for this environment."""
    host = (top.text(key) or known[0]).rstrip("/").lower()
    if host in known:
        return host
    other = environment_of(host)
    whose = f"{host} belongs to {other}; " if other else ""
    message = (
        f"{key}: {whose}{environment} always uses {' or '.join(known)}. Remove it, or write environment: {other or 'custom'}."
    )
    top.wrong("05", top.node.keys[key], message)
    return known[0]


def _custom_host(top: Reader, key: str, private: bool) -> str:
    url = top.text(key, required=f"{key} is missing. A custom environment names both, such as {key}: https://api.example.com.")
    if url is None:
        return ""
    try:
        at, path = origin(url, key, private=private, listed=True)
    except ConfigError as error:
        top.wrong("06", top.mark(key), str(error))
        return ""
    if path:
        top.wrong("06", top.mark(key), f"{key}: a host has no path. Write {at.url}.", at.url)
    return at.url


def _company_id(top: Reader) -> str:
    text = top.text("company_id", required="company_id is missing. Procore shows it in the address of the company's home page.")
    if text is not None and not _ID.match(text):
        top.wrong("03", top.mark("company_id"), f'company_id "{text[:40]}" is no id: it is a whole number.')
    return text or ""


def _projects(top: Reader) -> Projects:
    node = top.values.get("projects")
    if node is None or node.value is None or node.value == "all":
        return "all"
    if not isinstance(node.value, list) or not node.value:
        top.wrong("03", node.mark, "projects is `all` or a list of project ids.", "all")
        return "all"
    ids = []
    for item in node.value:
        if isinstance(item.value, bool) or not _ID.match(str(item.value)):
            top.wrong("03", item.mark, f'projects: "{str(item.value)[:40]}" is no project id: it is a whole number.')
        else:
            ids.append(str(item.value))
    return tuple(dict.fromkeys(ids))
