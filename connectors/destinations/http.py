"""`kind: http`: any web service. The file fixes scheme, host, port and the first part of the path; rules only extend it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from config.errors import ConfigError
from config.logs import hide
from config.secrets import resolve
from connectors import http
from connectors.addresses import Origin, Resolver, origin
from connectors.addresses import resolve as resolve_name
from connectors.destinations._incoming import hide_path, timeout
from connectors.http import Recorder, Reply
from connectors.messages import Message, Receipt, checked_link, clean, one_line
from connectors.reader import Reader
from connectors.remarks import plain

KEYS = ("url", "headers", "method", "timeout", "private", "idempotency_header")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_REFERENCE = re.compile(r"\$\{(?:env|file):[^}]+\}")
# They belong to the connection or name the host; a rule that could set them could cut our request into two.
CONNECTION_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
     "proxy-connection", "proxy-authorization", "http2-settings"}
)  # fmt: skip
CREDENTIALS = frozenset({"authorization", "cookie"})
_SECRETIVE = re.compile(r"auth|token|key|secret|cookie|sign|pass|credential", re.IGNORECASE)


@dataclass(frozen=True)
class Definition:
    """`url` and the values of `headers` may hold references; `timeout_s` is for the whole call."""

    name: str
    url: str
    headers: Mapping[str, str]
    method: str
    timeout_s: float
    private: bool
    idempotency_header: str

    def load(self, env: Mapping[str, str], folder: Path) -> Destination:
        where = f"http:{self.name}"
        at, base = origin(_filled(self.url, env, folder, f"{where}, url"), where, private=self.private, listed=True)
        if _REFERENCE.search(self.url):
            hide_path(base)
        headers = {name: _filled(text, env, folder, f"{where}, headers.{name}") for name, text in self.headers.items()}
        for value in headers.values():
            # Whole, so that the credential inside `Bearer …` or `Basic …` is known too.
            if value not in self.headers.values():
                hide(value)
        return Destination(self, at, base, headers)


class Destination:
    """Sends to one service. May be used from several threads."""

    def __init__(
        self,
        definition: Definition,
        at: Origin,
        base: str,
        headers: Mapping[str, str],
        *,
        record: Recorder | None = None,
        resolver: Resolver = resolve_name,
    ):
        self.name = f"http:{definition.name}"
        self.method = definition.method
        self._base, self._headers, self._idempotency_header = base, headers, definition.idempotency_header
        # An address that came from a secret, such as a chat's incoming webhook, is one itself.
        self._shown_base = "/…" if _REFERENCE.search(definition.url) else base
        seconds = definition.timeout_s
        self._client = http.Client(self.name, at, record=record, resolver=resolver, read_s=seconds, total_s=seconds)

    def send(
        self,
        method: str | None = None,
        path: str = "",
        *,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Reply:
        """The answer when its status is 2xx. `path` extends the file's URL and may carry a query.

        Raises:
            ConfigError: the path leads elsewhere, a header is one of the file's, or the method is unknown.
            Transient, Uncertain, Permanent: see `connectors.http`.
        """
        method = (method or self.method).upper()
        if method not in METHODS:
            raise ConfigError(f"{self.name}: the method {plain(method, 20)!r} is not known. Write one of {', '.join(METHODS)}.")
        extension = self._extension(path)
        target, shown = self._base + extension or "/", self._shown_base + extension or "/"
        if not http.is_path(target):
            raise ConfigError(
                f"{self.name}: {plain(shown, 100)!r} leads out of the file's URL. Leave out .. and /./ in the path."
            )
        sent = self._all_headers(headers or {}, idempotency_key)
        reply = self._client.send(method, target, json=json, body=body, headers=sent, shown=shown)
        return http.checked(self.name, method, shown, reply)

    def notify(self, message: Message) -> Receipt:
        """The message as JSON; its key goes out as the idempotency key, so that the far end can tell a second try.

        Raises: as `send`.
        """
        said = {
            "title": one_line(message.title, 500),
            "text": clean(message.text),
            "link": checked_link(self.name, message.link),
            "fields": dict(message.fields),
            "items": [{"text": clean(item.text), "link": item.link} for item in message.items],
            "files": [file.name for file in message.attachments],
        }
        body = {"text": said.pop("text"), **{name: value for name, value in said.items() if value}, **message.about}
        reply = self.send("POST", json=body, idempotency_key=message.key)
        return Receipt(f"{reply.status}")

    def _extension(self, path: str) -> str:
        before_query = path.partition("?")[0]
        if "\\" in path or re.search(r"[\x00-\x1f\x7f]", path) or "://" in before_query or before_query.startswith("//"):
            raise ConfigError(
                f"{self.name}: {plain(path, 80)!r} does not extend the path. The host stands in the destination's file; "
                "write what comes after it, such as /change-orders."
            )
        # Spaces and letters beyond ASCII come from record titles; % is kept, since an author may have quoted.
        shown = quote(path, safe="/?&=%:@!$'()*+,;-._~[]")
        return shown if not shown or shown.startswith(("/", "?")) else "/" + shown

    def _all_headers(self, extra: Mapping[str, str], idempotency_key: str | None) -> dict[str, str]:
        fixed = {_alike(name) for name in self._headers} | CONNECTION_HEADERS | CREDENTIALS
        if clash := next((name for name in extra if _alike(name) in fixed), None):
            raise ConfigError(f"{self.name}: the header {plain(clash, 40)} is not a rule's to set. Remove it from the step.")
        made = {self._idempotency_header: idempotency_key} if idempotency_key else {}
        return {**extra, **made, **self._headers}


def _alike(name: str) -> str:
    # Many servers hand X_Api_Key and X-Api-Key to the application as the same variable.
    return name.strip().lower().replace("_", "-")


def parse(top: Reader, name: str) -> Definition:
    """Everything that can be checked without the secrets."""
    url = top.text(
        "url", required="url is missing. Write the address that every call begins with, such as https://erp.example.com/api."
    )
    private = top.flag("private")
    if url is not None and not _REFERENCE.search(url):
        try:
            origin(url, "url", private=private, listed=True)
        except ConfigError as error:
            top.wrong("06", top.mark("url"), str(error))
    return Definition(
        name=name,
        url=url or "",
        headers=_headers(top),
        method=top.choice("method", METHODS, default="POST") or "POST",
        timeout_s=timeout(top),
        private=private,
        idempotency_header=_header_name(top),
    )


def _headers(top: Reader) -> dict[str, str]:
    found = {}
    for name, node in top.mapping("headers").items():
        text = str(node.value)
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or isinstance(node.value, (dict, list)) or node.value is None:
            top.wrong("03", node.mark, f"headers: {plain(name, 40)} is no header with a text value.")
        elif _alike(name) in CONNECTION_HEADERS:
            top.wrong("03", node.mark, f"headers: {plain(name, 40)} belongs to the connection, which Tieback makes. Remove it.")
        elif _SECRETIVE.search(name) and not _REFERENCE.search(text):
            top.wrong(
                "07", node.mark, f"headers.{name} stands in clear text. Write it by reference: ${{env:NAME}} or ${{file:PATH}}."
            )
        else:
            found[name] = text
    return found


def _header_name(top: Reader) -> str:
    name = top.text("idempotency_header") or "Idempotency-Key"
    if not re.fullmatch(r"[A-Za-z0-9-]{1,60}", name) or _alike(name) in CONNECTION_HEADERS | CREDENTIALS:
        top.wrong("03", top.mark("idempotency_header"), "idempotency_header is the name of a header, such as Idempotency-Key.")
    return name


def _filled(text: str, env: Mapping[str, str], folder: Path, where: str) -> str:
    """The text with every reference replaced; what came from a reference is never logged."""

    def value(found: re.Match[str]) -> str:
        return resolve(found.group(0), env, folder, where).reveal()

    return _REFERENCE.sub(value, text)
