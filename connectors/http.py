"""Every outgoing call, and the one place where an HTTP status becomes an error that says what to do next.

No redirects, no proxies and no netrc from the environment, no cookies: a credential goes to the host it
was given for and nowhere else. Sessions are kept per thread, so connections stay open between calls.
"""

from __future__ import annotations

import datetime as dt
import json as jsonlib
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, BinaryIO
from urllib.parse import unquote

import requests
import urllib3

from config.errors import ConfigError, Permanent, TiebackError, Transient, Uncertain
from config.hiding import scrub
from connectors import bodies, measured
from connectors.addresses import Origin, Resolver, checked_addresses, resolve
from connectors.pinning import Exchange, PinnedAdapter, exchange
from connectors.ports import Call
from connectors.remarks import plain, remark

CONNECT_S, READ_S, TOTAL_S = 3.0, 10.0, 30.0
LONGEST_PAUSE_S = 24 * 3600.0
LONGEST_WINDOW_S = 3600.0 + 60.0
MOST_SESSIONS = 32
_READS = ("GET", "HEAD", "OPTIONS")
# No second slash (a host of its own), no backslash, no fragment, nothing outside printable ASCII.
_PATH = re.compile(r"/(?!/)[\x21\x22\x24-\x5b\x5d-\x7e]*\Z")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
# Also without a blank at either end, which some servers take for the line before going on.
_HEADER = re.compile(r"(?![\t ])[\t\x20-\x7e\xa0-\xff]*(?<![\t ])\Z")
Recorder = Callable[[Call], None]


class Unauthorized(Permanent):
    """401: the credential of this call is not accepted. Whoever holds a token renews it once."""


class Strained(Transient):
    """500 or 408 on a read: perhaps it asked for too much at once."""


