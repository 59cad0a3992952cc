"""Connectors, hooks, the site as it was loaded, how Procore reaches us, and whether work is being done."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from config.errors import ConfigError
from config.secrets import Box
from config.settings import Settings, with_keys
from console.doctor import Finding
from store import beats, connectors, definitions, hooks
from store.session import open_engine, reading
from workers import projects
from workers.loaded import connector_of

STALE = dt.timedelta(days=2)


def with_database(look: Callable[[Connection, Settings], Iterator[Finding]]) -> Callable[[Settings], list[Finding]]:
    def looking(given: Settings) -> list[Finding]:
        engine = open_engine(given, pool_size=1)
        try:
            with reading(engine) as db:
                return list(look(db, given))
        finally:
            engine.dispose()

    looking.__name__ = look.__name__.removeprefix("_")
    return looking


def _connectors(db: Connection, given: Settings) -> Iterator[Finding]:
    rows = connectors.every(db)
    if not rows:
        yield Finding("connectors", "warn", "there is none", "Add one: tieback connector add")
        return
    texts = {file.path: file.source for file in definitions.site_files(db, "connectors") if file.source}
    box = Box(with_keys(given).secret_keys)
    for row in rows:
        yield _connector(row, texts, box, given)


def _connector(row: Any, texts: dict[str, str], box: Box, given: Settings) -> Finding:
    name = f"connector {row.name}"
    try:
        connector_of(row, texts, box, given)
    except ConfigError as error:
        return Finding(name, "wrong", str(error).removeprefix(f"{name}, "))
    if row.state == "paused":
        return Finding(name, "warn", f"paused: {row.reason or 'no reason was given'}", f"tieback connector resume {row.name}")
    if row.verdict is None:
        return Finding(name, "warn", "never validated", f"tieback connector validate {row.name}")
    return _verdict(name, row)


def _verdict(name: str, row: Any) -> Finding:
    """The last look at a connector, with when what is wrong became so: that is what an alert is about."""
    kept = row.verdict
    wrong = [check for check in kept.get("checks", []) if check["state"] == "wrong"]
    if wrong:
        before = f", before that {', '.join(kept['before']) or 'all was well'}" if kept.get("before") is not None else ""
        since = f" (since {kept['since']}{before})" if "since" in kept else ""
        return Finding(name, "wrong", f"{wrong[0]['name']}: {wrong[0]['seen']}{since}", wrong[0]["mend"])
    if _is_old(kept.get("at")):
        mend = f"It is done daily while Tieback runs. By hand: tieback connector validate {row.name}"
        return Finding(name, "warn", f"last validated {kept['at']}", mend)
    return Finding(name, "ok", f"{row.state}, was valid when last looked at")


def _is_old(at: str | None) -> bool:
    return at is not None and dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(at) > STALE


def _hooks(db: Connection, given: Settings) -> Iterator[Finding]:
    for row in connectors.every(db):
        known = hooks.of_connector(db, row.name)
        statuses = Counter(hook.status for hook in known)
        seen = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) or "none so far"
        bad = statuses["missing"] + statuses["disabled"]
        mend = f"tieback hooks apply {row.name}"
        if bad:
            mend = f"They are added and enabled by themselves within 15 minutes; at once: {mend}"
        state: Any = "wrong" if bad else "warn" if statuses["planned"] or not statuses else "ok"
        yield Finding(f"hooks of {row.name}", state, seen, "" if state == "ok" else mend)
        if refused := sum(hook.refused for hook in known):
            seen = f"{refused} deliveries came with a secret that is not ours"
            mend = f"The secret is written to their hooks anew within 15 minutes; at once: tieback hooks apply {row.name}"
            yield Finding(f"hooks of {row.name}", "warn", seen, mend)
        if left := hooks.left(db, row.name):
            seen = (
                f"{len(left)} left behind in company {', '.join(sorted({one.company_id for one in left}))}, where it led before"
            )
            mend = f"tieback hooks apply {row.name}. Delete in Procore what it may not, then: tieback hooks forget {row.name}"
            yield Finding(f"hooks of {row.name}", "warn", seen, mend)
        for sentence in projects.troubles(db, row.name):
            yield Finding(f"projects of {row.name}", "warn", sentence, "")


def _site(db: Connection, given: Settings) -> Iterator[Finding]:
    rows = definitions.every(db)
    files = [file for folder in ("connectors", "destinations") for file in definitions.site_files(db, folder)]
    broken = [one for one in [*rows, *files] if one.broken]
    for one in broken:
        yield Finding(
            "site", "wrong", one.broken.splitlines()[0], "Mend the file; what was in force stays so. See: tieback rules check"
        )
    if not broken:
        yield Finding("site", "ok", f"{len(rows)} automations and {len(files)} other files load")


def _public_url(db: Connection, given: Settings) -> Iterator[Finding]:
    """Procore sends to https only, and not to a private address; a custom connector may be anywhere."""
    url, real = given.public_url, [row.name for row in connectors.every(db) if row.config.get("environment") != "custom"]
    name = "public url"
    if not url:
        mend = "Set TIEBACK_PUBLIC_URL to the https address at which Procore reaches /webhooks."
        yield Finding(name, "wrong" if real else "warn", "not set, so no hook can be made", mend)
    elif real and url.startswith("http:"):
        yield Finding(
            name, "wrong", f"{url}: Procore sends to https only ({', '.join(real)})", "Put a proxy that ends TLS in front."
        )
    elif real and _is_private(urlsplit(url).hostname or ""):
        yield Finding(name, "wrong", f"{url} cannot be reached from the internet", "Write the name that Procore can reach.")
    else:
        yield Finding(name, "ok", url)


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".local", ".internal", ".localhost"))


def proxy(given: Settings) -> Iterator[Finding]:
    """How many half-sent requests the door stands."""
    host, port = given.bind
    if given.behind_proxy:
        yield Finding("proxy", "ok", "TIEBACK_BEHIND_PROXY=1: a proxy buffers requests, hundreds of half-sent ones do no harm")
    elif host == "localhost" or _is_loopback(host):
        yield Finding("proxy", "ok", f"none is announced; the door listens on {host}:{port}, this machine only")
    else:
        mend = "Put a proxy that buffers requests and ends TLS in front, bind to 127.0.0.1 and set TIEBACK_BEHIND_PROXY=1."
        yield Finding(
            "proxy", "warn", f"the door on {host}:{port} faces the network itself; it stands a few dozen half-sent requests", mend
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _readiness(db: Connection, given: Settings) -> Iterator[Finding]:
    alive = [one for one in beats.alive(db) if one["age_s"] < beats.ALIVE_S]
    reason = beats.not_ready(db)
    if not alive:
        yield Finding("readiness", "warn", "no process of Tieback is running", "Start it: tieback up")
    elif reason:
        yield Finding(
            "readiness", "wrong", reason, "Look at the log of the processes; a missing role is started with: tieback up"
        )
    else:
        yield Finding("readiness", "ok", f"ready; {len(alive)} signs of life")


LOOKS = (*map(with_database, (_connectors, _hooks, _site, _public_url)), proxy, with_database(_readiness))
