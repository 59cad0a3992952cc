"""What chats have in common: an incoming webhook, an address that is itself the secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from config.errors import ConfigError, Permanent, Transient, Uncertain
from config.logs import hide
from config.secrets import resolve
from connectors import http
from connectors.addresses import Origin, Resolver, origin
from connectors.addresses import resolve as resolve_name
from connectors.http import Recorder, Reply
from connectors.reader import Reader
from connectors.remarks import remark

KEYS = ("url", "timeout", "private")
DEFAULT_S, LONGEST_S = 10.0, 30.0
LONGEST_COMMON = 15
SHOWN = "/…"


@dataclass(frozen=True)
class Written:
    """What the file of a chat says. `url` is a reference: whoever knows the address can post."""

    name: str
    url: str
    timeout_s: float
    private: bool


def parse(top: Reader, name: str, example: str) -> Written:
    url = top.reference("url", required=f"url is missing. Write it by reference: url: ${{env:{example}}}")
    return Written(name, url or "", timeout(top), top.flag("private"))


class Webhook:
    """Posts JSON to one secret address. May be used from several threads."""

    def __init__(
        self, kind: str, written: Written, env: Mapping[str, str], folder: Path, *,
        record: Recorder | None = None, resolver: Resolver = resolve_name,
    ):  # fmt: skip
        self.name = f"{kind}:{written.name}"
        url = resolve(written.url, env, folder, f"{self.name}, url").reveal()
        self.at, self._path = _place(url, self.name, written.private)
        seconds = written.timeout_s
        self._client = http.Client(self.name, self.at, record=record, resolver=resolver, read_s=seconds, total_s=seconds)

    def post(self, body: Any) -> Reply:
        """The answer, whatever its status. Raises: Transient, Uncertain, Permanent, as `connectors.http` says."""
        return self._client.send("POST", self._path, json=body, shown=SHOWN)

    def refused(self, reply: Reply, mends: Mapping[str, str], otherwise: str) -> Transient | Permanent:
        """The error for an answer that is no yes; `mends` maps a word of its body to what a person does about it."""
        if reply.status in (408, 429):
            seen = f"{self.name}: {reply.status}: it asks to wait; nothing was posted."
            return Transient(seen, kind="http_429" if reply.status == 429 else "busy", retry_after_s=http.pause_s(reply))
        if reply.status >= 500:
            seen, later = f"{self.name}: {reply.status}: it is in trouble", http.pause_s(reply)
            if later is not None:  # who names a time to come back has not done it
                return Transient(f"{seen} and asks to come back; nothing was posted.", kind="http_5xx", retry_after_s=later)
            return Uncertain(f"{seen}; whether the message was posted is not known.", kind="http_5xx")
        if reply.status < 300 or "html" in reply.headers.get("Content-Type", "").lower():
            seen = f"{self.name}: {reply.status} and a web page came back, so nothing was posted."
            return Permanent(f"{seen} {otherwise}", kind="refused")
        if reply.status < 400:
            seen = f"{self.name}: {reply.status}: it redirects, which is never followed, since the address is a secret."
            return Permanent(f"{seen} Write the final address.", kind="redirect")
        body = reply.body[:100_000]
        word = next((word for word in mends if word.encode() in body), "")
        said = word or remark(body, reply.headers.get("Content-Type", "")).rstrip(".")
        mend = mends.get(word, otherwise)
        return Permanent(f"{self.name}: {' '.join((str(reply.status), said)).strip()}. {mend}", kind=f"http_{reply.status}")


def _place(url: str, where: str, private: bool) -> tuple[Origin, str]:
    """Origin and path with its query; both are hidden from logs and errors from here on. Raises: ConfigError."""
    base, _, query = url.partition("?")
    if re.search(r"[^\x21\x22\x24-\x5b\x5d-\x7e]", query):
        raise ConfigError(f"{where}: the URL holds a space, a # or a letter outside ASCII behind its ?. Copy it again.")
    at, path = origin(base, f"{where}, url", private=private, listed=True)
    hide_path(path)
    for value in (part.partition("=")[2] for part in query.split("&")):
        if len(value) > LONGEST_COMMON:
            hide(value)
            hide(unquote(value))
    whole = path + (f"?{query}" if query else "")
    if not http.is_path(whole or "/"):
        raise ConfigError(f"{where}: the path of the URL holds .. or a second /. Copy it again.")
    hide(whole)
    return at, whole or "/"


def hide_path(base: str) -> None:
    """A path that came from a secret is one: far ends repeat it in their errors (`Cannot POST /services/…`)."""
    hide(base)
    for segment in base.split("/"):
        # Words such as incoming-webhook stay readable.
        if len(segment) > LONGEST_COMMON and re.search(r"[0-9]", segment):
            hide(segment)


def timeout(top: Reader, default_s: float = DEFAULT_S, longest_s: float = LONGEST_S) -> float:
    """Seconds, written 10 or 10s."""
    node = top.values.get("timeout")
    if node is None:
        return default_s
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)s?", str(node.value))
    seconds = float(match.group(1)) if match else 0.0
    if not 0 < seconds <= longest_s:
        top.wrong("03", node.mark, f"timeout is a number of seconds up to {longest_s:g}, such as 10s.", "10s")
        return default_s
    return seconds