@dataclass(frozen=True)
class Reply:
    """An answer that came whole. Header names compare without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    duration_ms: int

    @property
    def request_id(self) -> str | None:
        found = self.headers.get("x-request-id")
        return plain(found, 100) if found else None

    @property
    def quota(self) -> tuple[int, int, float] | None:
        """Limit, remaining, reset in Unix seconds, as the headers have them."""
        names = ("X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset")
        try:
            limit, remaining, reset = (int(float(self.headers.get(name, ""))) for name in names)
        except (ValueError, OverflowError):
            return None
        return (limit, max(0, remaining), float(reset)) if limit > 0 else None

    @property
    def made_at(self) -> float | None:
        """When the far end answered, in Unix seconds of its own clock; None when it does not say."""
        return _moment(self.headers.get("Date", ""))

    def json(self) -> Any:
        """Raises: Unreadable when it is no JSON."""
        return bodies.decoded(self.body)


class Client:
    """Calls to one origin. `who` begins every error sentence; `record` is told of every call."""

    def __init__(
        self,
        who: str,
        at: Origin,
        *,
        record: Recorder | None = None,
        resolver: Resolver = resolve,
        cap_bytes: int = bodies.CAP_BYTES,
        read_s: float = READ_S,
        total_s: float = TOTAL_S,
    ):
        self.who, self.at = who, at
        self._record, self._resolver = record, resolver
        self._cap_bytes, self._read_s, self._total_s = cap_bytes, read_s, total_s

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        shown: str | None = None,
        into: BinaryIO | None = None,
    ) -> Reply:
        """The answer, whatever its status. `shown` stands for the path in errors and records, where the path is a secret.
        The body of a good answer goes into the open file `into`, where there is one.

        Raises:
            Transient: nothing was sent, or a read got no whole answer.
            Uncertain: a write went out and no whole answer came.
            Permanent: the address or certificate is refused, or the answer is too large.
        """
        request = self._prepared(method, path, query, json, form, body, headers or {})
        path = path if shown is None else shown
        started = time.monotonic()
        try:
            with measured.call(self.who, self.at, method, path) as span:
                reply = self._exchanged(method, path, request, started, into)
                span.answered(reply.status)
        except TiebackError as error:
            self._log(method, path, None, started, error)
            raise
        self._log(method, path, reply, started, None)
        return reply

    def _prepared(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        json: Any,
        form: Mapping[str, str] | None,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> requests.PreparedRequest:
        if not is_path(path):
            raise ConfigError(
                f"{self.who}: {plain(path, 100)!r} is no path. Begin it with one / and leave out .., spaces and hosts."
            )
        for name, value in headers.items():
            if not _HEADER_NAME.match(name) or not _HEADER.match(value):
                raise ConfigError(
                    f"{self.who}: the header {plain(name, 40)!r} holds a line break, a blank at its end or a letter outside "
                    "Latin-1. Take it out."
                )
        if json is not None:
            headers = {"Content-Type": "application/json", **headers}
            body = self._as_json(json)
        sent = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "tieback", **headers}
        request = requests.Request(method, self.at.url + path, headers=sent, params=query, data=form if form else body)
        try:
            # Not through the session: it would add what the environment says.
            return request.prepare()
        except (requests.RequestException, UnicodeEncodeError):
            raise ConfigError(f"{self.who}: the query holds half a character (a lone surrogate). Take it out.") from None

    def _as_json(self, value: Any) -> bytes:
        try:
            return jsonlib.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigError(f"{self.who}: the body cannot be written as JSON ({plain(str(error), 100)}).") from None

    def _exchanged(
        self, method: str, path: str, request: requests.PreparedRequest, started: float, into: BinaryIO | None
    ) -> Reply:
        with exchange(self._total_s) as one:
            try:
                timeouts = (min(CONNECT_S, self._total_s), min(self._read_s, self._total_s))
                response = _session(self.at, self._resolver).send(request, stream=True, allow_redirects=False, timeout=timeouts)
                with response:
                    body = bodies.read(response, self._cap_bytes, into if response.status_code // 100 == 2 else None)
            except bodies.Unreadable as error:
                raise self._unreadable(method, path, str(error)) from None
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise self._broken(method, path, one, error) from None
        return Reply(response.status_code, response.headers, body, _ms_since(started))

    def _unreadable(self, method: str, path: str, seen: str) -> TiebackError:
        if "larger than" in seen or "more than" in seen:
            return Permanent(
                f"{self._call(method, path)}: {seen}. Ask for less at once: a smaller page, or a filter.", kind="too_large"
            )
        return _lost(method, f"{self._call(method, path)}: {seen}.", "unreadable")

    def _broken(self, method: str, path: str, one: Exchange, error: Exception) -> TiebackError:
        """Sort what the connection did by what can be known: nothing sent, or sent without an answer."""
        if one.refused is not None:
            return one.refused
        call = self._call(method, path)
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Permanent(
                f"{call}: the certificate of {self.at.host} is not valid for it or not trusted here. "
                "Check the host name and this machine's clock; it must be of a public authority, not of one of your own.",
                kind="tls",
            )
        if not one.sent:
            return Transient(
                f"{call}: no connection to {self.at.host}:{self.at.port} ({_cause(error)}). Nothing was sent.", kind="connection"
            )
        if one.expired or isinstance(error, requests.Timeout) or "timed out" in str(error):
            waited = self._total_s if one.expired else self._read_s
            return _lost(method, f"{call}: no whole answer within {waited:g} s.", "timeout")
        return _lost(method, f"{call}: the connection broke before the whole answer came ({_cause(error)}).", "connection")

    def _call(self, method: str, path: str) -> str:
        return f"{self.who}: {method} {plain(path.partition('?')[0], 150)}"

    def _log(self, method: str, path: str, reply: Reply | None, started: float, error: TiebackError | None) -> None:
        if self._record is None:
            return
        quota = reply.quota if reply else None
        self._record(
            Call(
                method=method,
                path=plain(path.partition("?")[0], 300),
                status=reply.status if reply else None,
                duration_ms=_ms_since(started),
                request_id=reply.request_id if reply else None,
                quota_left=quota[1] if quota else None,
                error=plain(str(error)) if error else None,
            )
        )


class _Session(requests.Session):
    """Without redirects at all: even when told not to follow one, requests would read its whole body first."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


_threads = threading.local()


def _session(at: Origin, resolver: Resolver) -> requests.Session:
    """This thread's open session for an origin. Never shared between two origins, so no credential can stray."""
    sessions: dict[tuple[Origin, Resolver], requests.Session] = vars(_threads).setdefault("sessions", {})
    key = (at, resolver)
    if key not in sessions:
        if len(sessions) >= MOST_SESSIONS:
            sessions.pop(next(iter(sessions))).close()
        sessions[key] = _new_session(at, resolver)
    return sessions[key]


def _new_session(at: Origin, resolver: Resolver) -> requests.Session:
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("https://", "http://"):
        session.mount(scheme, PinnedAdapter(lambda: checked_addresses(at, resolver)))
    return session


def close_sessions() -> None:
    """Close what this thread keeps open."""
    for session in vars(_threads).pop("sessions", {}).values():
        session.close()


def is_path(text: str) -> bool:
    """True when this can be sent and stays below where it begins, also at servers that read paths generously."""
    if not _PATH.match(text):
        return False
    # requests unquotes %2e before urllib3 removes dot segments, and some servers unquote twice, take a backslash for a
    # slash, or leave out what follows a ; before they do. So the check is on what the path could become there.
    segments = re.split(r"[/\\]", unquote(unquote(text.partition("?")[0])))
    return not {"..", "."} & {segment.partition(";")[0] for segment in segments}


