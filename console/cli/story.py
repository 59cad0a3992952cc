"""One run or one event told on one screen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from console.cli.output import as_json_value, say, shown

Dict = Mapping[str, Any]
MAX_VALUE = 400
MOST_EVENTS = 20


def run(found: Dict) -> None:
    event, version = found["event"] or {}, found["version"]
    rule = f"{found['automation']}@{version['hash'][:8]} ({version['file']})"
    say(f"run {found['id']}  {found['state']}  {rule}, stage {found['stage']}")
    _fact("reason", found["reason"])
    _fact("error", _error(found["error"]))
    _fact("event", f"{event.get('id')}: {_happened(event)}")
    _fact("trigger", found["trigger"])
    moments = (("made", "created_at"), ("started", "started_at"), ("finished", "finished_at"))
    _fact("times", ", ".join(f"{word} {shown(found[key])}" for word, key in moments))
    waits = found["state"] == "waiting" and found["run_after"]
    _fact("attempts", f"{found['attempt']}" + (f", next at {shown(found['run_after'])}" if waits else ""))
    _flow(found)
    _copies(found["copies"])
    _lines(found["lines"] or [])
    _steps(found["steps"])
    _calls(found["calls"])
    for effect in found["effects"]:
        say(f"effect {effect['id']}  {effect['state']}  {effect['policy']}  {effect['summary']}")


def _flow(found: Dict) -> None:
    """What the run gathered, whose turn it waited for, and what it asked."""
    if len(found["gathered_events"]) > 1:
        _fact(
            "gathered", f"{len(found['gathered_events'])} events: {', '.join(map(str, found['gathered_events'][:MOST_EVENTS]))}"
        )
    if found["group_key"]:
        _fact("gathers", f"events of its key until {shown(found['gather_until'])} at the latest")
    keys = (("overlap", "overlap_key"), ("throttle", "throttle_key"))
    _fact("keys", ", ".join(f"{word} {found[key]}" for word, key in keys if found[key]))
    if found["digest_until"]:
        _fact("digest", f"its messages are gathered until {shown(found['digest_until'])}")
    for one in found["questions"]:
        said = f"{one['choice']} by {one['answered_by']} at {shown(one['answered_at'])}" if one["choice"] else one["state"]
        _fact("question", f"{one['question']} (approval {one['id']}): {said}")


def event(found: Dict) -> None:
    say(f"event {found['id']}  {found['state']}  {_happened(found)}")
    _fact("reason", found["reason"])
    _fact("connector", found["connector"])
    _fact("source", f"{found['source']}, payload {found['payload_version'] or '-'}, key {found['event_key']}")
    _fact("scope", ", ".join(f"{name} {found[f'{name}_id'] or '-'}" for name in ("company", "project", "user", "app")))
    _fact("happened", shown(found["timestamp"]))
    _delivery(found["delivery"])
    for name, reason in (found["reasons"] or {}).items():
        say(f"  {name} did not run: {reason}")
    for one in found["runs"]:
        say(f"run {one['id']}  {one['state']}  {one['automation']}  {one['reason'] or ''}".rstrip())


def delivery(found: Dict) -> None:
    say(f"delivery {found['id']}  {found['state']}  {found['connector']}")
    _fact("reason", found["reason"])
    _fact("received", f"{shown(found['received_at'])}, {len(found['raw'])} bytes of {found['content_type'] or 'no content type'}")
    _fact("sent", _short(found["raw"]))
    for one in found["events"]:
        say(f"event {one['id']}  {one['state']}  {_happened(one)}")


def _delivery(delivery: Dict | None) -> None:
    if delivery is None:
        return
    times = f"received {shown(delivery['received_at'])}, sorted {shown(delivery['sorted_at'])}"
    _fact("delivery", f"{delivery['id']}: {delivery['state']}, {times}")
    _fact("sent", _short(delivery["raw"]))


def _happened(event: Dict) -> str:
    return f"{event.get('resource_name')} {event.get('resource_id')} {event.get('action')}"


def _fact(name: str, value: object) -> None:
    if value not in (None, "", "-"):
        say(f"  {name:10} {value}")


def _error(error: Dict | None) -> str | None:
    if not error:
        return None
    step = f"step {error['step']}: " if error.get("step") else ""
    return f"{step}{error.get('message')} [{error.get('kind')}]"


def _copies(copies: Dict) -> None:
    for name in ("before", "after"):
        copy = copies[name]
        if copy:
            of = f"copy {copy['id']} of {copy['resource']} {copy['record_id']}"
            _fact(name, f"{of}, updated {shown(copy['updated_at'])}, read {shown(copy['fetched_at'])}")


def _lines(lines: list[Dict]) -> None:
    for line in lines:
        held = {True: "true", False: "false"}.get(line.get("held"), "error")  # type: ignore[arg-type]
        seen = ", ".join(f"{path} = {_short(value)}" for path, value in (line.get("seen") or {}).items())
        say(f"if[{line.get('index')}]  {held}  {' '.join(str(line.get('text')).split())}")
        _fact("saw", seen)
        _fact("error", line.get("error"))


def _steps(steps: list[Dict]) -> None:
    for step in steps:
        ended = f"attempt {step['attempt']}, {step['duration_ms']} ms, finished {shown(step['finished_at'])}"
        say(f"step {step['path']}  {step['state']}  {ended}")
        _fact("input", _short(step["inputs"]))
        _fact("output", _short(step["output"]))
        _fact("error", _error(step["error"]))


def _calls(calls: list[Dict]) -> None:
    for call in calls:
        left = f", quota left {call['quota_left']}" if call["quota_left"] is not None else ""
        say(f"call {call['method']} {call['path']}  {call['status'] or 'no answer'}  {call['duration_ms']} ms{left}")
        _fact("error", call["error"])


def _short(value: Any) -> str:
    """A value in at most a few lines; the whole of it is in --json."""
    if value is None:
        return ""
    text = as_json_value(value) if isinstance(value, (str, bytes)) else json.dumps(as_json_value(value), ensure_ascii=False)
    text = " ".join(str(text).split())
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}… ({len(text)} signs; --json shows all)"
