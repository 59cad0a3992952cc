"""What the door thinks of a body: fit to be sorted, or put aside with a reason. Every byte is kept either way.

The parse here only finds the key under which a redelivery is recognised, and what could make a later
reader stumble: a body that we cannot read is authentic all the same, and refusing it would stop the hook.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import math
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any

from config.logs import about
from store.deliveries import Arrival
from store.hooks import OpenHook
from webhook.alarm import shown

log = logging.getLogger("tieback.door")

MAX_DEPTH = 32
MAX_KEY = 128
OLD = dt.timedelta(hours=24)

# A string up to its end (or the end of the bytes: an open one must not be tried again from each quote in it), or a bracket.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


class UnfitError(ValueError):
    """Why a body is put aside, in a sentence that repeats nothing of it but short names."""


def judge(hook: OpenHook, raw: bytes, content_type: str, at: dt.datetime) -> Arrival:
    """The delivery as it will be kept. Never raises."""
    sha = hashlib.sha256(raw).hexdigest()
    kind = content_type.encode("ascii", "replace").decode()[:200]
    # What is put aside has a key of its own, so that it never takes the place of a genuine event.
    aside = Arrival(hook.connector, hook.key, f"q:{sha}", raw, kind, "quarantined")
    try:
        body = parse(raw, content_type)
        _check_belongs(body, hook)
        key = _key(body) or sha
    except UnfitError as why:
        return aside._replace(reason=str(why))
    except Exception as error:
        log.exception("door.stumbled", extra=about(connector=hook.connector, sha256=sha))
        return aside._replace(reason=f"the door could not read it ({type(error).__name__})")
    if hook.removed:
        return aside._replace(
            delivery_key=f"removed:{key}", state="ignored", reason="its hook was removed less than 24 hours ago"
        )
    return aside._replace(delivery_key=key, state="received", reason=_age(body, at))


def parse(raw: bytes, content_type: str = "application/json") -> Any:
    """The JSON object or array, when nothing in it can be read in two ways or breaks a later reader.

    Raises: UnfitError.
    """
    mimetype = content_type.split(";")[0].strip().lower()
    if mimetype != "application/json" and not mimetype.endswith("+json"):
        raise UnfitError(f"the Content-Type is {shown(mimetype)}, not application/json")
    try:
        text = raw.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise UnfitError(f"the body is not UTF-8 (byte {error.start})") from None
    _check_depth(raw)
    try:
        body = _JSON.decode(text)
    except json.JSONDecodeError as error:
        raise UnfitError(f"the body is not JSON: {error.msg} (character {error.pos})") from None
    except UnfitError:
        raise
    except ValueError:  # Python's limit on digits
        raise UnfitError("a number in it has more than 4,300 digits") from None
    if not isinstance(body, (dict, list)):
        raise UnfitError("the body is neither an object nor an array")
    if "\\u" in text:
        _check_text(body)
    return body


def _check_depth(raw: bytes) -> None:
    """Before any parser sees the bytes: a few hundred thousand brackets end a recursive one."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _TOKEN.finditer(raw):
        sign = raw[token.start()]
        depth += sign in b"[{"
        depth -= sign in b"]}"
        if depth > MAX_DEPTH:
            raise UnfitError(f"the body is nested deeper than {MAX_DEPTH} levels")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of two equal keys one reader takes the first and another the last: then none may."""
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise UnfitError(f"the key {shown(twice)} appears twice in one object")
    return made


def _no_constant(name: str) -> Any:
    raise UnfitError(f"{name} is no JSON")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise UnfitError("a number in it is too large")
    return value


_JSON = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)


def _check_text(body: Any) -> None:
    """No database and no encoder takes a lone surrogate or U+0000; escapes are the only way for them to come in."""
    for text in _texts(body):
        if "\x00" in text:
            raise UnfitError("a text in it holds U+0000")
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            raise UnfitError("a text in it holds half a surrogate pair")


def _texts(body: Any) -> Iterator[str]:
    waiting = [body]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _key(body: Any) -> str | None:
    """`ulid` or `id` of a single object: what a redelivery repeats. Source: Procore documentation, webhooks, payloads."""
    if not isinstance(body, dict):
        return None
    for name in ("ulid", "id"):
        value = body.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and 0 < len(str(value)) <= MAX_KEY:
            return str(value)
    return None


def _check_belongs(body: Any, hook: OpenHook) -> None:
    """The secret of one company's hook says nothing about another company."""
    for item in body if isinstance(body, list) else [body]:
        if not isinstance(item, dict):
            continue
        _check_same("company", item.get("company_id"), hook.company_id)
        if hook.project_id:
            _check_same("project", item.get("project_id"), hook.project_id)


def _check_same(what: str, value: Any, own: str) -> None:
    if value is None or value == "":
        return  # sorting will miss it where it is needed
    seen = str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else type(value).__name__
    if seen != own:
        raise UnfitError(f"it names {what} {shown(seen)}, but its hook is of {what} {own}")


def _age(body: Any, at: dt.datetime) -> str | None:
    """A remark on a body older than a day: it may be a replay. It is handled as any other, since the record is read anew."""
    stamp = body.get("timestamp") if isinstance(body, dict) else None
    try:
        moment = dt.datetime.fromisoformat(stamp)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return "its event was more than 24 hours old when it arrived" if at - moment > OLD else None