def checked(who: str, method: str, path: str, reply: Reply) -> Reply:
    """The same reply when its status is 2xx; else the error that says what the caller does next.

    Source: Procore documentation, error reference; it holds for other HTTP services as well.
    """
    status = reply.status
    if 200 <= status < 300:
        return reply
    # The far end may repeat what we sent; hidden before it is shortened.
    said = remark(scrub(reply.body[:100_000].decode("utf-8", "replace")).encode(), reply.headers.get("Content-Type", ""))
    seen = f"{who}: {status} on {method} {plain(path.partition('?')[0], 150)}" + (f": {said.rstrip('.')}" if said else "")
    seen += f" (request {reply.request_id})." if reply.request_id else "."
    if status == 429:
        raise Transient(f"{seen} The calls wait until the quota resets.", kind="http_429", retry_after_s=pause_s(reply))
    if status == 408 or (status == 500 and method in _READS):
        kind = "timeout" if status == 408 else "http_5xx"
        raise Strained(
            f"{seen} The far end could not do it, perhaps it was too much at once.", kind=kind, retry_after_s=pause_s(reply)
        )
    if status in (502, 504) and method not in _READS:
        # A gateway lost the server behind it, which may have done the work.
        raise Uncertain(f"{seen} Whether it was done is not known.", kind="http_5xx", retry_after_s=pause_s(reply))
    if status >= 500:
        raise Transient(
            f"{seen} The far end is in trouble; the call is tried again.", kind="http_5xx", retry_after_s=pause_s(reply)
        )
    if status == 401:
        raise Unauthorized(f"{seen} The credential is not accepted; check it.", kind="unauthorized")
    if 300 <= status < 400:
        raise Permanent(f"{seen} It redirects, which is never followed. Write the final address.", kind="redirect")
    if status == 403 and "not connected" in said.lower():
        raise Permanent(
            f"{seen} The app is not installed in this company. A company administrator installs it in Procore: "
            "Company Admin > App Management.",
            kind="disconnected",
        )
    raise Permanent(f"{seen} {_MENDS.get(status, 'The same call would fail again.')}", kind=f"http_{status}")


_MENDS = {
    400: "A parameter is missing or wrong.",
    403: "The account lacks this permission, project or tool. "
    "In Procore see App Management > Permissions and the settings of the tool.",
    404: "It is gone, or this account may not see it.",
    406: "A field or content type is not known there.",
    409: "It exists already, or somebody else changed it.",
    413: "Too much in one call; split it.",
    422: "A rule of the far end forbids it; correct the fields.",
}


def json_of(who: str, method: str, path: str, reply: Reply) -> Any:
    """The JSON of a good reply; None when it has no body.

    A gateway's HTML page with status 200 is no data.
    Raises: Transient (Uncertain for a write) when it is something else than JSON.
    """
    kind = reply.headers.get("Content-Type", "")
    call = f"{who}: {method} {plain(path.partition('?')[0], 150)}"
    if reply.status == 204 or (not reply.body and method not in _READS):
        return None
    if not reply.body:
        # An answer that was cut inside its headers looks like this too, and must not pass for "no records".
        raise _lost(method, f"{call}: answered {reply.status} with nothing.", "unreadable")
    if not bodies.is_json(kind):
        raise _lost(
            method, f"{call}: answered {reply.status} with {plain(kind, 60) or 'no content type'} instead of JSON.", "unreadable"
        )
    try:
        return reply.json()
    except bodies.Unreadable as error:
        raise _lost(method, f"{call}: {error}.", "unreadable") from None


def pause_s(reply: Reply, now: float | None = None) -> float | None:
    """How long to wait, in seconds: `Retry-After` (a number or a date), else the reset of the quota on a 429.

    Dates are compared with the `Date` of the answer itself, since the far end's clock may be an hour off; `now` where
    there is none. A reset further ahead than the longest window is no reset.
    """
    now = reply.made_at or (time.time() if now is None else now)
    asked = reply.headers.get("Retry-After", "").strip()
    moment = _moment(asked)
    seconds = float(asked) if re.fullmatch(r"[0-9]{1,9}", asked) else None if moment is None else moment - now
    if seconds is None and reply.status == 429 and reply.quota and reply.quota[2] - now <= LONGEST_WINDOW_S:
        seconds = reply.quota[2] - now
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_PAUSE_S)


def _moment(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or dt.UTC).timestamp()


def _lost(method: str, seen: str, kind: str) -> Transient:
    if method in _READS:
        return Transient(f"{seen} The read is tried again.", kind=kind)
    return Uncertain(f"{seen} Whether it was done is not known.", kind=kind)


def _cause(error: BaseException) -> str:
    """The innermost reason, without the layers around it."""
    reason = getattr(error, "reason", None) or (
        error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
    )
    if isinstance(reason, BaseException) and reason is not error:
        return _cause(reason)
    text = str(error).rpartition(": ")[2] or type(error).__name__
    return plain(text.strip("()'\" "), 120)


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
